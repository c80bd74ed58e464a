//! Each thing that can go wrong on purpose with a call.

use std::time::Duration;

use http::Method;
use serde_json::json;
use stripe_double::{CallFault, Fault, Options};

use crate::support::{Fixture, id, next, until};

const ADA: [(&str, &str); 1] = [("name", "Ada")];
/// A caller who does not wait long.
const HASTE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_delayed_call_is_answered_later_and_others_are_not() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/payment_intents", &json!({"kind": "delay", "ms": 1500}))).await;
    let (delayed, other) = tokio::join!(fixture.intent(&[]).send(), fixture.post("customers", &ADA).send());
    assert_eq!((delayed.status, other.status), (200, 200));
    let paths: Vec<_> = fixture.double.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/v1/customers", "/v1/payment_intents"]);
}

#[tokio::test]
async fn a_dropped_call_has_no_effect_and_can_be_repeated() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "drop"}))).await;
    assert!(fixture.post("customers", &ADA).key("k").attempt().await.is_err());
    assert!(fixture.double.all("customer").is_empty());
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, None));
    let calls: Vec<_> = fixture.double.calls().iter().map(|call| (call.status, call.effect)).collect();
    assert_eq!(calls, [(0, false), (200, true)]);
}

#[tokio::test]
async fn a_call_whose_answer_is_dropped_has_its_effect_and_its_key_tells_the_answer() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "drop_after"}))).await;
    assert!(fixture.post("customers", &ADA).key("k").attempt().await.is_err());
    assert_eq!(fixture.double.all("customer").len(), 1);
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(id(&again.body), id(&fixture.double.all("customer")[0]));
    let calls: Vec<_> = fixture.double.calls().iter().map(|call| (call.status, call.effect)).collect();
    assert_eq!(calls, [(0, true), (200, false)]);
}

#[tokio::test]
async fn a_replayed_answer_can_be_lost_too() {
    let fixture = Fixture::open().await;
    let fault = json!({"path": "/v1/customers", "times": 2, "fault": {"kind": "drop_after"}});
    fixture.fault(fault).await;
    for _ in 0..2 {
        assert!(fixture.post("customers", &ADA).key("k").attempt().await.is_err());
    }
    assert_eq!(fixture.post("customers", &ADA).key("k").send().await.status, 200);
    let calls: Vec<_> = fixture.double.calls().iter().map(|call| (call.status, call.effect)).collect();
    assert_eq!(calls, [(0, true), (0, false), (200, false)]);
}

#[tokio::test]
async fn a_failure_without_effect_is_saved_and_nothing_is_done_under_its_key() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "error", "status": 503}))).await;
    for _ in 0..2 {
        assert_eq!(fixture.post("customers", &ADA).key("k").send().await.status, 503);
    }
    assert!(fixture.double.all("customer").is_empty());
    assert_eq!(fixture.post("customers", &ADA).key("new").send().await.status, 200);
}

#[tokio::test]
async fn a_failure_after_the_effect_has_the_effect() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[("payment_method", "pm_card_visa")]).send().await.expect(200));
    let fault = json!({"kind": "error", "status": 500, "after_effect": true});
    fixture.fault(next("POST", "/v1/payment_intents/*/confirm", &fault)).await;
    assert_eq!(fixture.post(&format!("payment_intents/{intent}/confirm"), &[]).key("k").send().await.status, 500);
    assert_eq!(fixture.read(&format!("payment_intents/{intent}")).await["status"], "succeeded");
    assert_eq!(fixture.double.charges().len(), 1);
}

#[tokio::test]
async fn a_call_that_hangs_has_its_effect_or_not() {
    for (after_effect, made) in [(false, 0), (true, 1)] {
        let fixture = Fixture::open().await;
        let fault = json!({"kind": "hang", "after_effect": after_effect});
        fixture.fault(next("POST", "/v1/customers", &fault)).await;
        let given_up = fixture.post("customers", &ADA).key("k").within(HASTE).attempt().await;
        assert!(given_up.unwrap_err().is_timeout());
        until("the effect", async || fixture.double.all("customer").len() == made).await;
        let again = fixture.post("customers", &ADA).key("k").send().await;
        assert_eq!(again.status, 200);
        assert_eq!(again.header("idempotent-replayed").is_some(), after_effect);
        assert_eq!(fixture.double.all("customer").len(), 1);
    }
}

#[tokio::test]
async fn a_rate_limit_is_429_and_is_not_saved() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "rate_limit"}))).await;
    let limited = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!(limited.error(429)["code"], "rate_limit");
    assert!(fixture.double.all("customer").is_empty());
    assert_eq!(fixture.post("customers", &ADA).key("k").send().await.status, 200);
}

