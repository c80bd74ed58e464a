//! Saving a card with a customer.

use http::Method;
use serde_json::{Value, json};
use stripe_double::Play;

use crate::support::{Fixture, id};

async fn made(fixture: &Fixture, customer: &str) -> Value {
    let form = [("customer", customer), ("usage", "on_session"), ("automatic_payment_methods[enabled]", "true")];
    fixture.done("setup_intents", &form).await
}

/// As a frontend with the client secret confirms it.
async fn confirm(fixture: &Fixture, intent: &Value, card: &str) -> crate::support::Answer {
    let path = format!("setup_intents/{}/confirm", id(intent));
    fixture.control(Method::POST, &path, json!({"payment_method": card})).await
}

#[tokio::test]
async fn a_card_is_saved_with_its_customer() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let intent = made(&fixture, &customer).await;
    assert_eq!((&intent["status"], &intent["usage"]), (&json!("requires_payment_method"), &json!("on_session")));
    assert!(intent["client_secret"].as_str().unwrap().starts_with(&format!("{}_secret_", id(&intent))));
    let saved = confirm(&fixture, &intent, "pm_card_visa").await.expect(200);
    assert_eq!(saved["status"], "succeeded");
    let listed = fixture.read(&format!("customers/{customer}/payment_methods?type=card")).await;
    assert_eq!(listed["data"][0]["id"], saved["payment_method"]);
    assert_eq!(listed["data"][0]["customer"], json!(customer));
    let expected = ["customer.created", "setup_intent.created", "payment_method.attached", "setup_intent.succeeded"];
    assert_eq!(fixture.event_types().await, expected);
    assert_eq!(fixture.read(&format!("setup_intents/{}", id(&intent))).await, saved);
}

#[tokio::test]
async fn a_card_that_is_declined_is_not_saved() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let intent = made(&fixture, &customer).await;
    let error = confirm(&fixture, &intent, "pm_card_visa_chargeDeclined").await.error(402);
    assert_eq!(error["code"], "card_declined");
    assert_eq!(error["setup_intent"]["status"], "requires_payment_method");
    assert_eq!(error["setup_intent"]["last_setup_error"]["decline_code"], "generic_decline");
    assert_eq!(fixture.event_types().await.last().unwrap(), "setup_intent.setup_failed");
    assert_eq!(fixture.read(&format!("customers/{customer}/payment_methods")).await["data"], json!([]));
    assert_eq!(confirm(&fixture, &intent, "pm_card_visa").await.expect(200)["status"], "succeeded");
}

#[tokio::test]
async fn three_d_secure_is_asked_for_and_played_both_ways() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let intent = made(&fixture, &customer).await;
    let asked = confirm(&fixture, &intent, "pm_card_threeDSecure2Required").await.expect(200);
    assert_eq!(asked["status"], "requires_action");
    assert!(asked["next_action"].is_object());
    let refused = fixture.double.play(&id(&intent), Play::Refuse).unwrap();
    assert_eq!(refused["status"], "requires_payment_method");
    assert_eq!(refused["last_setup_error"]["code"], "setup_intent_authentication_failure");
    assert_eq!(fixture.read(&format!("customers/{customer}/payment_methods")).await["data"], json!([]));
    confirm(&fixture, &intent, "pm_card_threeDSecure2Required").await.expect(200);
    let path = format!("setup_intents/{}/authenticate", id(&intent));
    let saved = fixture.control(Method::POST, &path, json!({"outcome": "approve"})).await.expect(200);
    assert_eq!((&saved["status"], &saved["last_setup_error"]), (&json!("succeeded"), &Value::Null));
    let expected = [
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "payment_method.attached",
        "setup_intent.succeeded",
    ];
    assert_eq!(fixture.event_types().await[2..], expected);
}

#[tokio::test]
async fn a_card_that_was_set_up_pays_without_its_holder() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let intent = made(&fixture, &customer).await;
    confirm(&fixture, &intent, "pm_card_authenticationRequiredOnSetup").await.expect(200);
    let saved = fixture.double.play(&id(&intent), Play::Approve).unwrap();
    let card = saved["payment_method"].as_str().unwrap();
    let form =
        [("customer", customer.as_str()), ("payment_method", card), ("confirm", "true"), ("off_session", "true")];
    assert_eq!(fixture.intent(&form).send().await.expect(200)["status"], "succeeded");
}

#[tokio::test]
async fn a_setup_ends_once() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let intent = made(&fixture, &customer).await;
    confirm(&fixture, &intent, "pm_card_visa").await.expect(200);
    let again = confirm(&fixture, &intent, "pm_card_mastercard").await.error(400);
    assert_eq!(again["code"], "setup_intent_unexpected_state");
    assert_eq!(again["setup_intent"]["status"], "succeeded");
    let cancel = format!("setup_intents/{}/cancel", id(&intent));
    assert_eq!(fixture.post(&cancel, &[]).send().await.refusal().0, json!("setup_intent_unexpected_state"));
    let other = made(&fixture, &customer).await;
    let cancel = format!("setup_intents/{}/cancel", id(&other));
    let canceled = fixture.done(&cancel, &[("cancellation_reason", "abandoned")]).await;
    assert_eq!((&canceled["status"], &canceled["cancellation_reason"]), (&json!("canceled"), &json!("abandoned")));
    assert_eq!(confirm(&fixture, &other, "pm_card_visa").await.status, 400);
    assert_eq!(
        fixture.read(&format!("customers/{customer}/payment_methods")).await["data"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_setup_can_be_confirmed_at_once_and_over_the_api() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method", "pm_card_visa"),
        ("confirm", "true"),
        ("return_url", "https://shop.example/back"),
    ];
    assert_eq!(fixture.done("setup_intents", &form).await["status"], "succeeded");
    let intent = made(&fixture, &customer).await;
    let path = format!("setup_intents/{}/confirm", id(&intent));
    assert_eq!(
        fixture.post(&path, &[("payment_method", "pm_card_visa")]).send().await.refusal().1,
        json!("return_url")
    );
    let form = [("payment_method", "pm_card_visa"), ("return_url", "https://shop.example/back")];
    assert_eq!(fixture.done(&path, &form).await["status"], "succeeded");
    let stranger = fixture.customer().await;
    let card = fixture.saved(&stranger, "pm_card_visa").await;
    let theirs = fixture.post("setup_intents", &[("customer", &customer), ("payment_method", &card)]).send().await;
    assert_eq!(theirs.refusal().1, json!("payment_method"));
}
