//! The cardholder is asked who they are.

use serde_json::{Value, json};
use stripe_double::Play;

use crate::support::{Fixture, id};

const CARDS: [&str; 2] = ["pm_card_threeDSecure2Required", "pm_card_authenticationRequired"];

async fn asked(fixture: &Fixture, card: &str, more: &[(&str, &str)]) -> Value {
    let form = [&[("payment_method", card), ("confirm", "true")], more].concat();
    let intent = fixture.intent(&form).send().await.expect(200);
    assert_eq!(intent["status"], "requires_action", "{card}");
    intent
}

#[tokio::test]
async fn a_cardholder_who_approves_has_paid() {
    for card in CARDS {
        let fixture = Fixture::open().await;
        let intent = asked(&fixture, card, &[]).await;
        assert_eq!((&intent["latest_charge"], &intent["amount_received"]), (&Value::Null, &json!(0)));
        assert_eq!(intent["next_action"]["type"], "use_stripe_sdk");
        let paid = fixture.double.play(&id(&intent), Play::Approve).unwrap();
        assert_eq!((&paid["status"], &paid["next_action"]), (&json!("succeeded"), &Value::Null));
        let expected = [
            "payment_intent.created",
            "payment_intent.requires_action",
            "charge.succeeded",
            "payment_intent.succeeded",
        ];
        assert_eq!(fixture.event_types().await, expected);
        assert!(fixture.double.play(&id(&intent), Play::Approve).is_err(), "there is no second authentication");
        assert_eq!(fixture.double.charges().len(), 1);
    }
}

#[tokio::test]
async fn a_cardholder_who_refuses_has_not_paid_and_can_try_another_card() {
    for card in CARDS {
        let fixture = Fixture::open().await;
        let intent = id(&asked(&fixture, card, &[]).await);
        let outcome = json!({"outcome": "refuse"});
        let path = format!("payment_intents/{intent}/authenticate");
        let refused = fixture.control(http::Method::POST, &path, outcome).await.expect(200);
        assert_eq!((&refused["status"], &refused["next_action"]), (&json!("requires_payment_method"), &Value::Null));
        assert_eq!(refused["last_payment_error"]["code"], "payment_intent_authentication_failure");
        assert!(fixture.double.charges().is_empty());
        assert_eq!(fixture.event_types().await.last().unwrap(), "payment_intent.payment_failed");
        let confirm = format!("payment_intents/{intent}/confirm");
        assert_eq!(fixture.done(&confirm, &[("payment_method", "pm_card_visa")]).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_hold_needs_the_cardholder_too() {
    let fixture = Fixture::open().await;
    let intent = asked(&fixture, CARDS[0], &[("capture_method", "manual")]).await;
    let held = fixture.double.play(&id(&intent), Play::Approve).unwrap();
    assert_eq!((&held["status"], &held["amount_capturable"]), (&json!("requires_capture"), &json!(2000)));
}

#[tokio::test]
async fn a_cardholder_is_sent_to_a_page_where_there_is_a_way_back() {
    let fixture = Fixture::open().await;
    let back = "https://shop.example/back";
    let intent = asked(&fixture, CARDS[0], &[("return_url", back)]).await;
    assert_eq!(intent["next_action"]["type"], "redirect_to_url");
    assert_eq!(intent["next_action"]["redirect_to_url"]["return_url"], back);
}

#[tokio::test]
async fn a_saved_card_asks_for_each_payment() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, CARDS[0]).await;
    for _ in 0..2 {
        let intent = asked(&fixture, &card, &[("customer", &customer)]).await;
        fixture.double.play(&id(&intent), Play::Approve).unwrap();
    }
    assert_eq!(fixture.double.charges().len(), 2);
}

#[tokio::test]
async fn a_cardholder_who_is_not_there_cannot_be_asked() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, CARDS[1]).await;
    let form =
        [("customer", customer.as_str()), ("payment_method", &card), ("confirm", "true"), ("off_session", "true")];
    let error = fixture.intent(&form).send().await.error(402);
    assert_eq!(error["code"], "authentication_required");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert!(fixture.double.charges().is_empty());
}

#[tokio::test]
async fn a_card_can_be_declined_after_its_holder_approved() {
    let fixture = Fixture::open().await;
    let card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let intent = asked(&fixture, card, &[]).await;
    let error = fixture.double.play(&id(&intent), Play::Approve).unwrap_err();
    assert_eq!(error["error"]["decline_code"], "insufficient_funds");
    assert_eq!(error["error"]["payment_intent"]["status"], "requires_payment_method");
    assert_eq!(fixture.double.charges()[0]["status"], "failed");
}

#[tokio::test]
async fn a_payment_can_be_cancelled_while_the_cardholder_is_asked() {
    let fixture = Fixture::open().await;
    let intent = id(&asked(&fixture, CARDS[0], &[]).await);
    fixture.done(&format!("payment_intents/{intent}/cancel"), &[]).await;
    let error = fixture.double.play(&intent, Play::Approve).unwrap_err();
    assert_eq!(error["error"]["code"], "payment_intent_unexpected_state");
    assert!(fixture.double.charges().is_empty());
}
