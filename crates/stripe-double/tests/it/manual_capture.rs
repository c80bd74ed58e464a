//! Holding money and taking it later.

use serde_json::{Value, json};

use crate::support::{Fixture, id};

async fn held(fixture: &Fixture, card: &str) -> Value {
    let form = [("capture_method", "manual"), ("payment_method", card), ("confirm", "true")];
    let held = fixture.intent(&form).send().await.expect(200);
    assert_eq!(held["status"], "requires_capture");
    held
}

#[tokio::test]
async fn money_is_held_and_then_taken() {
    let fixture = Fixture::open().await;
    let intent = held(&fixture, "pm_card_visa").await;
    assert_eq!((&intent["amount_capturable"], &intent["amount_received"]), (&json!(2000), &json!(0)));
    let charge = &fixture.double.charges()[0];
    assert_eq!((&charge["captured"], &charge["paid"]), (&json!(false), &json!(true)));
    assert_eq!((&charge["amount_captured"], &charge["balance_transaction"]), (&json!(0), &Value::Null));
    let taken = fixture.done(&format!("payment_intents/{}/capture", id(&intent)), &[]).await;
    assert_eq!((&taken["amount_capturable"], &taken["amount_received"]), (&json!(0), &json!(2000)));
    let charge = &fixture.double.charges()[0];
    assert_eq!((&charge["captured"], &charge["amount_captured"]), (&json!(true), &json!(2000)));
    assert!(charge["balance_transaction"].is_string());
    let expected = [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ];
    assert_eq!(fixture.event_types().await, expected);
}

#[tokio::test]
async fn a_part_is_taken_and_the_rest_is_let_go() {
    let fixture = Fixture::open().await;
    let intent = id(&held(&fixture, "pm_card_visa").await);
    let taken = fixture.done(&format!("payment_intents/{intent}/capture"), &[("amount_to_capture", "1500")]).await;
    assert_eq!(taken["amount_received"], 1500);
    let charge = &fixture.double.charges()[0];
    assert_eq!((&charge["amount_captured"], &charge["amount_refunded"]), (&json!(1500), &json!(0)));
    assert_eq!(charge["refunded"], false);
    let more = fixture.post("refunds", &[("payment_intent", &intent), ("amount", "1501")]).send().await;
    assert_eq!(more.refusal().1, json!("amount"));
    fixture.done("refunds", &[("payment_intent", &intent)]).await;
    let charge = &fixture.double.charges()[0];
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(1500), &json!(true)));
    assert_eq!(fixture.double.all("refund").len(), 1, "what is let go is no refund");
}

#[tokio::test]
async fn no_more_is_taken_than_was_held() {
    let fixture = Fixture::open().await;
    let intent = held(&fixture, "pm_card_visa").await;
    let capture = format!("payment_intents/{}/capture", id(&intent));
    for (amount, code) in [("2001", "amount_too_large"), ("0", "parameter_invalid_integer")] {
        let error = fixture.post(&capture, &[("amount_to_capture", amount)]).send().await.error(400);
        assert_eq!((&error["code"], &error["payment_intent"]), (&json!(code), &intent));
    }
    assert_eq!(fixture.done(&capture, &[]).await["amount_received"], 2000);
    assert_eq!(fixture.post(&capture, &[]).send().await.refusal().0, json!("payment_intent_unexpected_state"));
}

#[tokio::test]
async fn a_cancelled_hold_is_let_go_and_takes_nothing() {
    let fixture = Fixture::open().await;
    let intent = id(&held(&fixture, "pm_card_visa").await);
    let canceled = fixture.done(&format!("payment_intents/{intent}/cancel"), &[]).await;
    assert_eq!((&canceled["status"], &canceled["amount_capturable"]), (&json!("canceled"), &json!(0)));
    let charge = &fixture.double.charges()[0];
    assert_eq!((&charge["captured"], &charge["amount_captured"]), (&json!(false), &json!(0)));
    assert_eq!((&charge["refunded"], &charge["amount_refunded"]), (&json!(false), &json!(0)));
    assert!(fixture.double.all("refund").is_empty());
    assert_eq!(fixture.event_types().await.last().unwrap(), "payment_intent.canceled");
    assert_eq!(fixture.post("refunds", &[("payment_intent", &intent)]).send().await.status, 400);
    let state = fixture.control(http::Method::GET, "state", json!({})).await.expect(200);
    let payment = &state["payment_intents"][0];
    assert_eq!((&payment["captured"], &payment["refunded"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn what_is_held_cannot_be_refunded() {
    let fixture = Fixture::open().await;
    let intent = held(&fixture, "pm_card_visa").await;
    let form = [("payment_intent", intent["id"].as_str().unwrap())];
    assert_eq!(fixture.post("refunds", &form).send().await.status, 400);
    let form = [("charge", intent["latest_charge"].as_str().unwrap())];
    assert_eq!(fixture.post("refunds", &form).send().await.status, 400);
    assert!(fixture.double.all("refund").is_empty());
}
