//! The control routes that belong to no other room.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stripe_double::{Options, StripeDouble};

use crate::support::{Fixture, id};

#[tokio::test]
async fn a_frontend_confirms_without_the_secret_key() {
    let fixture = Fixture::open().await;
    let form = [("amount", "2000"), ("currency", "usd"), ("automatic_payment_methods[enabled]", "true")];
    let intent = id(&fixture.done("payment_intents", &form).await);
    let url = format!("{}/_double/payment_intents/{intent}/confirm", fixture.double.base());
    let declined =
        fixture.http.post(&url).json(&json!({"payment_method": "pm_card_chargeDeclined"})).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    let paid = fixture.http.post(&url).json(&json!({"payment_method": "pm_card_visa"})).send().await.unwrap();
    assert_eq!(paid.json::<serde_json::Value>().await.unwrap()["status"], "succeeded");
}

#[tokio::test]
async fn the_state_counts_objects_and_tells_each_payment() {
    let fixture = Fixture::open().await;
    fixture.customer().await;
    let form = [("metadata[order]", "7"), ("payment_method", "pm_card_visa"), ("confirm", "true")];
    let intent = id(&fixture.intent(&form).send().await.expect(200));
    fixture.done("refunds", &[("payment_intent", &intent), ("amount", "500")]).await;
    let state = fixture.control(Method::GET, "state", json!({})).await.expect(200);
    assert_eq!((&state["customers"], &state["charges"], &state["refunds"]), (&json!(1), &json!(1), &json!(1)));
    let expected = json!([{
        "id": intent, "status": "succeeded", "metadata": {"order": "7"}, "captured": 2000, "refunded": 500
    }]);
    assert_eq!(state["payment_intents"], expected);
}

#[tokio::test]
async fn calls_are_noted_with_what_they_asked_and_did() {
    let fixture = Fixture::open().await;
    fixture.post("customers", &[("metadata[a]", "b")]).key("k").send().await.expect(200);
    fixture.post("customers", &[("nmae", "Ada")]).send().await.refusal();
    fixture.get("customers").await.expect(200);
    let calls = fixture.control(Method::GET, "calls", json!({})).await.expect(200);
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
    let fixture = Fixture::open().await;
    assert_eq!(fixture.control(Method::POST, "coffee", json!({})).await.status, 404);
    assert_eq!(fixture.control(Method::GET, "coffee", json!({})).await.status, 404);
    assert_eq!(fixture.control(Method::GET, "state", json!(null)).await.status, 200);
    assert_eq!(fixture.control(Method::POST, "webhooks", json!([])).await.status, 400);
    assert_eq!(fixture.control(Method::POST, "webhooks", json!({"enabled": "no"})).await.status, 422);
}

#[tokio::test]
async fn a_stopped_double_answers_no_call_and_leaves_its_port() {
    let fixture = Fixture::open().await;
    let (base, key) = (fixture.double.base(), fixture.double.secret_key().to_owned());
    // It keeps its connection, unlike the others.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async || http.get(format!("{base}/v1/customers")).bearer_auth(&key).send().await;
    assert_eq!(call().await.unwrap().status(), 200);
    fixture.double.stop().await;
    assert!(call().await.is_err());
    let port = base.rsplit(':').next().unwrap().parse().unwrap();
    let again = StripeDouble::try_start(Options { port, ..Options::default() }).await;
    assert_eq!(again.unwrap().base(), base);
}

#[tokio::test]
async fn a_call_that_is_running_when_the_double_stops_is_not_answered() {
    let fixture = Fixture::with(Options { api_latency: Duration::from_mins(10), ..Options::default() }).await;
    let call = || tokio::spawn(fixture.post("customers", &[]).key("k").attempt());
    let (mut one, mut other) = (call(), call());
    // The second call is refused because its key is in use, so the first one is running.
    let (second, first) = tokio::select! {
        second = &mut one => (second, other),
        second = &mut other => (second, one),
    };
    assert_eq!(second.unwrap().unwrap().status, 409);
    fixture.double.stop().await;
    assert!(first.await.unwrap().is_err());
}

#[tokio::test]
async fn stripe_can_say_what_the_double_would_not() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_visa").await;
    let charge = paid["latest_charge"].as_str().unwrap();
    for (object, path) in [(id(&paid), "payment_intents"), (charge.to_owned(), "charges")] {
        let members = json!({"members": {"status": "settling"}});
        fixture.control(Method::POST, &format!("objects/{object}"), members).await.expect(200);
        assert_eq!(fixture.read(&format!("{path}/{object}")).await["status"], "settling");
    }
    let dispute = fixture.double.control("disputes", json!({"payment_intent": id(&paid)})).unwrap();
    let before = fixture.event_types().await.len();
    let body = json!({"members": {"status": "mediation"}, "event": "charge.dispute.updated"});
    let dispute = fixture.double.control(&format!("objects/{}", id(&dispute)), body).unwrap();
    assert_eq!(dispute["status"], "mediation");
    assert_eq!(fixture.event_types().await[before..], ["charge.dispute.updated"]);
    let event = fixture.read("events").await["data"][0].clone();
    assert_eq!(event["data"], json!({"object": dispute, "previous_attributes": {"status": "needs_response"}}));
    assert!(fixture.double.control("objects/ch_none", json!({"members": {}})).is_err());
    assert!(fixture.double.control(&format!("objects/{charge}"), json!({"event": "charge.updated"})).is_err());
}

#[tokio::test]
async fn the_owner_works_at_the_dashboard() {
    let fixture = Fixture::open().await;
    let dashboard = async |path: &str, body| fixture.control(Method::POST, &format!("dashboard/{path}"), body).await;
    let mine = fixture.intent(&[("metadata[order_id]", "7")]).send().await.expect(200);
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
    assert_eq!(fixture.event_types().await.last().unwrap(), "charge.refunded");
    assert!(fixture.double.calls().iter().all(|call| call.path != "/v1/refunds"), "no call of the shop's");
}
