use std::collections::BTreeSet;

use http::HeaderName;
use notification_service::{App, router, templates::Template};
use platform::config::Env;
use serde_json::{Value, json};
use testkit::{Answer, Client, logs::Captured, tokens};
use uuid::Uuid;

use crate::{
    Fixture, PATIENCE, PATIENT, address, event, text,
    webhooks::{WebhookFixture, staff},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REASON: &str = "the shopper says that it never came";

async fn get(fixture: &Fixture, path: &str) -> Value {
    fixture.client.get(path).token(&staff()).send().await.expect(200).json()
}

fn id(body: &Value) -> &str {
    body["event_id"].as_str().unwrap()
}

/// Has a message sent again under a key.
async fn resend(fixture: &Fixture, body: &Value, key: &str, request: &Value) -> Answer {
    let path = format!("/admin/notifications/{}/resend", id(body));
    fixture.client.post(&path).token(&staff()).header(KEY, key).json(request).send().await
}

/// Every event of a list, page by page.
async fn listed(fixture: &Fixture, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..50 {
        let page = get(fixture, &format!("/admin/notifications?limit=2&{query}{cursor}")).await;
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
    let fixture = Fixture::open().await;
    let mut sent = Vec::new();
    for template in ["account_created", "order_confirmation", "account_exists", "account_created", "payment_failed"] {
        let body = event(template);
        fixture.status(&body).await;
        sent.insert(0, body);
    }
    let expected: Vec<&str> = sent.iter().map(id).collect();
    assert_eq!(listed(&fixture, "").await, expected);
    let of = |template: &str| {
        let wanted = sent.iter().filter(|body| body["template"] == template);
        wanted.map(|body| id(body).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&fixture, "template=account_created").await, of("account_created"));
    assert_eq!(listed(&fixture, "template=payment_failed&state=sent&channel=email").await, of("payment_failed"));
    assert_eq!(listed(&fixture, "state=waiting").await, Vec::<String>::new());
    assert_eq!(listed(&fixture, "channel=sms").await, Vec::<String>::new());
    assert_eq!(listed(&fixture, "day=2026-01-31").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_shows_neither_addresses_nor_what_was_said() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.status(&body).await;
    for path in ["/admin/notifications".to_owned(), format!("/admin/notifications/{}", id(&body))] {
        let shown = get(&fixture, &path).await.to_string();
        assert!(shown.contains(id(&body)), "{shown}");
        assert!(shown.contains("\"can_be_resent\":true"), "{shown}");
        for personal in [address(&body), "Lovelace", "cotton", "St James"] {
            assert!(!shown.contains(personal), "{personal} is shown: {shown}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_filtered_by_is_refused() {
    let fixture = Fixture::open().await;
    for query in ["day=2026-02-30", "day=today", "state=lost", "template=poem", "channel=pigeon"] {
        let answer =
            fixture.client.get(&format!("/admin/notifications?{query}")).token(&staff()).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid_query", "{query}");
    }
    fixture.client.get("/admin/notifications/7").token(&staff()).send().await.expect(404);
    let unknown = format!("/admin/notifications/{}", Uuid::now_v7());
    fixture.client.get(&unknown).token(&staff()).send().await.expect(404);
}

#[tokio::test]
async fn a_message_is_sent_again_on_purpose_once_a_key_and_written_down() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.status(&body).await;
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("notification-service", "info", captured.writer());
    let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let listening = (tracing::subscriber::set_default(subscriber), second);

    let request = json!({ "reason": REASON });
    let first = resend(&fixture, &body, "one", &request).await.expect(200).json();
    let again = resend(&fixture, &body, "one", &request).await.expect(200).json();
    assert_eq!(first, again);
    assert_ne!(first["event_id"], body["event_id"]);
    assert_eq!(first["channels"][0]["state"], "sent");
    assert_eq!(fixture.mails(&body), 2);
    let other = resend(&fixture, &body, "two", &request).await.expect(200).json();
    assert_ne!(other["event_id"], first["event_id"]);
    assert_eq!(fixture.mails(&body), 3);
    drop(listening);

    let shown = get(&fixture, &format!("/admin/notifications/{}", id(&body))).await;
    let resends = shown["messages"][0]["resends"].as_array().unwrap().clone();
    assert_eq!(resends.len(), 2, "{shown}");
    let actor = format!("user:{}", Uuid::from_u128(7));
    assert_eq!((&resends[0]["event_id"], &resends[0]["by"]), (&first["event_id"], &json!(actor)));
    assert_eq!(resends[1]["reason"], REASON);
    let lines = captured.lines();
    let logged: Vec<_> = lines.iter().filter(|line| line["message"] == "staff resent a message").collect();
    assert_eq!(logged.len(), 2, "{}", captured.text());
    assert_eq!((&logged[0]["actor"], &logged[0]["reason"]), (&json!(actor), &json!(REASON)));
    assert!(!captured.text().contains(address(&body)), "{}", captured.text());
}

#[tokio::test]
async fn a_key_that_was_used_for_another_reason_is_refused() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.status(&body).await;
    resend(&fixture, &body, "one", &json!({ "reason": REASON })).await.expect(200);
    let other = resend(&fixture, &body, "one", &json!({"reason": "another"})).await.expect(422);
    assert_eq!(other.problem(), "idempotency_key_reused");
    assert_eq!(fixture.mails(&body), 2);
    let none = resend(&fixture, &body, "two", &json!({})).await.expect(422);
    assert_eq!(none.refused_fields(), ["/reason missing"]);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_channel_is_refused() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let on = |channel: &str| json!({"reason": REASON, "channel": channel});
    let (every, email, sms) = (json!({ "reason": REASON }), on("email"), on("sms"));
    for (first, others) in [(&email, [&sms, &every]), (&sms, [&email, &every]), (&every, [&email, &sms])] {
        let mut body = text();
        body["channels"] = json!(["email", "sms"]);
        body["recipient"]["email"] = event("account_created")["recipient"]["email"].clone();
        fixture.send(&body).await.expect(200);
        resend(&fixture, &body, "one", first).await.expect(200);
        let before = (fixture.mails(&body), fixture.texts(&body));
        for other in others {
            let refused = resend(&fixture, &body, "one", other).await.expect(422);
            assert_eq!(refused.problem(), "idempotency_key_reused", "{first} {other}");
        }
        resend(&fixture, &body, "one", first).await.expect(200);
        assert_eq!((fixture.mails(&body), fixture.texts(&body)), before, "{first}");
        for other in others {
            resend(&fixture, &body, "two", other).await.expect(if other == others[0] { 200 } else { 422 });
        }
    }
}

#[tokio::test]
async fn where_the_messages_of_the_channels_differ_one_is_named_and_sent_as_it_was() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let (every, email, sms) = (
        json!({ "reason": REASON }),
        json!({"reason": REASON, "channel": "email"}),
        json!({"reason": REASON, "channel": "sms"}),
    );
    let shipped = || {
        let mut mail = event("order_shipped");
        mail["data"] = text()["data"].clone();
        mail
    };
    let (mut other_data, mut other_locale) = (shipped(), shipped());
    other_data["data"]["shipment"]["carrier"] = json!("UPS");
    other_locale["recipient"]["locale"] = json!("de-DE");
    // Of which nothing is kept: it holds a secret.
    let mut secret = event("account_created");
    secret["template"] = json!("verify_email");
    secret["data"] = notification_service::templates::sample(Template::VerifyEmail)["data"].clone();
    for mail in [event("account_created"), other_data, other_locale, secret] {
        let mut text = text();
        text["event_id"] = mail["event_id"].clone();
        fixture.send(&mail).await.expect(200);
        fixture.send(&text).await.expect(200);
        assert_eq!(resend(&fixture, &mail, "every", &every).await.expect(409).problem(), "told_differently", "{mail}");
        assert_eq!((fixture.mails(&mail), fixture.texts(&text)), (1, 1), "{mail}");
        let is_kept = mail["template"] != "verify_email";
        resend(&fixture, &mail, "email", &email).await.expect(if is_kept { 200 } else { 409 });
        let again = resend(&fixture, &mail, "sms", &sms).await.expect(200).json();
        assert_eq!((fixture.mails(&mail), fixture.texts(&text)), (if is_kept { 2 } else { 1 }, 2), "{mail}");
        let shown = get(&fixture, &format!("/admin/notifications/{}", id(&again))).await;
        assert_eq!(shown["messages"][0]["template"], "order_shipped");
        // The same words on each channel.
        let asked =
            fixture.network.seen().into_iter().filter(|seen| seen.operation == "SendEmail").map(|seen| seen.body);
        let mails: Vec<Value> = asked
            .filter(|asked| asked["Destination"]["ToAddresses"][0] == address(&mail))
            .map(|asked| asked["Content"]["Simple"]["Body"].clone())
            .collect();
        assert!(!mails.is_empty() && mails.iter().all(|words| *words == mails[0]), "{mails:?}");
        let records = fixture.vendors().records();
        let texts: Vec<_> = records.iter().filter(|sent| sent.to == text["recipient"]["phone"]).collect();
        assert_eq!(texts[0].text, texts[1].text);
    }
}

#[tokio::test]
async fn many_at_once_under_one_key_on_different_channels_send_it_on_the_channels_of_one() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let mut body = text();
    body["channels"] = json!(["email", "sms"]);
    body["recipient"]["email"] = event("account_created")["recipient"]["email"].clone();
    fixture.send(&body).await.expect(200);
    let wishes = ["email", "sms"].map(|channel| json!({"reason": REASON, "channel": channel}));
    let sent = futures_util::future::join_all((0..8).map(|nth| resend(&fixture, &body, "one", &wishes[nth % 2]))).await;
    let statuses: BTreeSet<u16> = sent.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses.contains(&200) && statuses.contains(&422), "{statuses:?}");
    assert!([(2, 1), (1, 2)].contains(&(fixture.mails(&body), fixture.texts(&body))));
}

#[tokio::test]
async fn many_at_once_under_one_key_send_it_again_once() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    fixture.status(&body).await;
    let request = json!({ "reason": REASON });
    let answers = futures_util::future::join_all((0..8).map(|_| resend(&fixture, &body, "one", &request))).await;
    let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(fixture.mails(&body), 2);
    let shown = get(&fixture, &format!("/admin/notifications/{}", id(&body))).await;
    assert_eq!(shown["messages"][0]["resends"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_is_sent_again_twenty_times_at_most() {
    let fixture = Fixture::open().await;
    // Of which a recipient gets any number.
    let body = event("low_stock");
    fixture.status(&body).await;
    let request = json!({ "reason": REASON });
    for key in 0..20 {
        resend(&fixture, &body, &key.to_string(), &request).await.expect(200);
    }
    assert_eq!(resend(&fixture, &body, "20", &request).await.expect(409).problem(), "too_many_resends");
    resend(&fixture, &body, "19", &request).await.expect(200);
    assert_eq!(fixture.mails(&body), 21);
}

#[tokio::test]
async fn what_was_sent_again_is_sent_again_within_the_same_twenty_times() {
    let fixture = Fixture::open().await;
    // Of which a recipient gets any number.
    let body = event("low_stock");
    fixture.status(&body).await;
    let request = json!({ "reason": REASON });
    // Each time the one that was sent last.
    let mut last = body.clone();
    for nth in 0..20 {
        let again = resend(&fixture, &last, "one", &request).await.expect(200).json();
        assert_eq!(resend(&fixture, &last, "one", &request).await.expect(200).json(), again, "{nth}");
        last["event_id"] = again["event_id"].clone();
    }
    assert_eq!(resend(&fixture, &last, "one", &request).await.expect(409).problem(), "too_many_resends");
    assert_eq!(resend(&fixture, &body, "two", &request).await.expect(409).problem(), "too_many_resends");
    assert_eq!(fixture.mails(&body), 21);
    let first = get(&fixture, &format!("/admin/notifications/{}", id(&body))).await["messages"][0].clone();
    let ids: BTreeSet<&str> = first["resends"].as_array().unwrap().iter().map(id).collect();
    assert_eq!((ids.len(), &first["resend_of"]), (20, &json!(null)));
    let shown = get(&fixture, &format!("/admin/notifications/{}", id(&last))).await["messages"][0].clone();
    assert_eq!((&shown["resend_of"], &shown["resends"]), (&body["event_id"], &json!([])));
    // Where the first is forgotten, what was sent again counts by itself.
    let delete = fixture.app.db.aws().dynamodb().await.delete_item().table_name(fixture.app.db.table());
    let key = aws_sdk_dynamodb::types::AttributeValue::S(id(&body).to_owned());
    delete.key("event_id", key).send().await.unwrap();
    resend(&fixture, &last, "two", &request).await.expect(200);
}

#[tokio::test]
async fn what_is_not_kept_or_not_there_cannot_be_sent_again() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    let request = json!({ "reason": REASON });
    resend(&fixture, &body, "one", &request).await.expect(404);
    fixture.status(&body).await;
    let update = fixture.app.db.aws().dynamodb().await.update_item().table_name(fixture.app.db.table());
    let update = update.key("event_id", aws_sdk_dynamodb::types::AttributeValue::S(id(&body).to_owned()));
    update.update_expression("REMOVE #request").expression_attribute_names("#request", "request").send().await.unwrap();
    assert_eq!(resend(&fixture, &body, "one", &request).await.expect(409).problem(), "content_not_kept");
    assert_eq!(fixture.mails(&body), 1);
    resend(&fixture, &body, "two", &json!({"reason": REASON, "channel": "sms"})).await.expect(404);
}

#[tokio::test]
async fn limits_and_suppressions_hold_for_what_staff_send() {
    let webhooks = WebhookFixture::open().await;
    let body = event("order_confirmation");
    webhooks.fixture.status(&body).await;
    let new = json!({"email": address(&body)});
    webhooks.client.post("/admin/suppressions").token(&staff()).json(&new).send().await.expect(201);
    let again = resend(&webhooks.fixture, &body, "one", &json!({ "reason": REASON })).await.expect(200).json();
    assert_eq!(again["channels"][0]["state"], "suppressed");
    let mut direct = direct_mail(&Uuid::now_v7().to_string());
    direct["email"] = new["email"].clone();
    let answer =
        webhooks.client.post("/admin/notifications/email").token(&staff()).json(&direct).send().await.expect(200);
    assert_eq!(answer.json()["channels"][0]["state"], "suppressed");
    assert_eq!(webhooks.fixture.mails(&body), 1);
}

fn direct_mail(event_id: &str) -> Value {
    json!({"event_id": event_id, "email": format!("ada-{}@example.com", Uuid::new_v4().simple()), "locale": "en-GB",
        "subject": "Your question about sizes", "text": "Dear Ada,\n\nthe tee in M is 52 cm wide."})
}

#[tokio::test]
async fn staff_write_a_mail_which_is_sent_once() {
    let fixture = Fixture::open().await;
    let mail = direct_mail(&Uuid::now_v7().to_string());
    for _ in 0..2 {
        let answer =
            fixture.client.post("/admin/notifications/email").token(&staff()).json(&mail).send().await.expect(200);
        assert_eq!(answer.json()["channels"][0]["state"], "sent");
    }
    let sent = fixture.network.mails_to(mail["email"].as_str().unwrap()).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].to_string().contains("52 cm wide"), "{}", sent[0]);
    let shown = get(&fixture, &format!("/admin/notifications/{}", id(&mail))).await;
    assert_eq!(shown["messages"][0]["template"], "direct");
}

