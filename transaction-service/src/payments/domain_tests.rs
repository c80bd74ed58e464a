use serde_json::{Value, json};

use super::*;
use crate::orders::domain::{State, tests::order};

/// A PaymentIntent of 10.00 USD that took all of it, with other members.
fn intent(members: &Value) -> PaymentIntent {
    let mut intent = json!({
        "id": "pi_1", "status": "succeeded", "amount": 1000, "amount_received": 1000, "currency": "usd",
        "client_secret": "pi_1_secret_2", "created": 1_800_000_000,
        "latest_charge": {"id": "ch_1", "amount": 1000, "amount_captured": 1000, "amount_refunded": 0, "currency": "usd",
            "status": "succeeded"}
    });
    for (name, value) in members.as_object().unwrap() {
        match name.strip_prefix("charge.") {
            Some(name) => intent["latest_charge"][name] = value.clone(),
            None => intent[name] = value.clone(),
        }
    }
    serde_json::from_value(intent).unwrap()
}

fn open() -> Order {
    order(State::RequiresAction, Method::Client)
}

#[test]
fn an_order_is_paid_by_what_it_costs_and_by_nothing_else() {
    let order = open();
    let step = |members: &Value| next_step(&order, &intent(members), order.created_at);
    assert_eq!(step(&json!({})), Step::Save(Outcome::Paid));
    assert_eq!(step(&json!({"currency": "USD"})), Step::Save(Outcome::Paid));
    for (members, why) in [
        (json!({"amount_received": 999}), Mismatch::OtherAmount),
        (json!({"amount_received": 1001}), Mismatch::OtherAmount),
        (json!({"amount_received": 2000, "charge.amount_captured": 2000}), Mismatch::OtherAmount),
        (json!({"amount": 50, "amount_received": 50, "charge.amount_captured": 50}), Mismatch::OtherAmount),
        (json!({"charge.amount_captured": 0}), Mismatch::OtherAmount),
        (json!({"amount_received": null}), Mismatch::OtherAmount),
        (json!({"currency": "jpy", "charge.currency": "jpy"}), Mismatch::OtherCurrency),
        (json!({"charge.currency": "eur"}), Mismatch::OtherCurrency),
        (json!({"latest_charge": null}), Mismatch::NoCharge),
        (json!({"latest_charge": "ch_1"}), Mismatch::NoCharge),
    ] {
        assert_eq!(step(&members), Step::Mismatch(why), "{members}");
    }
}

#[test]
fn an_amount_in_a_currency_that_was_withdrawn_is_read() {
    for (currency, code) in [("usd", "USD"), ("bgn", "BGN"), ("HRK", "HRK")] {
        let read = money(150, currency).unwrap();
        assert_eq!((read.amount, read.currency.code()), (150, code));
    }
    assert_eq!((money(1, "zzz"), money(1, "")), (None, None));
}

#[test]
fn a_status_that_is_unknown_is_waited_for_before_and_after_the_deadline() {
    let order = open();
    for now in [order.created_at, order.expires_at, order.expires_at.plus(CREATE_WITHIN)] {
        assert_eq!(next_step(&order, &intent(&json!({"status": "on_hold"})), now), Step::Wait);
    }
}

#[test]
fn a_cancellation_for_a_reason_that_is_unknown_expires_the_order() {
    let cancelled = intent(&json!({"status": "canceled", "cancellation_reason": "bored"}));
    assert_eq!(next_step(&open(), &cancelled, open().created_at), Step::Save(Outcome::Expired));
}

fn found(intents: Vec<Value>) -> List<PaymentIntent> {
    let intents: Vec<Value> = intents
        .into_iter()
        .enumerate()
        .map(|(nth, members)| {
            let mut intent = json!({"id": format!("pi_{nth}"), "status": "succeeded", "amount": 1000, "currency": "usd",
                "created": 0});
            for (name, value) in members.as_object().unwrap() {
                intent[name] = value.clone();
            }
            intent
        })
        .collect();
    serde_json::from_value(json!({"data": intents, "has_more": false})).unwrap()
}

#[test]
fn the_own_payment_of_an_old_order_is_the_only_one_that_can_be_it() {
    let own = |intents| own_of(&open(), found(intents)).map(|intent| intent.map(|intent| intent.id.to_string()));
    assert_eq!(own(vec![]), Ok(None));
    assert_eq!(own(vec![json!({"amount": 50})]), Ok(Some("pi_0".into())), "lowered at Stripe, and no other");
    assert_eq!(own(vec![json!({"amount": 50}), json!({}), json!({"currency": "eur"})]), Ok(Some("pi_1".into())));
    assert_eq!(own(vec![json!({}), json!({})]), Err(Mismatch::Ambiguous));
    assert_eq!(own(vec![json!({"amount": 50}), json!({"amount": 60})]), Err(Mismatch::Ambiguous));
    assert_eq!(own(vec![json!({}), json!({"amount": "odd"})]), Err(Mismatch::Ambiguous), "one cannot be read");
    let mut more = found(vec![json!({})]);
    more.has_more = true;
    assert_eq!(own_of(&open(), more).unwrap_err(), Mismatch::Ambiguous);
}

#[test]
fn a_mismatch_is_logged_by_the_word_that_operators_look_up() {
    use Mismatch::{Ambiguous, NoCharge, NotItsOwn, OrderIsOver, OtherAmount, OtherCurrency};
    let words = [NotItsOwn, Ambiguous, OtherCurrency, OtherAmount, NoCharge, OrderIsOver].map(Mismatch::as_str);
    let expected = ["not_its_own", "ambiguous", "other_currency", "other_amount", "no_charge", "order_is_over"];
    assert_eq!(words, expected);
}