#[tokio::test]
async fn a_fault_strikes_the_calls_that_it_names() {
    let fixture = Fixture::open().await;
    fixture
        .fault(json!({"method": "POST", "path": "/v1/customers", "key": "k2", "fault": {"kind": "rate_limit"}}))
        .await;
    fixture.fault(json!({"method": "GET", "path": "/v1/charges/*", "fault": {"kind": "rate_limit"}})).await;
    assert_eq!(fixture.post("customers", &ADA).key("k1").send().await.status, 200);
    assert_eq!(fixture.post("customers", &ADA).key("k2").send().await.status, 429);
    assert_eq!(fixture.get("charges").await.status, 200);
    assert_eq!(fixture.get("charges/ch_1").await.status, 429);
    fixture.fault(json!({"path": "/v1/customers", "nth": 2, "times": 2, "fault": {"kind": "rate_limit"}})).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(fixture.get("customers").await.status);
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
}

#[tokio::test]
async fn faults_are_healed() {
    let fixture = Fixture::open().await;
    fixture.fault(json!({"times": 100, "fault": {"kind": "rate_limit"}})).await;
    assert_eq!(fixture.get("customers").await.status, 429);
    fixture.control(Method::DELETE, "faults", json!({})).await.expect(200);
    assert_eq!(fixture.get("customers").await.status, 200);
    let fault = CallFault::Error { status: 500, after_effect: false };
    fixture.double.inject(Fault { method: "*".into(), path: "*".into(), key: None, nth: 1, times: 9, fault });
    assert_eq!(fixture.get("customers").await.status, 500);
    fixture.double.heal();
    assert_eq!(fixture.get("customers").await.status, 200);
}

#[tokio::test]
async fn a_fault_that_is_not_understood_is_refused() {
    let fixture = Fixture::open().await;
    for body in [
        json!({"fault": {"kind": "explode"}}),
        json!({"path": "/v1/customers"}),
        json!({"pth": "/v1/customers", "fault": {"kind": "drop"}}),
        json!({"kind": "event", "type": "*", "fault": {"kind": "hang"}}),
    ] {
        assert_eq!(fixture.control(Method::POST, "faults", body.clone()).await.status, 422, "{body}");
    }
    assert_eq!(fixture.get("customers").await.status, 200);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_what_has_begun() {
    let fixture = Fixture::with(Options { api_latency: HASTE * 2, ..Options::default() }).await;
    let given_up = fixture.post("customers", &ADA).key("k").within(HASTE).attempt().await;
    assert!(given_up.unwrap_err().is_timeout());
    until("the effect", async || fixture.double.all("customer").len() == 1).await;
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn a_refusal_says_whether_to_retry_and_is_not_saved() {
    for (status, code, should_retry, header) in [
        (429, "lock_timeout", json!(true), Some("true")),
        (429, "lock_timeout", json!(false), Some("false")),
        (429, "lock_timeout", json!(null), None),
        (400, "rate_limit", json!(null), None),
        (500, "api_error", json!(false), Some("false")),
    ] {
        let fixture = Fixture::open().await;
        let fault = json!({"kind": "refuse", "status": status, "code": code, "should_retry": should_retry});
        fixture.fault(next("POST", "/v1/customers", &fault)).await;
        let refused = fixture.post("customers", &ADA).key("k").send().await;
        assert_eq!(refused.header("stripe-should-retry"), header, "{status} {code}");
        let error = refused.error(status);
        assert_eq!(error["code"], code);
        assert_eq!(error["type"], if status == 500 { "api_error" } else { "invalid_request_error" });
        assert!(fixture.double.all("customer").is_empty());
        let again = fixture.post("customers", &ADA).key("k").send().await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, None));
    }
}

#[tokio::test]
async fn an_altered_call_has_its_effect_with_other_members_everywhere() {
    for status in [json!(null), json!("settling")] {
        let fixture = Fixture::open().await;
        let intent = id(&fixture.paid("pm_card_visa").await);
        let fault = json!({"kind": "alter", "members": {"status": status}});
        fixture.fault(next("POST", "/v1/refunds", &fault)).await;
        let refund = fixture.post("refunds", &[("payment_intent", &intent)]).key("k").send().await;
        let again = fixture.post("refunds", &[("payment_intent", &intent)]).key("k").send().await;
        assert_eq!(again.text, refund.text);
        let refund = refund.expect(200);
        assert_eq!((&refund["status"], &refund["amount"]), (&status, &json!(2000)));
        assert_eq!(fixture.read(&format!("refunds/{}", id(&refund))).await, refund);
        assert_eq!(fixture.read(&format!("refunds?payment_intent={intent}")).await["data"], json!([refund]));
        let event = fixture.read("events?type=refund.created").await["data"][0].clone();
        assert_eq!(event["data"]["object"], refund);
        assert_eq!(fixture.double.charges()[0]["amount_refunded"], 2000);
    }
}

#[tokio::test]
async fn a_declined_call_is_not_altered() {
    let fixture = Fixture::open().await;
    let fault = json!({"kind": "alter", "members": {"status": "settling"}});
    fixture.fault(next("POST", "/v1/payment_intents", &fault)).await;
    let form = [("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")];
    let error = fixture.intent(&form).send().await.error(402);
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
}
