use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use common::timestamp::Timestamp;
use notification_service::{
    router,
    templates::{Template, sample},
};
use serde_json::{Value, json};
use testkit::{Client, logs::Captured};
use uuid::Uuid;

use crate::{Fixture, PATIENT, address, app, event, network::Fault, outcome, sent, token};

/// What belongs to the shopper in [`event`] beside their address.
const PERSONAL: [&str; 7] =
    ["Ada", "Lovelace", "St James", "SW1Y", "+442079460123", "Organic cotton tee", "Your card was declined."];

/// Captures what this test logs, as long as what is returned with it lives.
pub(crate) fn listen(level: &str) -> (Captured, impl Sized) {
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("notification-service", level, captured.writer());
    // With a single subscriber, tracing caches for all threads whether the first thread that reaches a line has it enabled. With two
    // it asks each time.
    let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    (captured, (tracing::subscriber::set_default(subscriber), second))
}

fn with_reason() -> Value {
    let mut body = event("payment_failed");
    body["data"]["order"]["reason"] = json!("Your card was declined.");
    body
}

#[track_caller]
fn assert_nothing_personal(logged: &str, bodies: &[Value]) {
    for body in bodies {
        assert!(!logged.contains(address(body)), "the address is logged: {logged}");
    }
    for personal in PERSONAL {
        assert!(!logged.contains(personal), "{personal} is logged: {logged}");
    }
}

#[tokio::test]
async fn logs_name_events_and_templates_and_no_people() {
    let fixture = Fixture::open().await;
    let (captured, _listening) = listen("debug");

    let mut bodies: Vec<Value> = std::iter::repeat_with(with_reason).take(7).collect();
    // The only update records the result: limits are counted with the lease.
    bodies[3] = event("account_created");
    fixture.send(&bodies[0]).await.expect(200);
    fixture.send(&bodies[0]).await.expect(200);
    let words = format!("Email address is not verified: {}", address(&bodies[1]));
    let rejected = Fault::Answer(400, json!({"__type": "MessageRejected", "message": words}));
    fixture.network.plan("SendEmail", 1, rejected);
    fixture.send(&bodies[1]).await.expect(503);
    fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({ "message": words })));
    fixture.send(&bodies[2]).await.expect(503);
    fixture.network.plan("UpdateItem", 2, Fault::Answer(500, json!({})));
    fixture.send(&bodies[3]).await.expect(200);
    fixture.network.plan("TransactWriteItems", 2, Fault::Answer(500, json!({})));
    fixture.send(&bodies[4]).await.expect(503);
    let mut refused = bodies[5].clone();
    refused["locale"] = json!("Ada Lovelace");
    fixture.send(&refused).await.expect(422);

    let logged = captured.text();
    assert_nothing_personal(&logged, &bodies);
    assert!(logged.contains(bodies[0]["event_id"].as_str().unwrap()), "{logged}");
    assert!(logged.contains("\"template\":\"payment_failed\""), "{logged}");
    assert!(logged.contains("MessageRejected (status 400)"), "the cause of the 500 is logged: {logged}");
    assert!(logged.contains("message sent, and not marked as sent"), "{logged}");
}

#[tokio::test]
async fn the_log_provider_writes_the_event_and_the_template_and_sends_nothing() {
    let fixture = Fixture::open().await;
    let (captured, _listening) = listen("info");

    let logging = app(&fixture.network.address, fixture.app.db.table(), "log", PATIENT);
    let (client, body) = (Client::new(router(logging)), with_reason());
    for _ in 0..2 {
        let answer = client.post("/notifications").token(&token()).json(&body).send().await.expect(200);
        assert_eq!(outcome(&answer), sent(&body));
    }
    assert_eq!((fixture.network.count("SendEmail"), fixture.mails(&body)), (0, 0));

    let lines = captured.lines();
    let written: Vec<_> = lines.iter().filter(|line| line["message"].to_string().contains("MAIL_PROVIDER")).collect();
    let [line] = &written[..] else { panic!("{written:?}") };
    assert_eq!((&line["event_id"], &line["template"]), (&body["event_id"], &json!("payment_failed")));
    assert_nothing_personal(&captured.text(), &[body]);
}

#[tokio::test]
async fn what_is_kept_of_a_mail_is_ids_and_times_and_what_was_asked_for_for_ninety_days() {
    let fixture = Fixture::open().await;
    let body = with_reason();
    fixture.send(&body).await.expect(200);
    let mut item = fixture.item(&body).await.unwrap();
    let expires: i64 = item["expires_at"].as_n().unwrap().parse().unwrap();
    let in_ninety_days = Timestamp::now().plus(Duration::from_hours(90 * 24)).unix_seconds();
    assert!((in_ninety_days - 3_600..=in_ninety_days).contains(&expires), "{expires}");
    let kept = item.remove("request").unwrap();
    let kept: Value = serde_json::from_str(kept.as_s().unwrap()).unwrap();
    let expected = json!({
        "template": "payment_failed", "channels": ["email"], "data": body["data"],
        "recipient": {"email": address(&body), "locale": "en-GB"}
    });
    assert_eq!(kept, expected);
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "attempts",
        "channel",
        "claim",
        "created_at",
        "event_id",
        "expires_at",
        "is_kept",
        "key_id",
        "listed",
        "listed_at",
        "provider",
        "provider_message_id",
        "recipient_key",
        "sent_at",
        "state",
        "template",
    ];
    assert_eq!(names, expected);
    assert_eq!(item["state"], AttributeValue::S("sent".into()));
    assert_nothing_personal(&format!("{item:?}"), &[body]);
}

#[tokio::test]
async fn of_a_message_with_a_secret_nothing_is_kept_but_ids_and_times() {
    let fixture = Fixture::open().await;
    let mut body = sample(Template::PasswordReset);
    body["event_id"] = json!(Uuid::now_v7());
    assert!(!Template::PasswordReset.may_be_kept());
    assert_eq!(fixture.status(&body).await, "sent");
    let item = fixture.item(&body).await.unwrap();
    assert!(!item.contains_key("request"), "{item:?}");
}
