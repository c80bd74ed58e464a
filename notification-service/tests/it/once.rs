use std::{sync::Arc, time::Duration};

use common::timestamp::Timestamp;
use futures_util::future::join_all;
use notification_service::{
    notifications::domain::{DeliveryEvent, EventKey, EventKind},
    providers::Name,
};
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{Office, event, network::Fault, outcome, sent};

#[tokio::test]
async fn the_same_event_again_is_answered_and_sends_no_second_mail() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    assert_eq!(office.status(&body).await, "sent");
    for _ in 0..2 {
        let again = office.send(&body).await.expect(200);
        assert_eq!(outcome(&again), sent(&body));
    }
    // What counts is the event, not what is said of it.
    let mut other = event("account_created");
    other["event_id"] = body["event_id"].clone();
    assert_eq!(office.status(&other).await, "sent");
    assert_eq!((office.mails(&body), office.mails(&other)), (1, 0));
}

#[tokio::test]
async fn another_event_is_another_mail() {
    let office = Office::open().await;
    let body = event("account_exists");
    let mut next = body.clone();
    next["event_id"] = json!(Uuid::now_v7());
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.status(&next).await, "sent");
    assert_eq!(office.mails(&body), 2);
}

#[tokio::test]
async fn sixteen_requests_at_once_send_one_mail() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    let answers = join_all((0..16).map(|_| office.send(&body))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in answers {
        match answer.status.as_u16() {
            200 => assert_eq!(outcome(&answer), sent(&body)),
            status => assert_eq!((status, answer.problem().as_str()), (409, "notification_in_progress")),
        }
    }
    assert_eq!(office.mails(&body), 1);
    assert_eq!(office.status(&body).await, "sent");
}

#[tokio::test]
async fn while_another_request_sends_the_answer_is_409_and_says_when_to_ask_again() {
    let office = Office::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    office.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        office.network.until("SendEmail", 1).await;
        let answer = office.send(&body).await.expect(409);
        assert_eq!(answer.problem(), "notification_in_progress");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
        permits.add_permits(1);
    };
    let (status, ()) = tokio::join!(office.status(&body), meanwhile);
    assert_eq!(status, "sent");
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn a_claim_whose_maker_died_is_taken_over_once_its_lease_ran_out() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    // Whoever was sending got no further than its claim, and could not give it back.
    office.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
    office.network.plan("UpdateItem", usize::MAX, Fault::Answer(500, json!({})));
    office.send(&body).await.expect(503);
    assert_eq!(office.send(&body).await.expect(409).problem(), "notification_in_progress");
    assert_eq!(office.mails(&body), 0);
    office.network.heal();
    office.expire_lease(&body).await;
    let answers = join_all((0..8).map(|_| office.send(&body))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(office.mails(&body), 1);
    assert_eq!(office.status(&body).await, "sent");
}

#[tokio::test]
async fn who_comes_back_after_its_lease_does_not_touch_what_another_has_done() {
    let office = Office::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    office.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        office.network.until("SendEmail", 1).await;
        office.expire_lease(&body).await;
        assert_eq!(office.status(&body).await, "sent");
        let item = office.item(&body).await.unwrap();
        permits.add_permits(1);
        item
    };
    let (status, others) = tokio::join!(office.status(&body), meanwhile);
    // Both mails are with the provider: this is the one window, and it takes a sender that slept for half a minute.
    assert_eq!((status.as_str(), office.mails(&body)), ("sent", 2));
    assert_eq!(office.item(&body).await.unwrap(), others);
}

#[tokio::test]
async fn who_fails_after_its_lease_does_not_give_back_what_is_anothers() {
    let office = Office::open().await;
    let (body, permits) = (event("order_confirmation"), Arc::new(Semaphore::new(0)));
    office.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    let meanwhile = async {
        office.network.until("SendEmail", 1).await;
        office.expire_lease(&body).await;
        assert_eq!(office.status(&body).await, "sent");
        permits.close();
    };
    let (answer, ()) = tokio::join!(office.send(&body), meanwhile);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_known_again_as_ones_own() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.network.plan("TransactWriteItems", 1, Fault::LostAnswer);
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!((office.network.count("TransactWriteItems"), office.mails(&body)), (2, 1));
}