#[tokio::test]
async fn mails_that_staff_write_beyond_the_days_limit_are_withheld_and_sent_again_they_count() {
    let fixture = Fixture::open().await;
    let mut settings = crate::settings(&fixture.network.address, fixture.app.db.table(), "ses");
    settings.push(("DIRECT_MAILS_PER_RECIPIENT", "3".to_owned()));
    let mut env = Env::from_pairs(settings);
    let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
    let fixture = Fixture {
        client: Client::new(router(App { verifier: tokens::verifier(), deadline: PATIENCE, ..app })),
        ..fixture
    };
    let mut mail = direct_mail(&Uuid::now_v7().to_string());
    let write = async |mail: &Value| {
        let request = fixture.client.post("/admin/notifications/email").token(&staff()).json(mail);
        request.send().await.expect(200).json()["channels"][0].clone()
    };
    assert_eq!(write(&mail).await["state"], "sent");
    let again = resend(&fixture, &mail, "one", &json!({ "reason": REASON })).await.expect(200).json();
    assert_eq!(again["channels"][0]["state"], "sent");
    mail["event_id"] = json!(Uuid::now_v7());
    assert_eq!(write(&mail).await["state"], "sent");
    mail["event_id"] = json!(Uuid::now_v7());
    let withheld = write(&mail).await;
    assert_eq!(withheld["state"], "withheld");
    assert_eq!(withheld["last_error"], "the recipient has had the day's limit of mails written by staff");
    let again = resend(&fixture, &mail, "two", &json!({ "reason": REASON })).await.expect(200).json();
    assert_eq!(again["channels"][0]["state"], "withheld");
    assert_eq!(fixture.network.taken_to(mail["email"].as_str().unwrap()), 3);
    // Orders are counted by themselves, and others are not hindered.
    let mut order = event("order_confirmation");
    order["recipient"]["email"] = mail["email"].clone();
    assert_eq!(fixture.status(&order).await, "sent");
    assert_eq!(write(&direct_mail(&Uuid::now_v7().to_string())).await["state"], "sent");
}

