use std::collections::BTreeMap;

use common::money::Money;
use uuid::Uuid;

use super::*;
use crate::{
    pricing,
    shipping::ShippingMethod,
    tax::{TaxClass, TaxRates},
};

fn usd(amount: i64) -> Money {
    Money { amount, currency: "USD".parse().unwrap() }
}

/// An order of one line for 10.00 USD, in this state.
pub(crate) fn order(state: State, method: Method) -> Order {
    let item = pricing::PricedItem {
        sku: "TEE-1".parse().unwrap(),
        quantity: 1,
        product_id: Uuid::nil(),
        title: "Tee".into(),
        options: BTreeMap::new(),
        unit_price: usd(1000),
        tax_class: TaxClass::Standard,
    };
    let rates = TaxRates { standard: "0".parse().unwrap(), reduced: None };
    let shipping = (ShippingMethod::Standard, usd(0));
    let address = serde_json::json!({"name": "Ada", "line1": "1 High St", "line2": null, "city": "Oxford",
        "region": null, "postal_code": null, "country": "GB", "phone": null});
    let now = Timestamp::from_unix_millis(1_800_000_000_000).unwrap();
    let expires_at = now.plus(std::time::Duration::from_mins(30));
    let payment = Payment {
        method,
        intent: None,
        client_secret: None,
        captured: 0,
        refunded: 0,
        disputed: false,
        failure: None,
        no_more_tries: false,
    };
    Order {
        id: Uuid::from_u128(1).into(),
        owner: Owner::Guest(Uuid::from_u128(2)),
        request_hash: [0; 32],
        state,
        version: 3,
        due_at: state.is_open().then_some(expires_at),
        expires_at,
        pricing: pricing::price(vec![item], shipping, rates).unwrap(),
        shipping_address: serde_json::from_value(address).unwrap(),
        email: "ada@example.com".parse().unwrap(),
        notify_by: common::contact::Channels::EMAIL,
        phone: None,
        locale: None,
        from_cart: false,
        cart_version: None,
        payment,
        cancellation_reason: None,
        answer: None,
        created_at: now,
        updated_at: now,
    }
}

fn outcomes() -> [Outcome; 5] {
    [
        Outcome::RequiresAction(ClientSecret("pi_1_secret_2".into())),
        Outcome::Paid,
        Outcome::Failed(Failure { code: "generic_decline".into(), message: "Declined.".into() }),
        Outcome::Cancelled,
        Outcome::Expired,
    ]
}

#[test]
fn every_state_and_outcome_lead_where_the_table_says() {
    for &state in State::VARIANTS {
        for outcome in outcomes() {
            let before = order(state, Method::Client);
            let to = outcome.state();
            let after = before.after(outcome, before.created_at);
            match (state, to) {
                (from, to) if from == to => assert_eq!(after, Ok(None)),
                (State::Pending | State::RequiresAction, to) => {
                    let after = after.unwrap().unwrap();
                    assert_eq!((after.state, after.version), (to, before.version + 1));
                    assert_eq!(after.due_at.is_some(), to.is_open());
                }
                (from, to) => assert_eq!(after, Err(InvalidTransition { order: before.id, from, to })),
            }
        }
    }
}

#[test]
fn a_paid_order_has_taken_its_total_and_a_closed_one_shows_no_client_secret() {
    let pending = order(State::Pending, Method::Client);
    let waiting = pending.after(outcomes()[0].clone(), pending.created_at).unwrap().unwrap();
    assert_eq!(waiting.payment.client_secret, Some(ClientSecret("pi_1_secret_2".into())));
    assert_eq!(waiting.due_at, Some(waiting.expires_at), "no sweep works on it before");
    let paid = waiting.after(Outcome::Paid, pending.created_at).unwrap().unwrap();
    assert_eq!((paid.payment.captured, paid.payment.client_secret), (1000, None));
}

#[test]
fn only_a_paid_order_can_turn_out_to_be_sold_out() {
    for &state in State::VARIANTS {
        let order = order(state, Method::Client);
        let after = order.sold_out(order.created_at);
        match state {
            State::Paid => assert_eq!(after.unwrap().unwrap().cancellation_reason.as_deref(), Some(SOLD_OUT)),
            State::Cancelled => assert_eq!(after, Ok(None)),
            from => assert_eq!(after, Err(InvalidTransition { order: order.id, from, to: State::Cancelled })),
        }
    }
}

#[test]
fn a_client_secret_is_not_shown() {
    assert_eq!(format!("{:?}", ClientSecret("pi_1_secret_2".into())), "ClientSecret(..)");
}

#[test]
fn a_state_is_written_as_it_is_stored() {
    let names = State::VARIANTS.iter().map(|state| state.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["pending", "requires_action", "paid", "payment_failed", "cancelled", "expired"]);
    for &state in State::VARIANTS {
        assert_eq!(state.as_str().parse(), Ok(state));
        assert_eq!(serde_json::json!(state), state.as_str());
    }
    let saved = Method::Saved { customer: "cus_1".parse().unwrap(), payment_method: "pm_1".parse().unwrap() };
    assert_eq!((saved.as_str(), Method::Client.as_str()), ("saved", "client"));
}
