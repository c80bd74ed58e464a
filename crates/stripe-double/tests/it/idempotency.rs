//! Idempotency keys: <https://docs.stripe.com/api/idempotent_requests>.

use std::time::Duration;

use serde_json::json;

use crate::support::{Fixture, id, next};

const ADA: [(&str, &str); 1] = [("name", "Ada")];

#[tokio::test]
async fn the_same_key_replays_the_answer_byte_for_byte_and_does_nothing() {
    let fixture = Fixture::open().await;
    let first = fixture.post("customers", &ADA).key("k").send().await;
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(again.header("idempotency-key"), Some("k"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(fixture.double.all("customer").len(), 1);
    let effects: Vec<bool> = fixture.double.calls().iter().map(|call| call.effect).collect();
    assert_eq!(effects, [true, false]);
}

#[tokio::test]
async fn another_key_or_none_does_it_again() {
    let fixture = Fixture::open().await;
    for key in ["k1", "k2"] {
        fixture.post("customers", &ADA).key(key).send().await.expect(200);
    }
    fixture.done("customers", &ADA).await;
    fixture.done("customers", &ADA).await;
    assert_eq!(fixture.double.all("customer").len(), 4);
}

#[tokio::test]
async fn a_saved_failure_is_replayed() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "error", "status": 500, "after_effect": true}))).await;
    let first = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!(first.status, 500);
    assert_eq!(first.body["error"]["type"], "api_error");
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!((again.status, &again.text), (500, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(fixture.double.all("customer").len(), 1);
}

#[tokio::test]
async fn a_decline_is_replayed_and_charges_nothing_again() {
    let fixture = Fixture::open().await;
    let form = [("payment_method", "pm_card_visa_chargeDeclined"), ("confirm", "true")];
    let first = fixture.intent(&form).key("k").send().await;
    let again = fixture.intent(&form).key("k").send().await;
    assert_eq!((first.status, again.status, &again.text), (402, 402, &first.text));
    assert_eq!(fixture.double.charges().len(), 1);
}

#[tokio::test]
async fn other_parameters_or_another_path_with_the_same_key_are_an_error() {
    let fixture = Fixture::open().await;
    let customer = id(&fixture.post("customers", &ADA).key("k").send().await.expect(200));
    for (path, form) in [
        ("customers".to_owned(), vec![("name", "Grace")]),
        ("customers".to_owned(), vec![("name", "Ada"), ("email", "ada@example.com")]),
        (format!("customers/{customer}"), ADA.to_vec()),
    ] {
        let error = fixture.post(&path, &form).key("k").send().await.error(400);
        assert_eq!(error["type"], "idempotency_error", "{path} {form:?}");
    }
    assert_eq!(fixture.read(&format!("customers/{customer}")).await["name"], "Ada");
    // The key is still good for what it was used for.
    let again = fixture.post("customers", &ADA).key("k").send().await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn the_order_of_parameters_does_not_matter() {
    let fixture = Fixture::open().await;
    fixture.post("customers", &[("name", "Ada"), ("email", "a@example.com")]).key("k").send().await.expect(200);
    let again = fixture.post("customers", &[("email", "a@example.com"), ("name", "Ada")]).key("k").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn a_key_whose_first_call_is_running_is_in_use() {
    let fixture = Fixture::open().await;
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "delay", "ms": 1500}))).await;
    let call = async || fixture.post("customers", &ADA).key("k").send().await;
    let (one, other) = tokio::join!(call(), call());
    let (first, second) = if one.status == 200 { (one, other) } else { (other, one) };
    assert_eq!(second.error(409)["code"], "idempotency_key_in_use");
    assert_eq!(first.status, 200);
    let again = call().await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(fixture.double.all("customer").len(), 1);
}

#[tokio::test]
async fn what_was_refused_before_it_began_is_not_saved() {
    let fixture = Fixture::open().await;
    fixture.post("customers", &[("nmae", "Ada")]).key("k").send().await.refusal();
    assert_eq!(fixture.post("customers", &ADA).key("k").send().await.status, 200);
    fixture.fault(next("POST", "/v1/customers", &json!({"kind": "rate_limit"}))).await;
    assert_eq!(fixture.post("customers", &ADA).key("other").send().await.status, 429);
    let after = fixture.post("customers", &ADA).key("other").send().await;
    assert_eq!((after.status, after.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn what_was_refused_while_it_ran_is_saved() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[]).send().await.expect(200));
    let confirm = format!("payment_intents/{intent}/confirm");
    let refused = fixture.post(&confirm, &[]).key("k").send().await;
    assert_eq!(refused.clone().refusal().0, json!("payment_intent_unexpected_state"));
    fixture.done(&format!("payment_intents/{intent}"), &[("payment_method", "pm_card_visa")]).await;
    let again = fixture.post(&confirm, &[]).key("k").send().await;
    assert_eq!((again.status, &again.text), (400, &refused.text));
    assert_eq!(fixture.post(&confirm, &[]).key("new").send().await.expect(200)["status"], "succeeded");
}

#[tokio::test]
async fn a_key_has_up_to_255_characters() {
    let fixture = Fixture::open().await;
    assert_eq!(fixture.post("customers", &ADA).key(&"k".repeat(255)).send().await.status, 200);
    assert_eq!(fixture.post("customers", &ADA).key(&"k".repeat(256)).send().await.status, 400);
    assert_eq!(fixture.double.all("customer").len(), 1);
}

#[tokio::test]
async fn reads_ignore_keys() {
    let fixture = Fixture::open().await;
    let path = format!("customers/{}", fixture.customer().await);
    let read = async || {
        let request = fixture.call(http::Method::GET, &format!("/v1/{path}")).header("idempotency-key", "k");
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    };
    let before = read().await;
    fixture.done(&path, &ADA).await;
    let after = read().await;
    assert_eq!((&before["name"], &after["name"]), (&json!(null), &json!("Ada")));
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day() {
    let fixture = Fixture::open().await;
    let first = fixture.post("customers", &ADA).key("k").send().await;
    fixture.double.advance(Duration::from_hours(23));
    assert_eq!(fixture.post("customers", &ADA).key("k").send().await.text, first.text);
    fixture.double.advance(Duration::from_hours(1));
    let after = fixture.post("customers", &ADA).key("k").send().await;
    assert_ne!(after.text, first.text);
    assert_eq!(fixture.double.all("customer").len(), 2);
}

#[tokio::test]
async fn doubles_share_nothing() {
    let (one, other) = tokio::join!(Fixture::open(), Fixture::open());
    let customer = id(&one.post("customers", &ADA).key("k").send().await.expect(200));
    assert_eq!(other.get(&format!("customers/{customer}")).await.status, 404);
    let second = other.post("customers", &ADA).key("k").send().await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, None));
    assert_ne!(id(&second.body), customer);
}
