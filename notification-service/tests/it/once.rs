use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use common::timestamp::Timestamp;
use futures_util::future::join_all;
use notification_service::{
    App,
    event::EventKey,
    notifications::domain::{DeliveryEvent, EventKind},
    providers::Name,
    router,
};
use platform::config::Env;
use serde_json::json;
use testkit::{Client, tokens};
use tokio::sync::Semaphore;
use uuid::Uuid;
use vendor_doubles::{Answer, Fault as VendorFault, Kind, Vendor};

use crate::{Fixture, PATIENCE, PATIENT, address, event, network::Fault, outcome, sent, text};

#[tokio::test]
async fn the_same_event_again_is_answered_and_sends_no_second_mail() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    assert_eq!(fixture.status(&body).await, "sent");
    for _ in 0..2 {
        let again = fixture.send(&body).await.expect(200);
        assert_eq!(outcome(&again), sent(&body));
    }
    // What counts is the event, not what is said of it.
    let mut other = body.clone();
    other["data"]["order"]["total"]["amount"] = json!(1);
    other["recipient"]["locale"] = json!("de-DE");
    other["recipient"]["email"] = json!(address(&body).to_uppercase());
    assert_eq!(fixture.status(&other).await, "sent");
    assert_eq!((fixture.mails(&body), fixture.mails(&other)), (1, 0));
}

#[tokio::test]
async fn an_event_that_was_used_for_another_template_or_recipient_is_refused_and_sends_nothing() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    let (mut other_template, mut other_recipient) = (event("order_cancelled"), event("order_confirmation"));
    other_template["event_id"] = body["event_id"].clone();
    other_template["recipient"] = body["recipient"].clone();
    other_recipient["event_id"] = body["event_id"].clone();
    let are_refused = async || {
        for other in [&other_template, &other_recipient] {
            assert_eq!(fixture.send(other).await.expect(409).problem(), "event_id_reused");
        }
    };
    // While it waits, and once it is sent.
    fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
    fixture.send(&body).await.expect(503);
    are_refused().await;
    assert_eq!(fixture.status(&body).await, "sent");
    are_refused().await;
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!((fixture.mails(&body), fixture.mails(&other_recipient)), (1, 0));
    assert_eq!(fixture.network.count("SendEmail"), 2);
    // To an address that is suppressed, or beyond a limit, it is the same.
    let email = address(&other_recipient).parse().unwrap();
    let hash = platform::fingerprint::hex(fixture.app.fingerprints.recipient(&email).await.unwrap());
    let put = fixture.app.db.aws().dynamodb().await.put_item().table_name(fixture.app.db.table());
    put.item("event_id", AttributeValue::S(format!("suppression#email#{hash}"))).send().await.unwrap();
    are_refused().await;
}

#[tokio::test]
async fn events_of_before_the_key_of_the_hashes_was_replaced_are_still_known() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    assert_eq!(fixture.status(&body).await, "sent");
    let mut settings = crate::settings(&fixture.network.address, fixture.app.db.table(), "ses");
    settings.retain(|(name, _)| *name != "FINGERPRINT_KEY");
    settings.push(("FINGERPRINT_KEY", "another key for tests, of 32 characters and more".to_owned()));
    let mut env = Env::from_pairs(settings);
    let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
    let later = Client::new(router(App { verifier: tokens::verifier(), deadline: PATIENCE, ..app }));
    let again = later.post("/notifications").token(&crate::token()).json(&body).send().await.expect(200);
    assert_eq!(outcome(&again), sent(&body));
    assert_eq!(fixture.mails(&body), 1);
}

/// Makes the event as old as if it had been requested so many hours ago.
async fn ages(fixture: &Fixture, key: &str, hours: u64) {
    let past = Timestamp::now().minus(Duration::from_hours(hours)).unix_millis();
    let update = fixture.app.db.aws().dynamodb().await.update_item().table_name(fixture.app.db.table());
    let update = update.key("event_id", AttributeValue::S(key.to_owned())).update_expression("SET created_at = :past");
    let update = update.condition_expression("attribute_exists(event_id)");
    update.expression_attribute_values(":past", AttributeValue::N(past.to_string())).send().await.unwrap();
}

#[tokio::test]
async fn a_mail_that_no_provider_takes_is_refused_once_it_is_three_days_old() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    let id = body["event_id"].as_str().unwrap();
    fixture.network.plan("SendEmail", usize::MAX, Fault::Answer(500, json!({})));
    fixture.send(&body).await.expect(503);
    ages(&fixture, id, 71).await;
    fixture.send(&body).await.expect(503);
    ages(&fixture, id, 72).await;
    let answer = fixture.send(&body).await.expect(200).json();
    let channel = &answer["channels"][0];
    assert_eq!(
        (&channel["state"], &channel["attempts"], &channel["provider"]),
        (&json!("refused"), &json!(3), &json!(null))
    );
    let reason = channel["last_error"].as_str().unwrap();
    assert!(reason.starts_with("given up, 72 h after it was asked for: no provider took it: ses "), "{reason}");
    // For good: what is sent again is sent on purpose.
    fixture.network.heal();
    assert_eq!(fixture.send(&body).await.expect(200).json(), answer);
    assert_eq!(fixture.of_event(&body).await.expect(200).json(), answer);
    assert_eq!((fixture.mails(&body), fixture.network.count("SendEmail")), (0, 3));
    // Old, and taken: the last try is one.
    let late = event("order_confirmation");
    fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
    fixture.send(&late).await.expect(503);
    ages(&fixture, late["event_id"].as_str().unwrap(), 500).await;
    assert_eq!((fixture.status(&late).await.as_str(), fixture.mails(&late)), ("sent", 1));
}

