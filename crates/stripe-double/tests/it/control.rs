//! The control routes that belong to no other room.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stripe_double::{Options, StripeDouble};

use crate::support::{Till, id};

#[tokio::test]
async fn a_frontend_confirms_without_the_secret_key() {
    let till = Till::open().await;
    let form = [("amount", "2000"), ("currency", "usd"), ("automatic_payment_methods[enabled]", "true")];
    let intent = id(&till.done("payment_intents", &form).await);
    let url = format!("{}/_double/payment_intents/{intent}/confirm", till.double.base());
    let declined =
        till.http.post(&url).json(&json!({"payment_method": "pm_card_chargeDeclined"})).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    let paid = till.http.post(&url).json(&json!({"payment_method": "pm_card_visa"})).send().await.unwrap();
    assert_eq!(paid.json::<serde_json::Value>().await.unwrap()["status"], "succeeded");
}

#[tokio::test]
async fn the_state_counts_objects_and_tells_each_payment() {
    let till = Till::open().await;
    till.customer().await;
    let form = [("metadata[order]", "7"), ("payment_method", "pm_card_visa"), ("confirm", "true")];
    let intent = id(&till.intent(&form).send().await.expect(200));
    till.done("refunds", &[("payment_intent", &intent), ("amount", "500")]).await;
    let state = till.control(Method::GET, "state", json!({})).await.expect(200);
    assert_eq!((&state["customers"], &state["charges"], &state["refunds"]), (&json!(1), &json!(1), &json!(1)));
    let expected = json!([{
        "id": intent, "status": "succeeded", "metadata": {"order": "7"}, "captured": 2000, "refunded": 500
    }]);
    assert_eq!(state["payment_intents"], expected);
}

#[tokio::test]
async fn calls_are_noted_with_what_they_asked_and_did() {
    let till = Till::open().await;
    till.post("customers", &[("metadata[a]", "b")]).key("k").send().await.expect(200);
    till.post("customers", &[("nmae", "Ada")]).send().await.refusal();
    till.get("customers").await.expect(200);
    let calls = till.control(Method::GET, "calls", json!({})).await.expect(200);
    let first = json!({
        "method": "POST", "path": "/v1/customers", "idempotency_key": "k", "params": {"metadata": {"a": "b"}},
        "status": 200, "effect": true
    });
    assert_eq!(calls[0], first);
    assert_eq!((&calls[1]["status"], &calls[1]["effect"]), (&json!(400), &json!(false)));
    assert_eq!((&calls[2]["method"], &calls[2]["effect"]), (&json!("GET"), &json!(false)));
    assert_eq!(calls.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn there_are_no_other_controls() {
    let till = Till::open().await;
    assert_eq!(till.control(Method::POST, "coffee", json!({})).await.status, 404);
    assert_eq!(till.control(Method::GET, "coffee", json!({})).await.status, 404);
    assert_eq!(till.control(Method::GET, "state", json!(null)).await.status, 200);
    assert_eq!(till.control(Method::POST, "webhooks", json!([])).await.status, 400);
    assert_eq!(till.control(Method::POST, "webhooks", json!({"enabled": "no"})).await.status, 422);
}

#[tokio::test]
async fn a_stopped_double_answers_nobody_and_leaves_its_port() {
    let till = Till::open().await;
    let (base, key) = (till.double.base(), till.double.secret_key().to_owned());
    // It keeps its connection, unlike the others.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async || http.get(format!("{base}/v1/customers")).bearer_auth(&key).send().await;
    assert_eq!(call().await.unwrap().status(), 200);
    till.double.stop().await;
    assert!(call().await.is_err());
    let port = base.rsplit(':').next().unwrap().parse().unwrap();
    let again = StripeDouble::try_start(Options { port, ..Options::default() }).await;
    assert_eq!(again.unwrap().base(), base);
}

#[tokio::test]
async fn a_call_that_is_running_when_the_double_stops_is_not_answered() {
    let till = Till::with(Options { api_latency: Duration::from_mins(10), ..Options::default() }).await;
    let call = || tokio::spawn(till.post("customers", &[]).key("k").attempt());
    let (mut one, mut other) = (call(), call());
    // Whichever came second is told that the key is in use, so that the first is running.
    let (second, first) = tokio::select! {
        second = &mut one => (second, other),
        second = &mut other => (second, one),
    };
    assert_eq!(second.unwrap().unwrap().status, 409);
    till.double.stop().await;
    assert!(first.await.unwrap().is_err());
}
