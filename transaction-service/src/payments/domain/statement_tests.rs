use serde_json::{Value, json};

use super::*;
use crate::{
    ledger::domain::Kind,
    orders::domain::{Method, Outcome, State, tests::order},
};

/// A paid order of 10.00 USD, and its books.
fn paid() -> (Order, Books) {
    let order = order(State::RequiresAction, Method::Client);
    let order = order.after(Outcome::Paid, order.created_at).unwrap().unwrap();
    let mut books = Books::default();
    books.add(&ledger::capture(&"ch_1".parse().unwrap(), &order.pricing, order.created_at));
    (order, books)
}

fn refund(id: &str, amount: i64, status: &str, failure: Option<&str>) -> Value {
    json!({"id": id, "amount": amount, "currency": "usd", "status": status, "balance_transaction": format!("txn_{id}"),
        "failure_balance_transaction": failure})
}

/// Newest first, as Stripe lists them.
fn statement(refunds: &[Value], disputes: Option<&[Value]>) -> Statement {
    let list = |data: &[Value]| json!({"data": data, "has_more": false});
    Statement {
        refunds: serde_json::from_value(list(refunds)).unwrap(),
        disputes: disputes.map(|disputes| serde_json::from_value(list(disputes)).unwrap()),
        is_disputed: disputes.is_some(),
    }
}

fn booked(changes: &Changes) -> Vec<(Kind, &str, i64)> {
    let at_stripe = |booking: &Booking| {
        let at_stripe = |entry: &&ledger::Entry| entry.account == ledger::Account::Stripe;
        booking.entries.iter().find(at_stripe).map_or(0, |entry| entry.amount)
    };
    changes.bookings.iter().map(|booking| (booking.kind, booking.source.as_str(), at_stripe(booking))).collect()
}

fn compared(statement: &Statement) -> Changes {
    let (order, books) = paid();
    statement.compare(&order, &books, &Seen::new(), order.created_at)
}

#[test]
fn what_succeeded_is_booked_and_what_is_under_way_or_unknown_is_waited_for() {
    let odd = json!({"id": "re_5", "amount": 1, "currency": "usd", "status": null});
    let refunds = [
        odd,
        refund("re_4", 1, "on_hold", None),
        refund("re_3", 1, "requires_action", None),
        refund("re_2", 1, "pending", None),
        refund("re_1", 300, "succeeded", None),
    ];
    let changes = compared(&statement(&refunds, None));
    assert_eq!(booked(&changes), [(Kind::Refund, "re_1", -300)]);
    assert_eq!((changes.refunded, changes.disputed, changes.passed_over), (300, false, 0));
    let meanings: Vec<(&str, Meaning)> = changes
        .status_changes
        .iter()
        .map(|status_changes| (status_changes.status.as_str(), status_changes.meaning))
        .collect();
    let nothing = Meaning::Nothing;
    assert_eq!(
        meanings,
        [
            ("succeeded", nothing),
            ("pending", nothing),
            ("requires_action", nothing),
            ("on_hold", Meaning::Unknown),
            ("null", Meaning::Unknown)
        ]
    );
}

#[test]
fn a_refund_that_failed_is_taken_back_whether_it_was_booked_or_never_seen() {
    let (order, mut books) = paid();
    let failed = statement(&[refund("re_1", 300, "failed", Some("txn_9"))], None);
    let unseen = failed.compare(&order, &books, &Seen::new(), order.created_at);
    let both = [(Kind::Refund, "re_1", -300), (Kind::RefundFailure, "txn_9", 300)];
    assert_eq!((booked(&unseen), unseen.refunded), (both.to_vec(), 0));
    assert_eq!(unseen.status_changes[0].meaning, Meaning::RefundFailed);

    let first = compared(&statement(&[refund("re_1", 300, "succeeded", None)], None));
    first.bookings.iter().for_each(|booking| books.add(booking));
    let order = order.with_refunds(first.refunded, false, order.created_at);
    let seen = Seen::from([("re_1".to_owned(), "succeeded".to_owned())]);
    let second = failed.compare(&order, &books, &seen, order.created_at);
    assert_eq!((booked(&second), second.refunded, second.status_changes.len()), (both[1..].to_vec(), 0, 1));
    second.bookings.iter().for_each(|booking| books.add(booking));
    let order = order.with_refunds(second.refunded, false, order.created_at);
    let seen = Seen::from([("re_1".to_owned(), "failed".to_owned())]);
    assert!(failed.compare(&order, &books, &seen, order.created_at).is_nothing(&order), "repeated, nothing is new");
}

