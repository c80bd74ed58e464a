//! What can be done with a PaymentIntent in each of its states.

use serde_json::{Value, json};

use crate::support::{Answer, Fixture, id};

/// How to come to each state that a card leads to.
const STATES: [&str; 6] = [
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "succeeded",
    "canceled",
];

async fn come_to(fixture: &Fixture, status: &str) -> String {
    let confirmed = |card| vec![("payment_method", card), ("confirm", "true")];
    let form = match status {
        "requires_confirmation" => vec![("payment_method", "pm_card_visa")],
        "requires_action" => confirmed("pm_card_threeDSecure2Required"),
        "requires_capture" => [confirmed("pm_card_visa"), vec![("capture_method", "manual")]].concat(),
        "succeeded" => confirmed("pm_card_visa"),
        _ => vec![],
    };
    let mut intent = fixture.intent(&form).send().await.expect(200);
    if status == "canceled" {
        intent = fixture.done(&format!("payment_intents/{}/cancel", id(&intent)), &[]).await;
    }
    assert_eq!(intent["status"], status);
    id(&intent)
}

async fn act(fixture: &Fixture, intent: &str, action: &str) -> Answer {
    let path = format!("payment_intents/{intent}");
    match action {
        "confirm with a card" => {
            fixture.post(&format!("{path}/confirm"), &[("payment_method", "pm_card_visa")]).send().await
        }
        "change the amount" => fixture.post(&path, &[("amount", "2100")]).send().await,
        "approve" => {
            let path = format!("{path}/authenticate");
            fixture.control(http::Method::POST, &path, json!({"outcome": "approve"})).await
        }
        verb => fixture.post(&format!("{path}/{verb}"), &[]).send().await,
    }
}

#[tokio::test]
async fn each_action_leads_where_stripe_documents_or_is_refused_with_the_payment_in_the_error() {
    let fixture = Fixture::open().await;
    for (action, outcomes) in [
        ("confirm", ["", "succeeded", "requires_action", "", "", ""]),
        ("confirm with a card", ["succeeded", "succeeded", "succeeded", "", "", ""]),
        ("approve", ["", "", "succeeded", "", "", ""]),
        ("capture", ["", "", "", "succeeded", "", ""]),
        ("cancel", ["canceled", "canceled", "canceled", "canceled", "", ""]),
        ("change the amount", ["requires_payment_method", "requires_confirmation", "requires_action", "", "", ""]),
    ] {
        for (status, outcome) in STATES.into_iter().zip(outcomes) {
            let intent = come_to(&fixture, status).await;
            let before = fixture.read(&format!("payment_intents/{intent}")).await;
            let answer = act(&fixture, &intent, action).await;
            if outcome.is_empty() {
                let error = answer.error(400);
                assert_eq!(error["code"], "payment_intent_unexpected_state", "{action} in {status}");
                assert_eq!(error["payment_intent"], before, "{action} in {status}");
                assert_eq!(fixture.read(&format!("payment_intents/{intent}")).await, before, "{action} in {status}");
            } else {
                assert_eq!(answer.expect(200)["status"], outcome, "{action} in {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_states_of_a_payment_are_told_in_order() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[]).send().await.expect(200));
    fixture.done(&format!("payment_intents/{intent}/confirm"), &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(fixture.event_types().await, ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]);
}

#[tokio::test]
async fn an_event_shows_the_payment_as_it_was_then() {
    let fixture = Fixture::open().await;
    let intent = fixture.intent(&[("metadata[order]", "7")]).key("k").send().await;
    fixture.done(&format!("payment_intents/{}/cancel", id(&intent.body)), &[]).await;
    let created = fixture.read("events?type=payment_intent.created").await["data"][0].clone();
    assert_eq!(created["data"]["object"], intent.body);
    assert_eq!(created["request"]["idempotency_key"], "k");
    assert_eq!(created["request"]["id"].as_str(), intent.header("request-id"));
    assert_eq!(fixture.read(&format!("events/{}", id(&created))).await, created);
}

#[tokio::test]
async fn a_cancelled_payment_says_why_and_when() {
    let fixture = Fixture::open().await;
    let intent = fixture.intent(&[]).send().await.expect(200);
    let cancel = format!("payment_intents/{}/cancel", id(&intent));
    let wrong = fixture.post(&cancel, &[("cancellation_reason", "boredom")]).send().await;
    assert_eq!(wrong.refusal().1, json!("cancellation_reason"));
    let canceled = fixture.done(&cancel, &[("cancellation_reason", "abandoned")]).await;
    assert_eq!(canceled["cancellation_reason"], "abandoned");
    assert!(canceled["canceled_at"].as_i64() >= intent["created"].as_i64());
    assert_eq!(fixture.event_types().await.last().unwrap(), "payment_intent.canceled");
}

#[tokio::test]
async fn sixteen_confirmations_at_once_charge_once() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[("payment_method", "pm_card_visa")]).send().await.expect(200));
    let confirm = format!("payment_intents/{intent}/confirm");
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..16 {
        calls.spawn(fixture.post(&confirm, &[]).key(&format!("k{number}")).send());
    }
    let mut statuses: Vec<u16> = calls.join_all().await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[400; 15][..]));
    assert_eq!(fixture.double.charges().len(), 1);
}

