use std::collections::BTreeSet;

use http::HeaderName;
use serde_json::{Value, json};
use testkit::{Answer, logs::Captured};
use uuid::Uuid;

use crate::{
    Office, address, event,
    webhooks::{Desk, staff},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REASON: &str = "the shopper says that it never came";

async fn get(office: &Office, path: &str) -> Value {
    office.client.get(path).token(&staff()).send().await.expect(200).json()
}

fn id(body: &Value) -> &str {
    body["event_id"].as_str().unwrap()
}

/// Has a message sent again under a key.
async fn resend(office: &Office, body: &Value, key: &str, request: &Value) -> Answer {
    let path = format!("/admin/notifications/{}/resend", id(body));
    office.client.post(&path).token(&staff()).header(KEY, key).json(request).send().await
}

/// Every event of a list, page by page.
async fn listed(office: &Office, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = get(office, &format!("/admin/notifications?limit=2&{query}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        all.extend(items.iter().map(|item| item["event_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
    panic!("the list has no end");
}

#[tokio::test]
async fn the_list_of_a_day_has_every_message_once_the_newest_first() {
    let office = Office::open().await;
    let mut sent = Vec::new();
    for template in ["account_created", "order_confirmation", "account_exists", "account_created", "payment_failed"] {
        let body = event(template);
        office.status(&body).await;
        sent.insert(0, body);
    }
    let expected: Vec<&str> = sent.iter().map(id).collect();
    assert_eq!(listed(&office, "").await, expected);
    let of = |template: &str| {
        let wanted = sent.iter().filter(|body| body["template"] == template);
        wanted.map(|body| id(body).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&office, "template=account_created").await, of("account_created"));
    assert_eq!(listed(&office, "template=payment_failed&state=sent&channel=email").await, of("payment_failed"));
    assert_eq!(listed(&office, "state=waiting").await, Vec::<String>::new());
    assert_eq!(listed(&office, "channel=sms").await, Vec::<String>::new());
    assert_eq!(listed(&office, "day=2026-01-31").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_shows_neither_addresses_nor_what_was_said() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.status(&body).await;
    for path in ["/admin/notifications".to_owned(), format!("/admin/notifications/{}", id(&body))] {
        let shown = get(&office, &path).await.to_string();
        assert!(shown.contains(id(&body)), "{shown}");
        for personal in [address(&body), "Lovelace", "cotton", "St James"] {
            assert!(!shown.contains(personal), "{personal} is shown: {shown}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_filtered_by_is_refused() {
    let office = Office::open().await;
    for query in ["day=2026-02-30", "day=today", "state=lost", "template=poem", "channel=pigeon"] {
        let answer =
            office.client.get(&format!("/admin/notifications?{query}")).token(&staff()).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid_query", "{query}");
    }
    office.client.get("/admin/notifications/7").token(&staff()).send().await.expect(404);
    let unknown = format!("/admin/notifications/{}", Uuid::now_v7());
    office.client.get(&unknown).token(&staff()).send().await.expect(404);
}

#[tokio::test]
async fn a_message_is_sent_again_on_purpose_once_a_key_and_written_down() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.status(&body).await;
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("notification-service", "info", captured.writer());
    let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let listening = (tracing::subscriber::set_default(subscriber), second);

    let request = json!({ "reason": REASON });
    let first = resend(&office, &body, "one", &request).await.expect(200).json();
    let again = resend(&office, &body, "one", &request).await.expect(200).json();
    assert_eq!(first, again);
    assert_ne!(first["event_id"], body["event_id"]);
    assert_eq!(first["channels"][0]["state"], "sent");
    assert_eq!(office.mails(&body), 2);
    let other = resend(&office, &body, "two", &request).await.expect(200).json();
    assert_ne!(other["event_id"], first["event_id"]);
    assert_eq!(office.mails(&body), 3);
    drop(listening);

    let shown = get(&office, &format!("/admin/notifications/{}", id(&body))).await;
    let resends = shown["messages"][0]["resends"].as_array().unwrap().clone();
    assert_eq!(resends.len(), 2, "{shown}");
    let actor = format!("user:{}", Uuid::from_u128(7));
    assert_eq!((&resends[0]["event_id"], &resends[0]["by"]), (&first["event_id"], &json!(actor)));
    assert_eq!(resends[1]["reason"], REASON);
    let lines = captured.lines();
    let logged: Vec<_> = lines.iter().filter(|line| line["message"] == "message sent again by staff").collect();
    assert_eq!(logged.len(), 2, "{}", captured.text());
    assert_eq!((&logged[0]["actor"], &logged[0]["reason"]), (&json!(actor), &json!(REASON)));
    assert!(!captured.text().contains(address(&body)), "{}", captured.text());
}

#[tokio::test]
async fn a_key_that_was_used_for_another_reason_is_refused() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.status(&body).await;
    resend(&office, &body, "one", &json!({ "reason": REASON })).await.expect(200);
    let other = resend(&office, &body, "one", &json!({"reason": "another"})).await.expect(422);
    assert_eq!(other.problem(), "idempotency_key_reused");
    assert_eq!(office.mails(&body), 2);
    let none = resend(&office, &body, "two", &json!({})).await.expect(422);
    assert_eq!(none.refused_fields(), ["/reason missing"]);
}

#[tokio::test]
async fn many_at_once_under_one_key_send_it_again_once() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    office.status(&body).await;
    let request = json!({ "reason": REASON });
    let answers = futures_util::future::join_all((0..8).map(|_| resend(&office, &body, "one", &request))).await;
    let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(office.mails(&body), 2);
    let shown = get(&office, &format!("/admin/notifications/{}", id(&body))).await;
    assert_eq!(shown["messages"][0]["resends"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_is_sent_again_twenty_times_at_most() {
    let office = Office::open().await;
    let mut body = event("account_created");
    body["template"] = json!("account_exists");
    office.status(&body).await;
    let request = json!({ "reason": REASON });
    for key in 0..20 {
        resend(&office, &body, &key.to_string(), &request).await.expect(200);
    }
    assert_eq!(resend(&office, &body, "20", &request).await.expect(409).problem(), "too_many_resends");
    resend(&office, &body, "19", &request).await.expect(200);
    assert_eq!(office.mails(&body), 21);
}

#[tokio::test]
async fn what_is_not_kept_or_not_there_cannot_be_sent_again() {
    let office = Office::open().await;
    let body = event("order_confirmation");
    let request = json!({ "reason": REASON });
    resend(&office, &body, "one", &request).await.expect(404);
    office.status(&body).await;
    let update = office.app.store.aws().dynamodb().await.update_item().table_name(office.app.store.table());
    let update = update.key("event_id", aws_sdk_dynamodb::types::AttributeValue::S(id(&body).to_owned()));
    update.update_expression("REMOVE #request").expression_attribute_names("#request", "request").send().await.unwrap();
    assert_eq!(resend(&office, &body, "one", &request).await.expect(409).problem(), "content_not_kept");
    assert_eq!(office.mails(&body), 1);
    resend(&office, &body, "two", &json!({"reason": REASON, "channel": "sms"})).await.expect(404);
}

#[tokio::test]
async fn limits_and_suppressions_hold_for_what_staff_send() {
    let desk = Desk::open().await;
    let body = event("order_confirmation");
    desk.office.status(&body).await;
    let new = json!({"email": address(&body)});
    desk.client.post("/admin/suppressions").token(&staff()).json(&new).send().await.expect(201);
    let again = resend(&desk.office, &body, "one", &json!({ "reason": REASON })).await.expect(200).json();
    assert_eq!(again["channels"][0]["state"], "suppressed");
    let mut direct = direct_mail(&Uuid::now_v7().to_string());
    direct["email"] = new["email"].clone();
    let answer = desk.client.post("/admin/notifications/email").token(&staff()).json(&direct).send().await.expect(200);
    assert_eq!(answer.json()["channels"][0]["state"], "suppressed");
    assert_eq!(desk.office.mails(&body), 1);
}

fn direct_mail(event_id: &str) -> Value {
    json!({"event_id": event_id, "email": format!("ada-{}@example.com", Uuid::new_v4().simple()), "locale": "en-GB",
        "subject": "Your question about sizes", "text": "Dear Ada,\n\nthe tee in M is 52 cm wide."})
}

#[tokio::test]
async fn staff_write_a_mail_which_is_sent_once() {
    let office = Office::open().await;
    let mail = direct_mail(&Uuid::now_v7().to_string());
    for _ in 0..2 {
        let answer =
            office.client.post("/admin/notifications/email").token(&staff()).json(&mail).send().await.expect(200);
        assert_eq!(answer.json()["channels"][0]["state"], "sent");
    }
    let sent = office.network.mails_to(mail["email"].as_str().unwrap()).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].to_string().contains("52 cm wide"), "{}", sent[0]);
    let shown = get(&office, &format!("/admin/notifications/{}", id(&mail))).await;
    assert_eq!(shown["messages"][0]["template"], "direct");
}

#[tokio::test]
async fn what_staff_write_is_refused_with_pointers() {
    let office = Office::open().await;
    for (path, body, errors) in [
        ("email", json!({}), vec!["/event_id missing", "/email missing", "/subject missing", "/text missing"]),
        ("sms", json!({}), vec!["/event_id missing", "/phone missing", "/text missing"]),
        (
            "email",
            json!({"event_id": Uuid::nil(), "email": "a@b.example", "subject": "a\nBcc: b", "text": " "}),
            vec!["/subject control_character", "/text too_short"],
        ),
    ] {
        let path = format!("/admin/notifications/{path}");
        let answer = office.client.post(&path).token(&staff()).json(&body).send().await.expect(422);
        assert_eq!(answer.refused_fields(), errors, "{path}");
    }
}
