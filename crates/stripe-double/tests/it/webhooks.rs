//! Events as a shop gets them.

use aws_lc_rs::hmac;
use http::Method;
use serde_json::{Value, json};

use crate::support::{Fixture, Inbox, Posted, id, until};

/// Checks a signature as a shop does, from Stripe's description alone: <https://docs.stripe.com/webhooks/signature>.
fn is_signed(posted: &Posted, secret: &str) -> bool {
    let mut parts = posted.signature.split(',').map(|part| part.split_once('=').unwrap());
    let (Some(("t", at)), Some(("v1", hex))) = (parts.next(), parts.next()) else { return false };
    let tag = hex::decode(hex).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, &[at.as_bytes(), b".", &posted.raw].concat(), &tag).is_ok()
}

fn event_fault(kind: &str, fault: &Value) -> Value {
    json!({ "kind": "event", "type": kind, "fault": fault })
}

#[tokio::test]
async fn events_are_posted_signed_and_in_order() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.paid("pm_card_visa").await;
    let expected = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"];
    assert_eq!(inbox.after(3).await, expected);
    for posted in inbox.posted() {
        assert!(is_signed(&posted, fixture.double.webhook_secret()));
        assert!(!is_signed(&posted, "whsec_other"));
        let altered = Posted { raw: [&posted.raw[..], b" "].concat(), ..posted.clone() };
        assert!(!is_signed(&altered, fixture.double.webhook_secret()));
        let read = fixture.read(&format!("events/{}", id(&posted.event))).await;
        assert_eq!(read["data"], posted.event["data"]);
        assert_eq!(posted.event["pending_webhooks"], 1);
    }
    until("all are delivered", async || fixture.double.all("event").iter().all(|event| event["pending_webhooks"] == 0))
        .await;
}

#[tokio::test]
async fn the_signature_that_is_offered_to_tests_is_the_one_that_is_sent() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.customer().await;
    inbox.after(1).await;
    let posted = &inbox.posted()[0];
    let at = posted.signature.split(',').next().unwrap().trim_start_matches("t=").parse().unwrap();
    assert_eq!(stripe_double::sign(fixture.double.webhook_secret(), at, &posted.raw), posted.signature);
}

#[tokio::test]
async fn an_event_that_is_not_taken_is_sent_again_and_delays_no_other() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    inbox.refuse(&[500, 302]);
    let intent = fixture.intent(&[]).send().await.expect(200);
    fixture.done(&format!("payment_intents/{}/cancel", id(&intent)), &[]).await;
    let types = inbox.after(4).await;
    assert_eq!(types[..2], ["payment_intent.created", "payment_intent.canceled"]);
    let mut again = types[2..].to_vec();
    again.sort_unstable();
    assert_eq!(again, ["payment_intent.canceled", "payment_intent.created"]);
}

#[tokio::test]
async fn a_dropped_event_is_not_delivered_and_can_be_read() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.fault(event_fault("payment_intent.succeeded", &json!({"kind": "drop"}))).await;
    fixture.paid("pm_card_visa").await;
    fixture.customer().await;
    let expected = ["payment_intent.created", "charge.succeeded", "customer.created"];
    assert_eq!(inbox.after(3).await, expected);
    assert!(fixture.event_types().await.contains(&"payment_intent.succeeded".to_owned()));
}

#[tokio::test]
async fn a_duplicated_event_is_delivered_twice_with_one_id() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.fault(event_fault("*", &json!({"kind": "duplicate"}))).await;
    fixture.customer().await;
    fixture.customer().await;
    inbox.after(3).await;
    let posted = inbox.posted();
    assert_eq!(posted[0].event["id"], posted[1].event["id"]);
    assert_ne!(posted[1].event["id"], posted[2].event["id"]);
}

#[tokio::test]
async fn a_reordered_event_comes_after_the_one_that_follows() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.fault(event_fault("charge.succeeded", &json!({"kind": "reorder"}))).await;
    fixture.paid("pm_card_visa").await;
    let expected = ["payment_intent.created", "payment_intent.succeeded", "charge.succeeded"];
    assert_eq!(inbox.after(3).await, expected);
}

#[tokio::test]
async fn a_delayed_event_delays_no_other() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.fault(event_fault("payment_intent.created", &json!({"kind": "delay", "ms": 1500}))).await;
    fixture.paid("pm_card_visa").await;
    let expected = ["charge.succeeded", "payment_intent.succeeded", "payment_intent.created"];
    assert_eq!(inbox.after(3).await, expected);
}

#[tokio::test]
async fn webhooks_can_be_off_and_events_be_sent_once_more() {
    let inbox = Inbox::open().await;
    let fixture = Fixture::with_inbox(&inbox).await;
    fixture.control(Method::POST, "webhooks", json!({"enabled": false})).await.expect(200);
    fixture.paid("pm_card_visa").await;
    let missed = id(&fixture.read("events").await["data"][0]);
    let again = fixture.control(Method::POST, "webhooks/redeliver", json!({"event": missed})).await.expect(200);
    assert_eq!(again["delivered"], true);
    fixture.control(Method::POST, "webhooks", json!({"enabled": true})).await.expect(200);
    fixture.customer().await;
    assert_eq!(inbox.after(2).await, ["payment_intent.succeeded", "customer.created"]);
    let unknown = fixture.control(Method::POST, "webhooks/redeliver", json!({"event": "evt_x"})).await;
    assert_eq!(unknown.status, 404);
}