#[test]
fn a_refund_that_failed_before_any_money_moved_raises_an_alarm_and_is_not_booked() {
    for status in ["failed", "canceled"] {
        let changes = compared(&statement(&[refund("re_1", 300, status, None)], None));
        assert_eq!((booked(&changes).len(), changes.refunded), (0, 0));
        assert_eq!(changes.status_changes[0].meaning, Meaning::RefundFailed);
    }
}

#[test]
fn news_of_a_refund_or_dispute_names_its_reason_amount_and_currency() {
    let mut failed = refund("re_1", 300, "failed", None);
    failed["failure_reason"] = json!("expired_or_canceled_card");
    let mut opened = dispute("needs_response", &[]);
    opened["reason"] = json!("fraudulent");
    let changes = compared(&statement(&[refund("re_2", 20, "failed", None), failed], Some(&[opened])));
    let told: Vec<_> = changes
        .status_changes
        .iter()
        .map(|status_changes| (status_changes.reason.as_deref(), status_changes.amount, &*status_changes.currency))
        .collect();
    let expected =
        [(Some("expired_or_canceled_card"), 300, "usd"), (None, 20, "usd"), (Some("fraudulent"), 1000, "usd")];
    assert_eq!(told, expected);
}

#[test]
fn a_refund_that_cannot_be_read_hides_no_other_and_what_was_booked_of_it_stays() {
    let (order, mut books) = paid();
    let first = compared(&statement(&[refund("re_1", 300, "succeeded", None)], None));
    first.bookings.iter().for_each(|booking| books.add(booking));
    let odd = json!({"id": "re_1", "amount": "odd"});
    let in_nowhere = json!({"id": "re_3", "amount": 1, "currency": "zzz", "status": "succeeded"});
    let now = statement(&[in_nowhere, refund("re_2", 200, "succeeded", None), odd], None);
    let changes = now.compare(&order, &books, &Seen::new(), order.created_at);
    assert_eq!(booked(&changes), [(Kind::Refund, "re_2", -200)]);
    assert_eq!((changes.refunded, changes.passed_over), (500, 2));
}

#[test]
fn money_that_never_paid_for_the_order_is_given_back_and_the_order_is_refunded_of_nothing() {
    let (order, mut books) = (order(State::Expired, Method::Client), Books::default());
    books.add(&ledger::unmatched(&"ch_1".parse().unwrap(), money(50, "usd").unwrap(), order.created_at));
    let statement = statement(&[refund("re_1", 50, "succeeded", None)], None);
    let changes = statement.compare(&order, &books, &Seen::new(), order.created_at);
    assert_eq!((booked(&changes), changes.refunded), (vec![(Kind::Refund, "re_1", -50)], 0));
}

fn dispute(status: &str, transactions: &[(&str, i64, i64)]) -> Value {
    let transactions = transactions
        .iter()
        .map(|(id, amount, fee)| json!({"id": id, "amount": amount, "fee": fee, "currency": "usd"}))
        .collect::<Vec<_>>();
    json!({"id": "du_1", "amount": 1000, "currency": "usd", "status": status, "balance_transactions": transactions})
}

#[test]
fn a_dispute_is_booked_by_what_it_did_to_the_balance_and_its_status_is_followed() {
    let withdrawn = ("txn_1", -1000, 1500);
    for (status, transactions, disputed, meaning) in [
        ("warning_needs_response", vec![], true, Meaning::DisputeOpened),
        ("warning_closed", vec![], false, Meaning::DisputeWon),
        ("needs_response", vec![withdrawn], true, Meaning::DisputeOpened),
        ("under_review", vec![withdrawn], true, Meaning::Nothing),
        ("lost", vec![withdrawn], true, Meaning::DisputeLost),
        ("won", vec![withdrawn, ("txn_2", 1000, 0)], false, Meaning::DisputeWon),
        ("on_hold", vec![withdrawn], true, Meaning::Unknown),
    ] {
        let changes = compared(&statement(&[], Some(&[dispute(status, &transactions)])));
        let expected: Vec<_> = transactions
            .iter()
            .map(|(id, amount, fee)| {
                (if *amount < 0 { Kind::Dispute } else { Kind::DisputeReversal }, *id, amount - fee)
            })
            .collect();
        assert_eq!((booked(&changes), changes.disputed), (expected, disputed), "{status}");
        assert_eq!((changes.status_changes[0].meaning, changes.refunded), (meaning, 0), "{status}");
    }
    let none_read = statement(&[], Some(&[json!({"id": "du_1"})]));
    let changes = compared(&none_read);
    assert_eq!((changes.disputed, changes.passed_over), (true, 1), "what the charge says holds");
}
