//! What is booked when money moves. The entries of one movement sum to zero; the database refuses others. Which movement
//! is booked how: `docs/decisions/0026-ledger-of-refunds-and-disputes.md`.

mod books;
mod split;

use common::{
    money::{Currency, Money},
    timestamp::Timestamp,
};
use serde::Serialize;
use stripe::{BalanceTransaction, BalanceTransactionId, ChargeId, RefundId};
use utoipa::ToSchema;

pub use self::books::Books;
use self::split::split;
use crate::pricing::Pricing;

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What Stripe holds for the shop.
    Stripe,
    /// What was earned with goods, before tax.
    Sales,
    /// What was earned with shipping, before tax.
    Shipping,
    /// What is owed to the state.
    Tax,
    /// What was given back, where a refund was booked before refunds took their parts from sales, shipping and tax.
    Refunds,
    /// What cardholders disputed and their banks withdrew.
    Disputes,
    /// What Stripe charged for disputes.
    StripeFees,
    /// What Stripe holds and no order accounts for: staff refund it, or find out what it is.
    Unmatched,
}

impl Account {
    const ALL: [Self; 8] = [
        Self::Stripe,
        Self::Sales,
        Self::Shipping,
        Self::Tax,
        Self::Refunds,
        Self::Disputes,
        Self::StripeFees,
        Self::Unmatched,
    ];
    /// What a price is made of.
    const PARTS: [Self; 3] = [Self::Sales, Self::Shipping, Self::Tax];

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Sales => "sales",
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::StripeFees => "stripe_fees",
            Self::Unmatched => "unmatched",
        }
    }

    /// The account of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.as_str() == name)
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
    /// Money that was given back returned to the shop: the refund failed.
    RefundFailure,
    /// Money was withdrawn for a dispute, with its fee.
    Dispute,
    /// Money that was withdrawn for a dispute came back.
    DisputeReversal,
    /// Money was taken that is not what the order costs, or that came when the order was over.
    Unmatched,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Capture, Self::Refund, Self::RefundFailure, Self::Dispute, Self::DisputeReversal, Self::Unmatched];

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::Dispute => "dispute",
            Self::DisputeReversal => "dispute_reversal",
            Self::Unmatched => "unmatched",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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
    /// The charge, refund or balance transaction at Stripe. Booked once, whoever hears of it how often.
    pub source: String,
    /// The source whose entries this takes back.
    pub reverses: Option<String>,
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
    let credits = credits.map(|(account, money)| (account, -money.amount));
    let debit = (Account::Stripe, pricing.total.amount);
    booking(Kind::Capture, charge.to_string(), pricing.currency(), [debit].into_iter().chain(credits), now)
}

/// Books that `amount` was taken by `charge`, which is not what the order costs.
pub fn unmatched(charge: &ChargeId, amount: Money, now: Timestamp) -> Booking {
    let entries = [(Account::Stripe, amount.amount), (Account::Unmatched, -amount.amount)];
    booking(Kind::Unmatched, charge.to_string(), amount.currency, entries.into_iter(), now)
}

/// Books that `amount` was given back by `refund`: sales, shipping and tax each take back their part of it, so that they
/// are at zero once all is given back. Money that was never earned leaves the account where it waits.
pub fn refund(books: &Books, refund: &RefundId, amount: Money, now: Timestamp) -> Booking {
    let (parts, taken) =
        (Account::PARTS.map(|part| books.earned(part)), Account::PARTS.map(|part| books.taken_back(part)));
    let debits = match split(parts, taken, amount.amount) {
        Some(split) => {
            [(Account::PARTS[0], split[0]), (Account::PARTS[1], split[1]), (Account::PARTS[2], split[2])].to_vec()
        }
        None => vec![(Account::Unmatched, amount.amount)],
    };
    let credit = (Account::Stripe, -amount.amount);
    booking(Kind::Refund, refund.to_string(), amount.currency, debits.into_iter().chain([credit]), now)
}

/// Books that `refund`, which is booked, failed: its entries are taken back, each by as much.
pub fn refund_failure(
    books: &Books,
    refund: &RefundId,
    cause: Option<&BalanceTransactionId>,
    currency: Currency,
    now: Timestamp,
) -> Booking {
    let entries = books.entries_of(refund.as_str()).map(|entry| (entry.account, -entry.amount));
    // Where Stripe does not say by which transaction the money returned, the refund names its reversal.
    let source = cause.map_or_else(|| format!("{refund}:failed"), ToString::to_string);
    let booking = booking(Kind::RefundFailure, source, currency, entries, now);
    Booking { reverses: Some(refund.to_string()), ..booking }
}

/// Books what a dispute did to the balance: what was withdrawn or came back, and its fee. In the currency that Stripe
/// pays out, which may be another than the payment's.
pub fn dispute(transaction: &BalanceTransaction, currency: Currency, now: Timestamp) -> Booking {
    let amount = stripe::amount::from_stripe(transaction.amount, currency);
    let fee = stripe::amount::from_stripe(transaction.fee, currency);
    let kind = if amount > 0 || (amount == 0 && fee < 0) { Kind::DisputeReversal } else { Kind::Dispute };
    let entries = [(Account::Disputes, -amount), (Account::StripeFees, fee), (Account::Stripe, amount - fee)];
    booking(kind, transaction.id.to_string(), currency, entries.into_iter(), now)
}

fn booking(
    kind: Kind,
    source: String,
    currency: Currency,
    entries: impl Iterator<Item = (Account, i64)>,
    booked_at: Timestamp,
) -> Booking {
    let entries = entries.filter(|(_, amount)| *amount != 0).map(|(account, amount)| Entry { account, amount });
    Booking { kind, source, reverses: None, currency, entries: entries.collect(), booked_at }
}

/// An entry as staff read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerEntry {
    /// What happened.
    pub kind: Kind,
    /// The charge, refund or balance transaction at Stripe.
    #[schema(example = "ch_3MmlLrLkdIwHu7ix0snN0B15")]
    pub source: String,
    /// The source whose entries this takes back: a refund that failed; else `null`.
    #[schema(required, example = "re_1Nispe2eZvKYlo2Cd31jOCgZ")]
    pub reverses: Option<String>,
    /// Where.
    pub account: Account,
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
#[path = "domain_tests.rs"]
mod tests;
