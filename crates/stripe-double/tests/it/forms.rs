//! Keys, versions and parameters.

use http::Method;
use serde_json::json;

use crate::support::Fixture;

#[tokio::test]
async fn a_call_needs_the_secret_key() {
    let fixture = Fixture::open().await;
    let url = format!("{}/v1/customers", fixture.double.base());
    for request in [
        fixture.http.get(&url),
        fixture.http.get(&url).bearer_auth("sk_test_somebody_else"),
        fixture.http.get(&url).basic_auth("sk_test_somebody_else", None::<&str>),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert!(body["error"]["message"].is_string());
    }
    let key = fixture.double.secret_key();
    assert_eq!(fixture.http.get(&url).bearer_auth(key).send().await.unwrap().status(), 200);
    assert_eq!(fixture.http.get(&url).basic_auth(key, Some("")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_version_is_echoed_and_each_answer_has_a_request_id() {
    let fixture = Fixture::open().await;
    let first = fixture.post("customers", &[]).header("stripe-version", "2024-06-20").send().await;
    assert_eq!(first.header("stripe-version"), Some("2024-06-20"));
    let second = fixture.get("customers").await;
    assert_eq!(second.header("stripe-version"), Some(stripe_double::API_VERSION));
    assert_ne!(first.header("request-id"), second.header("request-id"));
    assert!(second.header("request-id").unwrap().starts_with("req_"));
    let unknown = fixture.post("customers", &[]).header("stripe-version", "yesterday").send().await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn unknown_parameters_are_refused_by_name_and_change_nothing() {
    let fixture = Fixture::open().await;
    for (path, form, param) in [
        ("customers", vec![("emial", "ada@example.com")], "emial"),
        ("payment_intents", vec![("amount", "2000"), ("currency", "usd"), ("amuont", "1")], "amuont"),
        ("payment_methods", vec![("type", "card"), ("card[token]", "tok_visa"), ("card[cvv]", "1")], "card[cvv]"),
        ("refunds", vec![("charge", "ch_1"), ("full", "true")], "full"),
    ] {
        let refusal = fixture.post(path, &form).send().await.refusal();
        assert_eq!(refusal, (json!("parameter_unknown"), json!(param)), "{path}");
    }
    assert_eq!(fixture.get("customers?sort=name").await.refusal(), (json!("parameter_unknown"), json!("sort")));
    assert!(fixture.event_types().await.is_empty());
}

#[tokio::test]
async fn missing_and_wrong_parameters_are_refused_by_name() {
    let fixture = Fixture::open().await;
    for (path, form, code, param) in [
        ("payment_intents", vec![("currency", "usd")], json!("parameter_missing"), "amount"),
        ("payment_intents", vec![("amount", "2000")], json!("parameter_missing"), "currency"),
        (
            "payment_intents",
            vec![("amount", "20.00"), ("currency", "usd")],
            json!("parameter_invalid_integer"),
            "amount",
        ),
        ("payment_intents", vec![("amount", ""), ("currency", "usd")], json!("parameter_invalid_empty"), "amount"),
        ("payment_intents", vec![("amount", "2000"), ("currency", "xyz")], json!(null), "currency"),
        ("payment_methods", vec![("type", "card"), ("card[cvc]", "1")], json!("parameter_missing"), "card[token]"),
        ("payment_methods/pm_card_visa/attach", vec![], json!("parameter_missing"), "customer"),
        ("payment_methods/pm_card_visa/attach", vec![("customer", "cus_x")], json!("resource_missing"), "customer"),
    ] {
        let refusal = fixture.post(path, &form).send().await.refusal();
        assert_eq!(refusal, (code, json!(param)), "{path} {form:?}");
    }
}

#[tokio::test]
async fn amounts_are_limited_as_stripe_limits_them() {
    let fixture = Fixture::open().await;
    for (amount, currency, code) in [
        ("49", "usd", "amount_too_small"),
        ("0", "usd", "parameter_invalid_integer"),
        ("-1", "usd", "parameter_invalid_integer"),
        ("100000000", "usd", "amount_too_large"),
        ("29", "gbp", "amount_too_small"),
        ("49", "jpy", "amount_too_small"),
    ] {
        let answer = fixture.post("payment_intents", &[("amount", amount), ("currency", currency)]).send().await;
        assert_eq!(answer.refusal(), (json!(code), json!("amount")), "{amount} {currency}");
    }
    for (amount, currency) in [("50", "usd"), ("99999999", "USD"), ("30", "gbp"), ("50", "jpy")] {
        let made = fixture.done("payment_intents", &[("amount", amount), ("currency", currency)]).await;
        assert_eq!(made["amount"].to_string(), amount);
        assert_eq!(made["currency"], currency.to_lowercase());
    }
}

#[tokio::test]
async fn a_body_must_be_a_form() {
    let fixture = Fixture::open().await;
    let json = fixture.call(Method::POST, "/v1/customers").json(&json!({"name": "Ada"})).send().await.unwrap();
    assert_eq!(json.status(), 400);
    let twice = fixture.post("customers", &[("name", "Ada"), ("name", "Grace")]).send().await;
    assert_eq!(twice.status, 400);
    assert_eq!(fixture.double.all("customer").len(), 0);
}

#[tokio::test]
async fn nested_parameters_are_read_and_metadata_can_be_changed_and_unset() {
    let fixture = Fixture::open().await;
    let form = [("name", "Ada"), ("metadata[order]", "a&b"), ("metadata[basket]", "7"), ("address[city]", "London")];
    let made = fixture.done("customers", &form).await;
    assert_eq!(made["metadata"], json!({"order": "a&b", "basket": "7"}));
    assert_eq!(made["address"]["city"], "London");
    let path = format!("customers/{}", made["id"].as_str().unwrap());
    let changed = fixture.done(&path, &[("metadata[order]", ""), ("metadata[new]", "1"), ("name", "")]).await;
    assert_eq!(changed["metadata"], json!({"basket": "7", "new": "1"}));
    assert!(changed["name"].is_null());
    assert_eq!(fixture.read(&path).await, changed);
    let long = "x".repeat(501);
    assert_eq!(fixture.post(&path, &[("metadata[order]", &long)]).send().await.refusal().1, json!("metadata"));
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    let fixture = Fixture::open().await;
    for path in
        ["customers/cus_x", "payment_intents/pi_x", "charges/ch_x", "refunds/re_x", "events/evt_x", "disputes/dp_x"]
    {
        assert_eq!(fixture.get(path).await.error(404)["code"], "resource_missing", "{path}");
    }
    let made = fixture.customer().await;
    assert_eq!(fixture.get(&format!("charges/{made}")).await.status, 404);
    assert_eq!(fixture.get("subscriptions").await.status, 404);
    assert_eq!(fixture.post("charges", &[]).send().await.status, 404);
}