#[tokio::test]
async fn sixteen_confirmations_at_once_under_one_key_charge_once() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[("payment_method", "pm_card_visa")]).send().await.expect(200));
    let confirm = format!("payment_intents/{intent}/confirm");
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        calls.spawn(fixture.post(&confirm, &[]).key("k").send());
    }
    for answer in calls.join_all().await {
        // Replayed, or refused because the first call is running.
        assert!(answer.status == 200 || answer.clone().error(409)["code"] == "idempotency_key_in_use", "{answer:?}");
    }
    assert_eq!(fixture.double.charges().len(), 1);
}

#[tokio::test]
async fn a_payment_that_may_redirect_needs_a_way_back() {
    let fixture = Fixture::open().await;
    let form = [("amount", "2000"), ("currency", "usd"), ("payment_method", "pm_card_visa")];
    let intent = fixture.done("payment_intents", &form).await;
    assert_eq!(intent["automatic_payment_methods"], json!({"allow_redirects": "always", "enabled": true}));
    let confirm = format!("payment_intents/{}/confirm", id(&intent));
    assert_eq!(fixture.post(&confirm, &[]).send().await.refusal().1, json!("return_url"));
    let paid = fixture.done(&confirm, &[("return_url", "https://shop.example/back")]).await;
    assert_eq!(paid["status"], "succeeded");
    let off = [&form[..], &[("automatic_payment_methods[enabled]", "false"), ("confirm", "true")]].concat();
    let paid = fixture.done("payment_intents", &off).await;
    assert_eq!((&paid["status"], &paid["automatic_payment_methods"]), (&json!("succeeded"), &Value::Null));
}

#[tokio::test]
async fn the_types_of_payment_methods_cannot_be_listed_any_more() {
    let fixture = Fixture::open().await;
    let types = ("payment_method_types[]", "card");
    let expected = (json!("payment_method_types_no_longer_supported"), json!("payment_method_types"));
    assert_eq!(fixture.intent(&[types]).send().await.refusal(), expected);
    assert_eq!(fixture.post("setup_intents", &[types]).send().await.refusal(), expected);
    let intent = fixture.intent(&[]).send().await.expect(200);
    let path = format!("payment_intents/{}", id(&intent));
    for path in [format!("{path}/confirm"), path] {
        assert_eq!(fixture.post(&path, &[types]).send().await.refusal(), expected);
    }
    assert_eq!(intent["payment_method_types"], json!(["card"]), "they can be read");
}

#[tokio::test]
async fn a_payment_keeps_the_parameters_it_was_given() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("description", "An order"),
        ("metadata[order]", "7"),
        ("receipt_email", "ada@example.com"),
    ];
    let made = fixture.intent(&form).send().await.expect(200);
    assert_eq!((&made["customer"], &made["description"]), (&json!(customer), &json!("An order")));
    assert_eq!(made["metadata"], json!({"order": "7"}));
    let secret = made["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(&format!("{}_secret_", id(&made))));
    let path = format!("payment_intents/{}", id(&made));
    let changed = fixture.done(&path, &[("metadata[note]", "gift")]).await;
    assert_eq!(changed["metadata"], json!({"order": "7", "note": "gift"}));
    assert_eq!(fixture.read(&path).await, changed);
}

#[tokio::test]
async fn some_parameters_go_with_a_confirmation_only() {
    let fixture = Fixture::open().await;
    for (name, value) in [("off_session", "true"), ("return_url", "https://shop.example/back")] {
        assert_eq!(fixture.intent(&[(name, value)]).send().await.refusal().1, json!(name));
    }
    let no_card = fixture.intent(&[("confirm", "true")]).send().await;
    assert_eq!(no_card.refusal().0, json!("payment_intent_unexpected_state"));
    assert!(fixture.double.charges().is_empty());
}