#[tokio::test]
async fn a_text_of_which_it_never_becomes_clear_whether_it_was_sent_is_refused_once_it_is_too_old() {
    let fixture = Fixture::open_with_texts(&[("KEEP_TRYING_HOURS", "1")]).await;
    let body = text();
    let key = format!("{}#sms", body["event_id"].as_str().unwrap());
    let vendors = fixture.vendors();
    vendors.inject(Vendor::Twilio, VendorFault::next(Kind::Reset { after_effect: true }));
    let list = VendorFault { method: "GET".into(), ..VendorFault::always(Kind::Answer(Answer::status(503))) };
    vendors.inject(Vendor::Twilio, list);
    fixture.send(&body).await.expect(503);
    fixture.send(&body).await.expect(503);
    ages(&fixture, &key, 1).await;
    let answer = fixture.send(&body).await.expect(200).json();
    let channel = &answer["channels"][0];
    assert_eq!(channel["state"], "refused", "{answer}");
    let reason = channel["last_error"].as_str().unwrap();
    let expected = "given up, 1 h after it was asked for: whether twilio took it is not clear since ";
    assert!(reason.starts_with(expected), "{reason}");
    assert_eq!((fixture.status(&body).await.as_str(), fixture.texts(&body)), ("refused", 1));
}

#[tokio::test]
async fn another_event_is_another_mail() {
    let fixture = Fixture::open().await;
    let body = event("account_exists");
    let mut next = body.clone();
    next["event_id"] = json!(Uuid::now_v7());
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.status(&next).await, "sent");
    assert_eq!(fixture.mails(&body), 2);
}

#[tokio::test]
async fn sixteen_requests_at_once_send_one_mail() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    let answers = join_all((0..16).map(|_| fixture.send(&body))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in answers {
        match answer.status.as_u16() {
            200 => assert_eq!(outcome(&answer), sent(&body)),
            status => assert_eq!((status, answer.problem().as_str()), (409, "notification_in_progress")),
        }
    }
    assert_eq!(fixture.mails(&body), 1);
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn while_another_request_sends_the_answer_is_409_and_says_when_to_ask_again() {
    let fixture = Fixture::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    fixture.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        fixture.network.until("SendEmail", 1).await;
        let answer = fixture.send(&body).await.expect(409);
        assert_eq!(answer.problem(), "notification_in_progress");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
        permits.add_permits(1);
    };
    let (status, ()) = tokio::join!(fixture.status(&body), meanwhile);
    assert_eq!(status, "sent");
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn a_claim_whose_maker_died_is_taken_over_once_its_lease_ran_out() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    // The sender got no further than its lease, and could not release it.
    fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
    fixture.network.plan("UpdateItem", usize::MAX, Fault::Answer(500, json!({})));
    fixture.send(&body).await.expect(503);
    assert_eq!(fixture.send(&body).await.expect(409).problem(), "notification_in_progress");
    assert_eq!(fixture.mails(&body), 0);
    fixture.network.heal();
    fixture.expire_lease(&body).await;
    let answers = join_all((0..8).map(|_| fixture.send(&body))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(fixture.mails(&body), 1);
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn who_comes_back_after_its_lease_does_not_touch_what_another_has_done() {
    let fixture = Fixture::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    fixture.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        fixture.network.until("SendEmail", 1).await;
        fixture.expire_lease(&body).await;
        assert_eq!(fixture.status(&body).await, "sent");
        let item = fixture.item(&body).await.unwrap();
        permits.add_permits(1);
        item
    };
    let (status, others) = tokio::join!(fixture.status(&body), meanwhile);
    // Both mails are with the provider: this is the one window, and it takes a sender that slept for half a minute.
    assert_eq!((status.as_str(), fixture.mails(&body)), ("sent", 2));
    assert_eq!(fixture.item(&body).await.unwrap(), others);
}

#[tokio::test]
async fn who_fails_after_its_lease_does_not_give_back_what_is_anothers() {
    let fixture = Fixture::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    fixture.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        fixture.network.until("SendEmail", 1).await;
        fixture.expire_lease(&body).await;
        assert_eq!(fixture.status(&body).await, "sent");
        permits.close();
    };
    let (answer, ()) = tokio::join!(fixture.send(&body), meanwhile);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_known_again_as_ones_own() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.network.plan("TransactWriteItems", 1, Fault::LostAnswer);
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!((fixture.network.count("TransactWriteItems"), fixture.mails(&body)), (2, 1));
}