#[tokio::test]
async fn staff_write_a_text_which_is_sent_once_within_the_limits() {
    let fixture = Fixture::open_with_texts(&[("SMS_PER_RECIPIENT", "2")]).await;
    let phone = text()["recipient"]["phone"].as_str().unwrap().to_owned();
    let of = |event_id: Uuid, words: &str| json!({"event_id": event_id, "phone": phone, "text": words});
    let write =
        async |body: &Value| fixture.client.post("/admin/notifications/sms").token(&staff()).json(body).send().await;
    let words = "Your parcel waits at our desk until 6 pm.";
    let first = of(Uuid::now_v7(), words);
    for _ in 0..2 {
        let answer = write(&first).await.expect(200).json();
        let channel = &answer["channels"][0];
        let outcome = (&answer["event_id"], &channel["channel"], &channel["state"], &channel["provider"]);
        assert_eq!(outcome, (&first["event_id"], &json!("sms"), &json!("sent"), &json!("twilio")));
    }
    let records = fixture.vendors().records();
    let [record] = &records[..] else { panic!("not one text: {records:?}") };
    assert_eq!(record.to, phone);
    assert!(record.text.contains(words), "{}", record.text);
    let shown = get(&fixture, &format!("/admin/notifications/{}", id(&first))).await["messages"][0].clone();
    assert_eq!((&shown["template"], &shown["channel"]), (&json!("direct"), &json!("sms")));
    // To another number under the same id; with a subject; too long for an SMS; without a token for it.
    let mut other = first.clone();
    other["phone"] = json!("+4915123456789");
    assert_eq!(write(&other).await.expect(409).problem(), "event_id_reused");
    let mut with_subject = of(Uuid::now_v7(), words);
    with_subject["subject"] = json!("Hello");
    assert_eq!(write(&with_subject).await.expect(422).refused_fields(), ["/subject not_allowed"]);
    let long = write(&of(Uuid::now_v7(), &"word ".repeat(400))).await.expect(422);
    assert!(long.refused_fields()[0].starts_with("/text "), "{:?}", long.refused_fields());
    let path = "/admin/notifications/sms";
    fixture.client.post(path).token(&crate::token()).json(&of(Uuid::now_v7(), words)).send().await.expect(403);
    fixture.client.post(path).json(&of(Uuid::now_v7(), words)).send().await.expect(401);
    assert_eq!(fixture.vendors().records().len(), 1);
    // Limits hold, also for what is sent again, and so do countries.
    let state = |answer: Answer| answer.json()["channels"][0]["state"].clone();
    assert_eq!(state(resend(&fixture, &first, "one", &json!({ "reason": REASON })).await.expect(200)), "sent");
    assert_eq!(state(write(&of(Uuid::now_v7(), words)).await.expect(200)), "withheld");
    let mut french = of(Uuid::now_v7(), words);
    french["phone"] = json!("+33612345678");
    assert_eq!(state(write(&french).await.expect(200)), "withheld");
    assert_eq!(fixture.vendors().records().len(), 2);
}

#[tokio::test]
async fn what_staff_write_is_refused_with_pointers() {
    let fixture = Fixture::open().await;
    for (path, body, errors) in [
        ("email", json!({}), vec!["/event_id missing", "/email missing", "/subject missing", "/text missing"]),
        ("sms", json!({}), vec!["/event_id missing", "/phone missing", "/text missing"]),
        (
            "email",
            json!({"event_id": Uuid::nil(), "email": "a@b.example", "subject": "a\nBcc: b", "text": " "}),
            vec!["/subject control_character", "/text too_short"],
        ),
        (
            "email",
            json!({"event_id": Uuid::nil(), "email": "a@b.example", "text": "Dear Ada"}),
            vec!["/subject missing"],
        ),
        (
            "email",
            json!({"event_id": Uuid::nil(), "email": "a@b.example", "text": "Dear Ada", "subject": null}),
            vec!["/subject missing"],
        ),
    ] {
        let path = format!("/admin/notifications/{path}");
        let answer = fixture.client.post(&path).token(&staff()).json(&body).send().await.expect(422);
        assert_eq!(answer.refused_fields(), errors, "{path}");
    }
}
