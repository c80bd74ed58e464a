//! What is booked when money moves. The entries of one movement sum to zero; the database refuses others.

use common::{
    money::{Currency, Money},
    timestamp::Timestamp,
};
use serde::Serialize;
use stripe::{ChargeId, RefundId};
use utoipa::ToSchema;

use crate::pricing::Pricing;

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What Stripe holds for us.
    Stripe,
    /// What was earned with goods, before tax.
    Sales,
    /// What was earned with shipping, before tax.
    Shipping,
    /// What is owed to the state.
    Tax,
    /// What was given back.
    Refunds,
}

impl Account {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Sales => "sales",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Refunds => "refunds",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Money was taken.
    Capture,
    /// Money was given back.
    Refund,
}

impl Kind {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
        }
    }
}

/// One entry: a debit where the amount is positive, a credit where it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub account: Account,
    /// Minor units.
    pub amount: i64,
}

/// The entries of one movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// What happened.
    pub kind: Kind,
    /// The charge or refund at Stripe. Booked once, whoever hears of it how often.
    pub source: String,
    /// What the amounts are in.
    pub currency: Currency,
    /// They sum to zero.
    pub entries: Vec<Entry>,
    /// When it was booked.
    pub booked_at: Timestamp,
}

/// Books that the whole price was taken by `charge`.
pub fn capture(charge: &ChargeId, pricing: &Pricing, now: Timestamp) -> Booking {
    let credits =
        [(Account::Sales, pricing.subtotal), (Account::Shipping, pricing.shipping.price), (Account::Tax, pricing.tax)];
    let credits = credits.map(|(account, money)| Entry { account, amount: -money.amount });
    let debit = Entry { account: Account::Stripe, amount: pricing.total.amount };
    booking(Kind::Capture, charge.to_string(), pricing.currency(), [debit].into_iter().chain(credits), now)
}

/// Books that `amount` was given back by `refund`.
pub fn refund(refund: &RefundId, amount: Money, now: Timestamp) -> Booking {
    let entries = [
        Entry { account: Account::Refunds, amount: amount.amount },
        Entry { account: Account::Stripe, amount: -amount.amount },
    ];
    booking(Kind::Refund, refund.to_string(), amount.currency, entries.into_iter(), now)
}

fn booking(
    kind: Kind,
    source: String,
    currency: Currency,
    entries: impl Iterator<Item = Entry>,
    booked_at: Timestamp,
) -> Booking {
    let entries = entries.filter(|entry| entry.amount != 0).collect();
    Booking { kind, source, currency, entries, booked_at }
}

/// An entry as staff read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerEntry {
    /// `capture` or `refund`.
    #[schema(value_type = Kind)]
    pub kind: String,
    /// The charge or refund at Stripe.
    #[schema(example = "ch_3MmlLrLkdIwHu7ix0snN0B15")]
    pub source: String,
    /// Where.
    #[schema(value_type = Account)]
    pub account: String,
    /// Minor units; a debit where positive, a credit where negative.
    #[schema(example = -3998)]
    pub amount: i64,
    /// What the amount is in.
    #[schema(value_type = Currency)]
    pub currency: String,
    /// When it was booked.
    pub booked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pricing,
        shipping::ShippingMethod,
        tax::{TaxClass, TaxRates},
    };

    fn usd(amount: i64) -> Money {
        Money { amount, currency: "USD".parse().unwrap() }
    }

    #[test]
    fn what_is_booked_sums_to_zero_and_nothing_is_booked_that_did_not_move() {
        let item = pricing::Item {
            sku: "A".parse().unwrap(),
            quantity: 2,
            product_id: uuid::Uuid::nil(),
            title: "Tee".into(),
            options: std::collections::BTreeMap::new(),
            unit_price: usd(1999),
            tax_class: TaxClass::Standard,
        };
        let rates = TaxRates { standard: "8.25".parse().unwrap(), reduced: None };
        let pricing = pricing::price(vec![item], (ShippingMethod::Standard, usd(0)), rates).unwrap();
        let now = Timestamp::now();
        let capture = capture(&"ch_1".parse().unwrap(), &pricing, now);
        let accounts: Vec<&str> = capture.entries.iter().map(|entry| entry.account.as_str()).collect();
        assert_eq!(accounts, ["stripe", "sales", "tax"], "shipping was free");
        let refund = refund(&"re_1".parse().unwrap(), usd(5), now);
        for booking in [capture, refund] {
            assert_eq!(booking.entries.iter().map(|entry| entry.amount).sum::<i64>(), 0, "{booking:?}");
        }
    }
}
