use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use notification_service::{App, app::DEADLINE, aws::Limits, router};
use platform::config::Env;
use serde_json::{Value, json};
use testkit::{Client, tokens};

use crate::{Fixture, PATIENCE, PATIENT, event, network::Fault, token};

fn aws_error(status: u16, code: &str) -> Fault {
    Fault::Answer(status, json!({"__type": code, "message": "no"}))
}

/// This instance answers 503 and has sent nothing; asked again later, whichever instance it is sends once.
async fn fails_for_a_while(fixture: &Fixture, instance: &Client, body: &Value) {
    let answer = instance.post("/notifications").token(&token()).json(body).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(fixture.mails(body), 0);
    fixture.network.heal();
    assert_eq!(fixture.status(body).await, "sent");
    assert_eq!(fixture.status(body).await, "sent");
    assert_eq!(fixture.mails(body), 1);
}

/// An instance with these settings beside the office's, on the same table.
fn instance(fixture: &Fixture, more: &[(&'static str, &str)], limits: Limits) -> Client {
    let mut settings = crate::settings(&fixture.network.address, fixture.app.db.table(), "ses");
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let mut env = Env::from_pairs(settings);
    let app = App::configure_within(&mut env, limits).unwrap_or_else(|| panic!("{}", env.report()));
    Client::new(router(App { verifier: tokens::verifier(), deadline: PATIENCE, ..app }))
}

#[tokio::test]
async fn a_provider_that_is_down_or_has_too_much_to_do_is_a_503_and_a_retry_sends_once() {
    let fixture = Fixture::open().await;
    for fault in [
        Fault::Answer(500, json!({})),
        Fault::Answer(502, json!("<html>Bad gateway</html>")),
        aws_error(503, "ServiceUnavailable"),
        aws_error(429, "TooManyRequestsException"),
        aws_error(400, "ThrottlingException"),
        aws_error(400, "LimitExceededException"),
    ] {
        let before = fixture.network.count("SendEmail");
        fixture.network.plan("SendEmail", usize::MAX, fault);
        fails_for_a_while(&fixture, &fixture.client, &event("order_confirmation")).await;
        // Once in vain, once for good: the SDK repeats nothing behind our back.
        assert_eq!(fixture.network.count("SendEmail") - before, 2);
    }
}

#[tokio::test]
async fn a_provider_that_hangs_is_a_503_and_a_retry_sends_once() {
    let fixture = Fixture::open().await;
    let impatient = instance(&fixture, &[], Limits { send: Duration::from_millis(500), ..PATIENT });
    fixture.network.plan("SendEmail", 1, Fault::Hang);
    fails_for_a_while(&fixture, &impatient, &event("order_confirmation")).await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_a_503() {
    let fixture = Fixture::open().await;
    let client = instance(&fixture, &[("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")], PATIENT);
    let body = event("order_confirmation");
    let answer = client.post("/notifications").token(&token()).json(&body).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn a_mail_that_the_provider_refuses_for_our_sake_can_be_sent_once_that_is_mended() {
    let fixture = Fixture::open().await;
    for code in ["MessageRejected", "MailFromDomainNotVerifiedException", "AccountSuspendedException"] {
        let body = event("order_confirmation");
        fixture.network.plan("SendEmail", 1, aws_error(400, code));
        assert_eq!(fixture.send(&body).await.expect(503).problem(), "unavailable");
        assert_eq!(
            fixture.item(&body).await.unwrap()["state"],
            AttributeValue::S("waiting".into()),
            "the lease is released"
        );
        assert_eq!(fixture.status(&body).await, "sent");
        assert_eq!(fixture.mails(&body), 1);
    }
}

#[tokio::test]
async fn a_sender_that_ses_does_not_know_sends_nothing_until_it_does() {
    let fixture = Fixture::open().await;
    let client = instance(&fixture, &[("MAIL_FROM", "shop@never-verified.example")], PATIENT);
    let body = event("order_confirmation");
    let answer = client.post("/notifications").token(&token()).json(&body).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn a_database_that_fails_in_any_way_is_a_503_and_no_mail() {
    let fixture = Fixture::open().await;
    for fault in [
        Fault::Answer(500, json!({})),
        aws_error(400, "ProvisionedThroughputExceededException"),
        aws_error(400, "ThrottlingException"),
    ] {
        fixture.network.plan("TransactWriteItems", usize::MAX, fault);
        fails_for_a_while(&fixture, &fixture.client, &event("order_confirmation")).await;
    }
}

#[tokio::test]
async fn a_database_that_is_dead_or_hangs_is_a_503_and_no_mail() {
    let fixture = Fixture::open().await;
    let impatient = instance(&fixture, &[], Limits { store: Duration::from_millis(500), ..PATIENT });
    fixture.network.plan("TransactWriteItems", usize::MAX, Fault::Hang);
    fails_for_a_while(&fixture, &impatient, &event("order_confirmation")).await;

    let lonely = instance(&fixture, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], PATIENT);
    let body = event("order_confirmation");
    let answer = lonely.post("/notifications").token(&token()).json(&body).send().await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn a_database_that_refuses_us_is_our_mistake() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.network.plan("TransactWriteItems", 1, aws_error(400, "AccessDeniedException"));
    assert_eq!(fixture.send(&body).await.expect(500).problem(), "internal");
    assert_eq!(fixture.mails(&body), 0);
}

#[tokio::test]
async fn whatever_hangs_production_answers_and_a_mail_that_went_is_not_asked_for_again() {
    for operation in ["TransactWriteItems", "SendEmail", "UpdateItem"] {
        let fixture = Fixture::open_within(Limits::PRODUCTION, DEADLINE).await;
        fixture.network.plan(operation, usize::MAX, Fault::Hang);
        let (body, limit) = (event("account_created"), Duration::from_secs(30));
        let answer = tokio::time::timeout(limit, fixture.send(&body)).await.expect("an answer");
        // Where the mail has gone already, all that hangs is our note of it: a 503 would bring a second mail.
        let expected = if operation == "UpdateItem" { 200 } else { 503 };
        assert_eq!(answer.status.as_u16(), expected, "{operation}: {}", answer.text());
    }
    let Limits { store, acquire_lease, send } = Limits::PRODUCTION;
    assert!(acquire_lease + send + store < DEADLINE, "a request learns how each of its calls ended");
}
