//! How many mails about orders one recipient gets on one day.

use futures_util::future::join_all;
use notification_service::{
    App, router,
    templates::{Template, sample},
};
use platform::config::Env;
use serde_json::{Value, json};
use testkit::{Answer, Client, logs::Captured, tokens};
use uuid::Uuid;

use crate::{Fixture, PATIENCE, PATIENT, event, network::Fault, settings, state, token};

/// The same service with this limit of mails about orders.
fn with_limit(fixture: &Fixture, limit: &str) -> Client {
    with(fixture, &[("ORDER_MAILS_PER_RECIPIENT", limit)])
}

/// The same service with these limits.
fn with(fixture: &Fixture, limits: &[(&'static str, &str)]) -> Client {
    let mut settings = settings(&fixture.network.address, fixture.app.db.table(), "ses");
    settings.extend(limits.iter().map(|(name, limit)| (*name, (*limit).to_owned())));
    let mut env = Env::from_pairs(settings);
    let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
    Client::new(router(App { verifier: tokens::verifier(), deadline: PATIENCE, ..app }))
}

async fn send(client: &Client, body: &Value) -> Answer {
    client.post("/notifications").token(&token()).json(body).send().await
}

async fn status(client: &Client, body: &Value) -> (u16, String) {
    let answer = send(client, body).await;
    (answer.status.as_u16(), state(&answer))
}

fn sent() -> (u16, String) {
    (200, "sent".to_owned())
}

fn withheld() -> (u16, String) {
    (200, "withheld".to_owned())
}

/// Another event to the same recipient.
fn another(body: &Value, template: &str) -> Value {
    let mut other = event(template);
    other["recipient"] = body["recipient"].clone();
    other
}

#[tokio::test]
async fn mails_about_orders_beyond_the_days_limit_are_withheld_and_their_events_end() {
    let fixture = Fixture::open().await;
    let client = with_limit(&fixture, "2");
    let first = event("payment_failed");
    assert_eq!(status(&client, &first).await, sent());
    let mut shouted = another(&first, "order_confirmation");
    shouted["recipient"]["email"] = json!(first["recipient"]["email"].as_str().unwrap().to_uppercase());
    assert_eq!(status(&client, &shouted).await, sent());
    let third = another(&first, "order_cancelled");
    for _ in 0..2 {
        assert_eq!(status(&client, &third).await, withheld(), "the same answer again, and no mail");
    }
    // A higher limit does not send what was withheld, and counts on.
    let generous = with_limit(&fixture, "3");
    assert_eq!(status(&generous, &third).await, withheld());
    assert_eq!(status(&generous, &another(&first, "payment_failed")).await, sent());
    assert_eq!((fixture.mails(&first), fixture.mails(&shouted)), (2, 1));
    assert_eq!(status(&client, &event("payment_failed")).await, sent(), "another recipient is not hindered");
}

#[tokio::test]
async fn other_mail_is_neither_counted_nor_withheld() {
    let fixture = Fixture::open().await;
    let limits = ["ORDER_MAILS_PER_RECIPIENT", "ACCOUNT_MAILS_PER_RECIPIENT", "CODE_MAILS_PER_RECIPIENT"]
        .map(|name| (name, "1"));
    let client = with(&fixture, &limits);
    let first = event("low_stock");
    for nth in 0..3 {
        assert_eq!(status(&client, &another(&first, "low_stock")).await, sent(), "{nth}");
    }
    for template in [Template::PasswordChanged, Template::NewSignIn].repeat(2) {
        assert_eq!(status(&client, &link_to(&first, template)).await, sent(), "{template:?}");
    }
    assert_eq!(status(&client, &another(&first, "order_confirmation")).await, sent());
    assert_eq!(status(&client, &another(&first, "order_confirmation")).await, withheld());
    assert_eq!(status(&client, &another(&first, "low_stock")).await, sent());
}

/// Such a mail to the same recipient.
fn link_to(body: &Value, template: Template) -> Value {
    let mut other = sample(template);
    other["event_id"] = json!(Uuid::now_v7());
    other["recipient"] = body["recipient"].clone();
    other
}

#[tokio::test]
async fn mails_that_a_stranger_causes_by_registering_an_address_are_withheld_beyond_the_days_limit() {
    let fixture = Fixture::open().await;
    let limits = [("ACCOUNT_MAILS_PER_RECIPIENT", "3"), ("CODE_MAILS_PER_RECIPIENT", "2")];
    let client = with(&fixture, &limits);
    let first = event("account_created");
    assert_eq!(status(&client, &first).await, sent());
    for nth in 1..30 {
        let expected = if nth < 3 { sent() } else { withheld() };
        assert_eq!(status(&client, &another(&first, "account_exists")).await, expected, "{nth}");
    }
    assert_eq!(status(&client, &another(&first, "account_created")).await, withheld(), "both count as one");
    let answer = send(&client, &another(&first, "account_exists")).await.json();
    assert_eq!(answer["channels"][0]["last_error"], "the recipient has had the day's limit of mails about accounts");
    assert_eq!(fixture.mails(&first), 3);
    // Links into an account have limits of their own, each kind by itself.
    for template in [Template::VerifyEmail, Template::PasswordReset] {
        for expected in [sent(), sent(), withheld()] {
            assert_eq!(status(&client, &link_to(&first, template)).await, expected, "{template:?}");
        }
        let answer = send(&client, &link_to(&first, template)).await.json();
        assert_eq!(
            answer["channels"][0]["last_error"],
            "the recipient has had the day's limit of mails with such a link"
        );
    }
    assert_eq!(status(&client, &another(&first, "order_confirmation")).await, sent());
    assert_eq!(status(&client, &event("account_created")).await, sent(), "another recipient is not hindered");
}

#[tokio::test]
async fn an_event_that_is_tried_again_is_counted_once() {
    let fixture = Fixture::open().await;
    let client = with_limit(&fixture, "2");
    let first = event("order_confirmation");
    for _ in 0..3 {
        fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
        assert_eq!(send(&client, &first).await.status, 503);
    }
    assert_eq!(status(&client, &first).await, sent());
    assert_eq!(status(&client, &first).await, (200, "sent".to_owned()));
    assert_eq!(status(&client, &another(&first, "order_confirmation")).await, sent());
    assert_eq!(status(&client, &another(&first, "order_confirmation")).await, withheld());
}

#[tokio::test]
async fn a_count_that_is_not_answered_sends_nothing_and_is_made_again() {
    let fixture = Fixture::open().await;
    let client = with_limit(&fixture, "1");
    let body = event("order_confirmation");
    fixture.network.plan("TransactWriteItems", usize::MAX, Fault::Answer(500, json!({})));
    assert_eq!(send(&client, &body).await.expect(503).problem(), "unavailable");
    fixture.network.heal();
    assert_eq!(fixture.mails(&body), 0);
    fixture.network.plan("TransactWriteItems", 1, Fault::LostAnswer);
    assert_eq!(status(&client, &body).await, sent());
}

#[tokio::test]
async fn of_many_at_once_no_more_than_the_limit_are_sent() {
    let fixture = Fixture::open().await;
    let client = with_limit(&fixture, "5");
    let first = event("payment_failed");
    let bodies: Vec<Value> = (0..24).map(|_| another(&first, "payment_failed")).collect();
    let answers = join_all(bodies.iter().map(|body| status(&client, body))).await;
    assert_eq!(answers.iter().filter(|answer| **answer == sent()).count(), 5);
    assert_eq!(answers.iter().filter(|answer| **answer == withheld()).count(), 19);
    assert_eq!(fixture.mails(&first), 5);
}

#[tokio::test]
async fn what_is_withheld_is_logged_and_neither_log_nor_table_names_the_recipient() {
    let fixture = Fixture::open().await;
    let client = with_limit(&fixture, "1");
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("notification-service", "debug", captured.writer());
    // tracing remembers for all threads what the only subscriber says; of two it asks both.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _listening = tracing::subscriber::set_default(subscriber);
    let first = event("payment_failed");
    status(&client, &first).await;
    let second = another(&first, "payment_failed");
    assert_eq!(status(&client, &second).await, withheld());
    let logged = captured.text();
    assert!(logged.contains("the recipient has had the day's limit of mails about orders"), "{logged}");
    assert!(logged.contains("message is not sent") && logged.contains("withheld"), "{logged}");
    assert!(logged.contains(second["event_id"].as_str().unwrap()));
    let scan = fixture.app.db.aws().dynamodb().await.scan().table_name(fixture.app.db.table());
    let mut items = scan.send().await.unwrap().items.unwrap();
    // What is kept for sending it again is what was asked for, with the address: see privacy.rs.
    for item in &mut items {
        item.remove("request");
    }
    let items = format!("{items:?}");
    assert!(items.contains("recipient#") && items.contains("expires_at"), "{items}");
    let address = first["recipient"]["email"].as_str().unwrap();
    let local = address.split('@').next().unwrap();
    assert!(!logged.contains(local) && !items.contains(local));
    assert!(Uuid::parse_str(second["event_id"].as_str().unwrap()).is_ok_and(|id| items.contains(&id.to_string())));
}