#[tokio::test]
async fn a_mark_whose_answer_was_lost_is_made_again() {
    let office = Office::open().await;
    let body = event("account_created");
    office.network.plan("UpdateItem", 1, Fault::LostAnswer);
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn a_mail_that_cannot_be_marked_was_sent_all_the_same() {
    let office = Office::open().await;
    let body = event("account_created");
    office.network.plan("UpdateItem", usize::MAX, Fault::Answer(500, json!({})));
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.send(&body).await.expect(409).problem(), "notification_in_progress");
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_while_the_provider_answers_is_marked_all_the_same() {
    let office = Office::open().await;
    let (body, permits) = (event("account_created"), Arc::new(Semaphore::new(0)));
    office.network.plan("SendEmail", 1, Fault::Hold(permits.clone()));
    tokio::select! {
        _ = office.send(&body) => panic!("SES has not answered yet"),
        () = office.network.until("SendEmail", 1) => {}
    }
    permits.add_permits(1);
    office.network.until("UpdateItem", 1).await;
    for _ in 0..100 {
        if office.send(&body).await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn what_no_provider_took_waits_and_says_why_and_how_often_it_was_tried() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    for attempts in 1..=2 {
        office.network.plan("SendEmail", 1, Fault::Answer(500, json!({})));
        office.send(&body).await.expect(503);
        let waiting = office.of_event(&body).await.expect(200).json();
        let channel = &waiting["channels"][0];
        assert_eq!((&channel["state"], &channel["attempts"]), (&json!("waiting"), &json!(attempts)));
        assert!(channel["last_error"].as_str().unwrap().contains("500"), "{channel}");
        assert_eq!((&channel["provider"], &channel["sent_at"]), (&json!(null), &json!(null)));
    }
    let answer = office.send(&body).await.expect(200).json();
    let channel = &answer["channels"][0];
    assert_eq!(
        (&channel["state"], &channel["attempts"], &channel["last_error"]),
        (&json!("sent"), &json!(3), &json!(null))
    );
    assert_eq!(office.of_event(&body).await.expect(200).json(), answer, "what is told is what is remembered");
    assert_eq!(office.send(&body).await.expect(200).json(), answer, "and told again");
}

#[tokio::test]
async fn an_event_that_is_not_known_is_a_404() {
    let office = Office::open().await;
    assert_eq!(office.of_event(&event("account_created")).await.expect(404).problem(), "not_found");
    let get = |path: &str| office.client.get(path).token(&crate::token()).send();
    assert_eq!(get("/notifications/01938F6E2B7C7D3A9C415F0E8A1B2C3D").await.expect(404).problem(), "not_found");
    office.client.get("/notifications/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d").send().await.expect(401);
}

fn conflict() -> Fault {
    let reasons = json!([{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]);
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Fault::Answer(400, json!({"__type": kind, "CancellationReasons": reasons, "Message": "cancelled"}))
}

#[tokio::test]
async fn a_claim_that_another_transaction_got_in_the_way_of_is_made_again_twice_and_then_a_503() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.network.plan("TransactWriteItems", 2, conflict());
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.network.count("TransactWriteItems"), 3);
    let other = event("order_confirmation");
    office.network.plan("TransactWriteItems", 3, conflict());
    assert_eq!(office.send(&other).await.expect(503).problem(), "unavailable");
    assert_eq!((office.status(&other).await.as_str(), office.mails(&other)), ("sent", 1));
}

#[tokio::test]
async fn a_mark_that_a_transaction_got_in_the_way_of_is_made_again() {
    let office = Office::open().await;
    let body = event("account_created");
    let conflict = Fault::Answer(400, json!({"__type": "TransactionConflictException", "message": "conflict"}));
    office.network.plan("UpdateItem", 2, conflict);
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!((office.network.count("UpdateItem"), office.status(&body).await.as_str()), (3, "sent"));
    assert_eq!(office.mails(&body), 1);
}

#[tokio::test]
async fn of_what_a_provider_tells_the_latest_counts_in_whichever_order_it_comes() {
    let office = Office::open().await;
    let body = event("account_created");
    assert_eq!(office.status(&body).await, "sent");
    let key: EventKey = body["event_id"].as_str().unwrap().parse().unwrap();
    let at = |seconds: u64| Timestamp::from_unix_millis(1_796_000_000_000).unwrap().plus(Duration::from_secs(seconds));
    let tell = async |kind, seconds| {
        let event = DeliveryEvent { kind, at: at(seconds), provider: Name::Ses };
        office.app.store.note_event(key, event).await.unwrap()
    };
    assert!(tell(EventKind::Delivered, 5).await);
    assert!(!tell(EventKind::Accepted, 1).await, "it was earlier");
    assert!(!tell(EventKind::Delivered, 5).await, "it is told already");
    assert!(!tell(EventKind::Delayed, 5).await, "of one moment, what is further");
    assert!(tell(EventKind::Complained, 5).await);
    let told = office.of_event(&body).await.expect(200).json();
    assert_eq!(told["channels"][0]["last_event"], json!({"type": "complained", "at": at(5)}));
    let unknown = EventKey { event_id: Uuid::now_v7().into(), ..key };
    let event = DeliveryEvent { kind: EventKind::Delivered, at: at(1), provider: Name::Ses };
    assert!(!office.app.store.note_event(unknown, event).await.unwrap(), "nothing is remembered of it");
}
