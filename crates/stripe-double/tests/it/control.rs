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

#[tokio::test]
async fn stripe_can_say_what_the_double_would_not() {
    let till = Till::open().await;
    let paid = till.paid("pm_card_visa").await;
    let charge = paid["latest_charge"].as_str().unwrap();
    for (object, path) in [(id(&paid), "payment_intents"), (charge.to_owned(), "charges")] {
        let members = json!({"members": {"status": "settling"}});
        till.control(Method::POST, &format!("objects/{object}"), members).await.expect(200);
        assert_eq!(till.read(&format!("{path}/{object}")).await["status"], "settling");
    }
    let dispute = till.double.control("disputes", json!({"payment_intent": id(&paid)})).unwrap();
    let before = till.told().await.len();
    let body = json!({"members": {"status": "mediation"}, "event": "charge.dispute.updated"});
    let dispute = till.double.control(&format!("objects/{}", id(&dispute)), body).unwrap();
    assert_eq!(dispute["status"], "mediation");
    assert_eq!(till.told().await[before..], ["charge.dispute.updated"]);
    let event = till.read("events").await["data"][0].clone();
    assert_eq!(event["data"], json!({"object": dispute, "previous_attributes": {"status": "needs_response"}}));
    assert!(till.double.control("objects/ch_none", json!({"members": {}})).is_err());
    assert!(till.double.control(&format!("objects/{charge}"), json!({"event": "charge.updated"})).is_err());
}

#[tokio::test]
async fn the_owner_works_at_the_dashboard() {
    let till = Till::open().await;
    let dashboard = async |path: &str, body| till.control(Method::POST, &format!("dashboard/{path}"), body).await;
    let mine = till.intent(&[("metadata[order_id]", "7")]).send().await.expect(200);
    let lowered = dashboard(&format!("payment_intents/{}", id(&mine)), json!({"amount": 50})).await.expect(200);
    assert_eq!((&lowered["amount"], &lowered["status"]), (&json!(50), &mine["status"]));
    let body = json!({"amount": 50, "currency": "eur", "metadata": {"order_id": "7"}, "confirm": true,
        "payment_method": "pm_card_visa", "return_url": "https://shop.example"});
    let other = dashboard("payment_intents", body).await.expect(200);
    assert_eq!((&other["status"], &other["metadata"]["order_id"]), (&json!("succeeded"), &json!("7")));
    let refund = dashboard("refunds", json!({"payment_intent": id(&other), "amount": 20})).await.expect(200);
    assert_eq!((&refund["amount"], &refund["metadata"]), (&json!(20), &json!({})));
    let rest = dashboard("refunds", json!({"payment_intent": id(&other)})).await.expect(200);
    assert_eq!(rest["amount"], 30);
    let unknown = dashboard("refunds", json!({"payment_intent": id(&other), "amuont": 1})).await;
    assert_eq!(unknown.refusal().0, json!("parameter_unknown"));
    assert_eq!(till.told().await.last().unwrap(), "charge.refunded");
    assert!(till.double.calls().iter().all(|call| call.path != "/v1/refunds"), "no call of the shop's");
}