#[tokio::test]
async fn a_mark_whose_answer_was_lost_is_made_again() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    fixture.network.plan("UpdateItem", 1, Fault::LostAnswer);
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn a_mail_that_cannot_be_marked_was_sent_all_the_same() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    fixture.network.plan("UpdateItem", usize::MAX, Fault::Answer(500, json!({})));
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.send(&body).await.expect(409).problem(), "notification_in_progress");
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_while_the_provider_answers_is_marked_all_the_same() {
    let fixture = Fixture::open().await;
    let (body, permits) = (event("account_created"), Arc::new(Semaphore::new(0)));
    fixture.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    tokio::select! {
        _ = fixture.send(&body) => panic!("SES has not answered yet"),
        () = fixture.network.until("SendEmail", 1) => {}
    }
    permits.add_permits(1);
    fixture.network.until("UpdateItem", 1).await;
    for _ in 0..100 {
        if fixture.send(&body).await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn what_no_provider_took_waits_and_says_why_and_how_often_it_was_tried() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    for attempts in 1..=2 {
        fixture.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
        fixture.send(&body).await.expect(503);
        let waiting = fixture.of_event(&body).await.expect(200).json();
        let channel = &waiting["channels"][0];
        assert_eq!((&channel["state"], &channel["attempts"]), (&json!("waiting"), &json!(attempts)));
        assert!(channel["last_error"].as_str().unwrap().contains("500"), "{channel}");
        assert_eq!((&channel["provider"], &channel["sent_at"]), (&json!(null), &json!(null)));
    }
    let answer = fixture.send(&body).await.expect(200).json();
    let channel = &answer["channels"][0];
    assert_eq!(
        (&channel["state"], &channel["attempts"], &channel["last_error"]),
        (&json!("sent"), &json!(3), &json!(null))
    );
    assert_eq!(fixture.of_event(&body).await.expect(200).json(), answer, "the answer is the record");
    assert_eq!(fixture.send(&body).await.expect(200).json(), answer, "and so is the answer to a repetition");
}

#[tokio::test]
async fn an_event_that_is_not_known_is_a_404() {
    let fixture = Fixture::open().await;
    assert_eq!(fixture.of_event(&event("account_created")).await.expect(404).problem(), "not_found");
    let get = |path: &str| fixture.client.get(path).token(&crate::token()).send();
    assert_eq!(get("/notifications/01938F6E2B7C7D3A9C415F0E8A1B2C3D").await.expect(404).problem(), "not_found");
    fixture.client.get("/notifications/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d").send().await.expect(401);
}

fn conflict() -> Fault {
    let reasons = json!([{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]);
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Fault::Answer(400, json!({"__type": kind, "CancellationReasons": reasons, "Message": "cancelled"}))
}

#[tokio::test]
async fn a_claim_that_another_transaction_got_in_the_way_of_is_made_again_twice_and_then_a_503() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.network.plan("TransactWriteItems", 2, conflict());
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.network.count("TransactWriteItems"), 3);
    let other = event("order_confirmation");
    fixture.network.plan("TransactWriteItems", 3, conflict());
    assert_eq!(fixture.send(&other).await.expect(503).problem(), "unavailable");
    assert_eq!((fixture.status(&other).await.as_str(), fixture.mails(&other)), ("sent", 1));
}

#[tokio::test]
async fn a_mark_that_a_transaction_got_in_the_way_of_is_made_again() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    let conflict = Fault::Answer(400, json!({"__type": "TransactionConflictException", "message": "conflict"}));
    fixture.network.plan("UpdateItem", 2, conflict);
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!((fixture.network.count("UpdateItem"), fixture.status(&body).await.as_str()), (3, "sent"));
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn of_the_events_of_a_message_the_latest_counts_in_whichever_order_they_come() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    assert_eq!(fixture.status(&body).await, "sent");
    let key: EventKey = body["event_id"].as_str().unwrap().parse().unwrap();
    let at = |seconds: u64| Timestamp::from_unix_millis(1_796_000_000_000).unwrap().plus(Duration::from_secs(seconds));
    let record = async |kind, seconds| {
        let event = DeliveryEvent { kind, at: at(seconds), provider: Name::Ses };
        fixture.app.db.record_event(key, event).await.unwrap()
    };
    assert!(record(EventKind::Delivered, 5).await);
    assert!(!record(EventKind::Accepted, 1).await, "it was earlier");
    assert!(!record(EventKind::Delivered, 5).await, "it is recorded already");
    assert!(!record(EventKind::Delayed, 5).await, "of one moment, what is further");
    assert!(record(EventKind::Complained, 5).await);
    let found = fixture.of_event(&body).await.expect(200).json();
    assert_eq!(found["channels"][0]["last_event"], json!({"type": "complained", "at": at(5)}));
    let unknown = EventKey { event_id: Uuid::now_v7().into(), ..key };
    let event = DeliveryEvent { kind: EventKind::Delivered, at: at(1), provider: Name::Ses };
    assert!(!fixture.app.db.record_event(unknown, event).await.unwrap(), "it has no record");
}
