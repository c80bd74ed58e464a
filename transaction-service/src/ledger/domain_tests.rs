use strum::VariantArray;

use super::*;
use crate::{
    pricing,
    shipping::ShippingMethod,
    tax::{TaxClass, TaxRates},
};

fn usd(amount: i64) -> Money {
    Money { amount, currency: "USD".parse().unwrap() }
}

fn pricing(shipping: i64) -> Pricing {
    let item = pricing::PricedItem {
        sku: "A".parse().unwrap(),
        quantity: 2,
        product_id: uuid::Uuid::nil(),
        title: "Tee".into(),
        options: std::collections::BTreeMap::new(),
        unit_price: usd(1999),
        tax_class: TaxClass::Standard,
    };
    let rates = TaxRates { standard: "8.25".parse().unwrap(), reduced: None };
    pricing::price(vec![item], (ShippingMethod::Standard, usd(shipping)), rates).unwrap()
}

fn written(booking: &Booking) -> Vec<(&'static str, i64)> {
    assert_eq!(booking.entries.iter().map(|entry| entry.amount).sum::<i64>(), 0, "{booking:?}");
    booking.entries.iter().map(|entry| (entry.account.as_str(), entry.amount)).collect()
}

/// The books of an order of 3998 and tax of 330, shipped for nothing.
fn books() -> Books {
    let mut books = Books::default();
    books.add(&capture(&"ch_1".parse().unwrap(), &pricing(0), Timestamp::now()));
    books
}

fn transaction(amount: i64, fee: i64) -> BalanceTransaction {
    BalanceTransaction { id: "txn_1".parse().unwrap(), amount, fee, currency: "usd".into() }
}

#[test]
fn what_is_booked_sums_to_zero_and_nothing_is_booked_that_did_not_move() {
    let now = Timestamp::now();
    let capture = capture(&"ch_1".parse().unwrap(), &pricing(0), now);
    assert_eq!(written(&capture), [("stripe", 4328), ("sales", -3998), ("tax", -330)], "shipping was free");
    let odd = unmatched(&"ch_2".parse().unwrap(), usd(50), now);
    assert_eq!(written(&odd), [("stripe", 50), ("unmatched", -50)]);
}

#[test]
fn a_refund_takes_back_from_each_account_and_its_failure_puts_that_back() {
    let (mut books, now, id) = (books(), Timestamp::now(), "re_1".parse().unwrap());
    let part = refund(&books, &id, usd(1000), now);
    assert_eq!(written(&part), [("sales", 924), ("tax", 76), ("stripe", -1000)]);
    books.add(&part);
    assert_eq!((books.refunded(), books.is_reversed("re_1")), (1000, false));
    let failure = refund_failure(&books, &id, Some(&"txn_9".parse().unwrap()), usd(0).currency, now);
    assert_eq!(written(&failure), [("sales", -924), ("tax", -76), ("stripe", 1000)]);
    assert_eq!((failure.source.as_str(), failure.reverses.as_deref()), ("txn_9", Some("re_1")));
    books.add(&failure);
    assert_eq!((books.refunded(), books.is_reversed("re_1")), (0, true));
    let whole = refund(&books, &"re_2".parse().unwrap(), usd(4328), now);
    assert_eq!(written(&whole), [("sales", 3998), ("tax", 330), ("stripe", -4328)]);
    let nameless = refund_failure(&books, &id, None, usd(0).currency, now);
    assert_eq!(nameless.source, "re_1:failed");
}

#[test]
fn what_was_never_earned_is_given_back_from_where_it_waits() {
    let (mut books, now) = (Books::default(), Timestamp::now());
    books.add(&unmatched(&"ch_1".parse().unwrap(), usd(50), now));
    let back = refund(&books, &"re_1".parse().unwrap(), usd(50), now);
    assert_eq!(written(&back), [("unmatched", 50), ("stripe", -50)]);
}

#[test]
fn a_dispute_and_its_fee_are_booked_and_what_comes_back_is_taken_back() {
    let (usd, now) = (usd(0).currency, Timestamp::now());
    let withdrawn = dispute(&transaction(-4328, 1500), usd, now);
    assert_eq!(written(&withdrawn), [("disputes", 4328), ("stripe_fees", 1500), ("stripe", -5828)]);
    assert_eq!(withdrawn.kind, Kind::Dispute);
    let won = dispute(&transaction(4328, 0), usd, now);
    assert_eq!((written(&won), won.kind), (vec![("disputes", -4328), ("stripe", 4328)], Kind::DisputeReversal));
    let fee_back = dispute(&transaction(0, -1500), usd, now);
    assert_eq!(
        (written(&fee_back), fee_back.kind),
        (vec![("stripe_fees", -1500), ("stripe", 1500)], Kind::DisputeReversal)
    );
    let fee_only = dispute(&transaction(0, 1500), usd, now);
    assert_eq!((written(&fee_only), fee_only.kind), (vec![("stripe_fees", 1500), ("stripe", -1500)], Kind::Dispute));
}

#[test]
fn every_word_is_read_as_it_is_written() {
    for &account in Account::VARIANTS {
        assert_eq!(account.as_str().parse(), Ok(account));
        assert_eq!(serde_json::json!(account), account.as_str());
    }
    for &kind in Kind::VARIANTS {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!(serde_json::json!(kind), kind.as_str());
    }
    let accounts = Account::VARIANTS.iter().map(|account| account.as_str()).collect::<Vec<_>>();
    let expected = ["stripe", "sales", "shipping", "tax", "refunds", "disputes", "stripe_fees", "unmatched"];
    assert_eq!(accounts, expected, "as it is stored");
    let kinds = Kind::VARIANTS.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let expected = ["capture", "refund", "refund_failure", "dispute", "dispute_reversal", "unmatched"];
    assert_eq!(kinds, expected, "as it is stored");
}
