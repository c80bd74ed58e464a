//! The cardholder is asked who they are.

use serde_json::{Value, json};
use stripe_double::Play;

use crate::support::{Till, id};

const CARDS: [&str; 2] = ["pm_card_threeDSecure2Required", "pm_card_authenticationRequired"];

async fn asked(till: &Till, card: &str, more: &[(&str, &str)]) -> Value {
    let form = [&[("payment_method", card), ("confirm", "true")], more].concat();
    let intent = till.intent(&form).send().await.expect(200);
    assert_eq!(intent["status"], "requires_action", "{card}");
    intent
}

#[tokio::test]
async fn a_cardholder_who_approves_has_paid() {
    for card in CARDS {
        let till = Till::open().await;
        let intent = asked(&till, card, &[]).await;
        assert_eq!((&intent["latest_charge"], &intent["amount_received"]), (&Value::Null, &json!(0)));
        assert_eq!(intent["next_action"]["type"], "use_stripe_sdk");
        let paid = till.double.play(&id(&intent), Play::Approve).unwrap();
        assert_eq!((&paid["status"], &paid["next_action"]), (&json!("succeeded"), &Value::Null));
        let expected = [
            "payment_intent.created",
            "payment_intent.requires_action",
            "charge.succeeded",
            "payment_intent.succeeded",
        ];
        assert_eq!(till.told().await, expected);
        assert!(till.double.play(&id(&intent), Play::Approve).is_err(), "nobody is asked twice");
        assert_eq!(till.double.charges().len(), 1);
    }
}

#[tokio::test]
async fn a_cardholder_who_refuses_has_not_paid_and_can_try_another_card() {
    for card in CARDS {
        let till = Till::open().await;
        let intent = id(&asked(&till, card, &[]).await);
        let outcome = json!({"outcome": "refuse"});
        let path = format!("payment_intents/{intent}/authenticate");
        let refused = till.control(http::Method::POST, &path, outcome).await.expect(200);
        assert_eq!((&refused["status"], &refused["next_action"]), (&json!("requires_payment_method"), &Value::Null));
        assert_eq!(refused["last_payment_error"]["code"], "payment_intent_authentication_failure");
        assert!(till.double.charges().is_empty());
        assert_eq!(till.told().await.last().unwrap(), "payment_intent.payment_failed");
        let confirm = format!("payment_intents/{intent}/confirm");
        assert_eq!(till.done(&confirm, &[("payment_method", "pm_card_visa")]).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_hold_needs_the_cardholder_too() {
    let till = Till::open().await;
    let intent = asked(&till, CARDS[0], &[("capture_method", "manual")]).await;
    let held = till.double.play(&id(&intent), Play::Approve).unwrap();
    assert_eq!((&held["status"], &held["amount_capturable"]), (&json!("requires_capture"), &json!(2000)));
}

#[tokio::test]
async fn a_cardholder_is_sent_to_a_page_where_there_is_a_way_back() {
    let till = Till::open().await;
    let back = "https://shop.example/back";
    let intent = asked(&till, CARDS[0], &[("return_url", back)]).await;
    assert_eq!(intent["next_action"]["type"], "redirect_to_url");
    assert_eq!(intent["next_action"]["redirect_to_url"]["return_url"], back);
}

#[tokio::test]
async fn a_saved_card_asks_for_each_payment() {
    let till = Till::open().await;
    let customer = till.customer().await;
    let card = till.saved(&customer, CARDS[0]).await;
    for _ in 0..2 {
        let intent = asked(&till, &card, &[("customer", &customer)]).await;
        till.double.play(&id(&intent), Play::Approve).unwrap();
    }
    assert_eq!(till.double.charges().len(), 2);
}

#[tokio::test]
async fn a_cardholder_who_is_not_there_cannot_be_asked() {
    let till = Till::open().await;
    let customer = till.customer().await;
    let card = till.saved(&customer, CARDS[1]).await;
    let form =
        [("customer", customer.as_str()), ("payment_method", &card), ("confirm", "true"), ("off_session", "true")];
    let error = till.intent(&form).send().await.error(402);
    assert_eq!(error["code"], "authentication_required");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert!(till.double.charges().is_empty());
}

#[tokio::test]
async fn a_card_can_be_declined_after_its_holder_approved() {
    let till = Till::open().await;
    let card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let intent = asked(&till, card, &[]).await;
    let error = till.double.play(&id(&intent), Play::Approve).unwrap_err();
    assert_eq!(error["error"]["decline_code"], "insufficient_funds");
    assert_eq!(error["error"]["payment_intent"]["status"], "requires_payment_method");
    assert_eq!(till.double.charges()[0]["status"], "failed");
}

#[tokio::test]
async fn a_payment_can_be_cancelled_while_the_cardholder_is_asked() {
    let till = Till::open().await;
    let intent = id(&asked(&till, CARDS[0], &[]).await);
    till.done(&format!("payment_intents/{intent}/cancel"), &[]).await;
    let error = till.double.play(&intent, Play::Approve).unwrap_err();
    assert_eq!(error["error"]["code"], "payment_intent_unexpected_state");
    assert!(till.double.charges().is_empty());
}
