//! Texts: sent once beside mails, within limits, and never twice to find out whether they were sent.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use common::timestamp::Timestamp;
use futures_util::future::join_all;
use notification_service::router;
use serde_json::{Value, json};
use testkit::{Client, logs::Captured};
use vendor_doubles::{Answer, Fault, Kind, Vendor};

use crate::{Fixture, address, event, outcome, text, token};

/// Mail and text of one event.
fn both() -> Value {
    let mut body = text();
    body["channels"] = json!(["email", "sms"]);
    body["recipient"]["email"] = event("account_created")["recipient"]["email"].clone();
    body
}

fn states(body: &Value, email: &str, sms: &str) -> Value {
    json!({
        "event_id": body["event_id"],
        "channels": [{"channel": "email", "state": email}, {"channel": "sms", "state": sms}]
    })
}

fn key(body: &Value) -> String {
    format!("{}#sms", body["event_id"].as_str().unwrap())
}

/// The moment from which a text whose answer was lost may be sent again lies behind us.
async fn a_while_passes(fixture: &Fixture, body: &Value) {
    let long_ago = Timestamp::now().minus(Duration::from_mins(30)).unix_millis();
    let update = fixture.app.db.aws().dynamodb().await.update_item().table_name(fixture.app.db.table());
    let update =
        update.key("event_id", AttributeValue::S(key(body))).update_expression("SET unclear.since = :long_ago");
    update.expression_attribute_values(":long_ago", AttributeValue::N(long_ago.to_string())).send().await.unwrap();
}

#[tokio::test]
async fn an_event_is_told_once_on_each_channel_by_itself() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = both();
    for _ in 0..2 {
        let answer = fixture.send(&body).await.expect(200);
        assert_eq!(outcome(&answer), states(&body, "sent", "sent"));
        assert_eq!(answer.json()["channels"][1]["provider"], "twilio");
    }
    assert_eq!((fixture.mails(&body), fixture.texts(&body)), (1, 1));
    assert_eq!(outcome(&fixture.of_event(&body).await.expect(200)), states(&body, "sent", "sent"));
    // A channel that is asked for later is another message.
    let (later, mut mail_first) = (both(), both());
    mail_first["event_id"] = later["event_id"].clone();
    mail_first["recipient"]["email"] = later["recipient"]["email"].clone();
    mail_first["channels"] = json!(["email"]);
    assert_eq!(fixture.status(&mail_first).await, "sent");
    assert_eq!(outcome(&fixture.send(&later).await.expect(200)), states(&later, "sent", "sent"));
    assert_eq!((fixture.mails(&later), fixture.texts(&later)), (1, 1));
    // Each channel has a recipient of its own.
    let mut other_number = later.clone();
    other_number["recipient"]["phone"] = text()["recipient"]["phone"].clone();
    assert_eq!(fixture.send(&other_number).await.expect(409).problem(), "event_id_reused");
    assert_eq!(fixture.texts(&other_number), 0);
}

#[tokio::test]
async fn what_is_refused_on_one_channel_is_sent_on_none_and_leaves_nothing() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let mut first = both();
    first["channels"] = json!(["email"]);
    assert_eq!(fixture.status(&first).await, "sent");
    // For another reader, by SMS as well.
    let mut other = both();
    other["event_id"] = first["event_id"].clone();
    for _ in 0..2 {
        assert_eq!(fixture.send(&other).await.expect(409).problem(), "event_id_reused");
    }
    assert_eq!((fixture.mails(&other), fixture.texts(&other)), (0, 0));
    assert_eq!(fixture.of_event(&first).await.expect(200).json()["channels"].as_array().unwrap().len(), 1);
    // The id is still free on the other channel, for the one whom the mail went to.
    let mut right = first.clone();
    right["channels"] = json!(["email", "sms"]);
    assert_eq!(outcome(&fixture.send(&right).await.expect(200)), states(&right, "sent", "sent"));
    // A text that waited goes on waiting.
    let mut waits = both();
    waits["channels"] = json!(["sms"]);
    fixture.vendors().inject(Vendor::Twilio, Fault::next(Kind::Answer(Answer::status(503))));
    fixture.send(&waits).await.expect(503);
    let mut mail = both();
    mail["event_id"] = waits["event_id"].clone();
    mail["channels"] = json!(["email"]);
    assert_eq!(fixture.status(&mail).await, "sent");
    waits["channels"] = json!(["email", "sms"]);
    assert_eq!(fixture.send(&waits).await.expect(409).problem(), "event_id_reused", "another address");
    assert_eq!(fixture.texts(&waits), 0);
    waits["channels"] = json!(["sms"]);
    assert_eq!(fixture.status(&waits).await, "sent");
}

#[tokio::test]
async fn a_channel_that_fails_does_not_hold_up_the_other_and_is_all_that_is_tried_again() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = both();
    fixture.vendors().inject(Vendor::Twilio, Fault::next(Kind::Answer(Answer::status(503))));
    assert_eq!(fixture.send(&body).await.expect(503).problem(), "unavailable");
    assert_eq!(outcome(&fixture.of_event(&body).await.expect(200)), states(&body, "sent", "waiting"));
    assert_eq!(outcome(&fixture.send(&body).await.expect(200)), states(&body, "sent", "sent"));
    assert_eq!((fixture.mails(&body), fixture.texts(&body)), (1, 1));
}

#[tokio::test]
async fn sixteen_requests_at_once_send_one_mail_and_one_text() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = both();
    let answers = join_all((0..16).map(|_| fixture.send(&body))).await;
    for answer in answers {
        match answer.status.as_u16() {
            200 => assert_eq!(outcome(&answer), states(&body, "sent", "sent")),
            status => assert_eq!((status, answer.problem().as_str()), (409, "notification_in_progress")),
        }
    }
    assert_eq!((fixture.mails(&body), fixture.texts(&body)), (1, 1));
}

/// Twilio takes the next text, its answer is lost, and its list cannot be read at that moment.
fn lose_the_next_answer(fixture: &Fixture) {
    fixture.vendors().inject(Vendor::Twilio, Fault::next(Kind::Reset { after_effect: true }));
    let list = Fault { method: "GET".into(), ..Fault::next(Kind::Answer(Answer::status(503))) };
    fixture.vendors().inject(Vendor::Twilio, list);
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_looked_for_and_not_sent_again() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = text();
    lose_the_next_answer(&fixture);
    assert_eq!(fixture.send(&body).await.expect(503).problem(), "unavailable");
    let item = fixture.item_of(&key(&body)).await.unwrap();
    assert_eq!(item["state"], AttributeValue::S("waiting".into()));
    let unclear = item["unclear"].as_m().unwrap();
    assert_eq!(unclear["provider"], AttributeValue::S("twilio".into()));
    let answer = fixture.send(&body).await.expect(200).json();
    let record = &fixture.vendors().records()[0];
    assert_eq!(
        (&answer["channels"][0]["state"], &answer["channels"][0]["provider_message_id"]),
        (&json!("sent"), &json!(record.id))
    );
    assert_eq!(fixture.texts(&body), 1);
    assert!(!fixture.item_of(&key(&body)).await.unwrap().contains_key("unclear"));
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_and_that_was_not_taken_is_sent_once_that_is_clear() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = text();
    fixture.vendors().inject(Vendor::Twilio, Fault::next(Kind::Reset { after_effect: false }));
    assert_eq!(fixture.send(&body).await.expect(503).problem(), "unavailable");
    let item = fixture.item_of(&key(&body)).await.unwrap();
    assert_eq!(item["state"], AttributeValue::S("waiting".into()));
    assert_eq!(item["unclear"].as_m().unwrap()["provider"], AttributeValue::S("twilio".into()));
    fixture.send(&body).await.expect(503);
    assert_eq!(fixture.texts(&body), 0, "the vendor's list may be late");
    a_while_passes(&fixture, &body).await;
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.texts(&body), 1);
}

#[tokio::test]
async fn a_text_whose_sender_died_is_looked_for_and_not_sent_again() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = text();
    // Its sender got as far as Twilio, and could not note it.
    fixture.network.plan("UpdateItem", usize::MAX, crate::network::Fault::Answer(500, json!({})));
    assert_eq!(fixture.status(&body).await, "sent");
    fixture.network.heal();
    assert_eq!(fixture.send(&body).await.expect(409).problem(), "notification_in_progress");
    fixture.expire_lease_of(&key(&body)).await;
    let answer = fixture.send(&body).await.expect(200).json();
    assert_eq!((&answer["channels"][0]["state"], &answer["channels"][0]["attempts"]), (&json!("sent"), &json!(2)));
    assert_eq!(fixture.texts(&body), 1);
}

#[tokio::test]
async fn a_number_that_the_vendor_refuses_is_refused_for_good() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let mut body = text();
    // The number by which Twilio lets its customers try a number that does not exist is American.
    body["recipient"]["phone"] = json!("+15005550001");
    let american = Client::new(router(fixture.with_texts(fixture.vendors(), &[("SMS_COUNTRIES", "US")])));
    for _ in 0..2 {
        let answer = american.post("/notifications").token(&token()).json(&body).send().await.expect(200).json();
        assert_eq!(answer["channels"][0]["state"], "refused", "{answer}");
        assert!(answer["channels"][0]["last_error"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn texts_go_only_to_countries_that_the_shop_names_and_to_numbers_that_take_them() {
    let fixture = Fixture::open_with_texts(&[]).await;
    for (number, expected) in [
        ("+447400123456", "sent"),
        ("+4915123456789", "sent"),
        ("+33612345678", "withheld"),
        ("+12015550123", "withheld"),
        // Premium rate.
        ("+449012345678", "refused"),
    ] {
        let mut body = text();
        body["recipient"]["phone"] = json!(number);
        for _ in 0..2 {
            assert_eq!(fixture.status(&body).await, expected, "{number}");
        }
        assert_eq!(fixture.texts(&body), usize::from(expected == "sent"), "{number}");
    }
    // What was withheld stays so where the shop names more countries later, and what was sent where it names fewer.
    let mut body = text();
    body["recipient"]["phone"] = json!("+33612345678");
    assert_eq!(fixture.status(&body).await, "withheld");
    let french = Client::new(router(fixture.with_texts(fixture.vendors(), &[("SMS_COUNTRIES", "FR")])));
    let send = async |body: &Value| {
        let answer = french.post("/notifications").token(&token()).json(body).send().await.expect(200);
        crate::state(&answer)
    };
    assert_eq!(send(&body).await, "withheld");
    let mut other = text();
    other["recipient"]["phone"] = body["recipient"]["phone"].clone();
    assert_eq!(send(&other).await, "sent");
    assert_eq!(fixture.status(&other).await, "sent");
}

#[tokio::test]
async fn a_shopper_who_chose_texts_alone_gets_a_mail_where_no_text_is_ever_sent_to_their_number() {
    let fixture = Fixture::open_with_texts(&[]).await;
    for (number, expected) in [("+393331234567", "withheld"), ("+449012345678", "refused")] {
        let mut body = both();
        body["channels"] = json!(["sms"]);
        body["recipient"]["phone"] = json!(number);
        for _ in 0..2 {
            assert_eq!(outcome(&fixture.send(&body).await.expect(200)), states(&body, "sent", expected), "{number}");
        }
        assert_eq!((fixture.mails(&body), fixture.texts(&body)), (1, 0), "{number}");
    }
    // A text that is not sent today, or no more, is no reason for a mail.
    let mut reached = both();
    reached["channels"] = json!(["sms"]);
    assert_eq!(fixture.status(&reached).await, "sent");
    fixture.vendors().suppress(Vendor::Twilio, reached["recipient"]["phone"].as_str().unwrap());
    reached["event_id"] = json!(uuid::Uuid::now_v7());
    assert_eq!(fixture.status(&reached).await, "suppressed");
    assert_eq!((fixture.mails(&reached), fixture.texts(&reached)), (0, 1));
}

#[tokio::test]
async fn a_shop_without_providers_of_texts_refuses_them_and_sends_the_mail() {
    let fixture = Fixture::open().await;
    let body = both();
    // Without a setting for countries none gets texts.
    assert_eq!(outcome(&fixture.send(&body).await.expect(200)), states(&body, "sent", "withheld"));
    assert_eq!(fixture.mails(&body), 1);
}

#[tokio::test]
async fn of_many_texts_at_once_to_one_recipient_no_more_than_the_days_limit_are_sent() {
    let fixture = Fixture::open_with_texts(&[("SMS_PER_RECIPIENT", "3")]).await;
    let first = text();
    let bodies: Vec<Value> = (0..12)
        .map(|_| {
            let mut body = text();
            body["recipient"] = first["recipient"].clone();
            body
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| fixture.status(body))).await;
    let count = |state: &str| answers.iter().filter(|answer| *answer == state).count();
    assert_eq!((count("sent"), count("withheld"), fixture.texts(&first)), (3, 9, 3));
    for (body, before) in bodies.iter().zip(&answers) {
        assert_eq!(fixture.status(body).await, *before, "asked again, the answer is the same");
    }
    assert_eq!(fixture.texts(&first), 3);
    assert_eq!(fixture.status(&text()).await, "sent", "another recipient is not hindered");
}

#[tokio::test]
async fn of_many_texts_at_once_to_one_country_no_more_than_the_hours_limit_are_sent() {
    let fixture = Fixture::open_with_texts(&[("SMS_PER_COUNTRY_PER_HOUR", "4")]).await;
    let bodies: Vec<Value> = (0..12).map(|_| text()).collect();
    let answers = join_all(bodies.iter().map(|body| fixture.status(body))).await;
    let count = |state: &str| answers.iter().filter(|answer| *answer == state).count();
    // Where the hour turns meanwhile, the next one has a limit of its own.
    assert!(count("sent") == 4 || count("sent") == 8, "{answers:?}");
    assert_eq!(count("sent") + count("withheld"), 12, "{answers:?}");
    assert_eq!(fixture.vendors().records().len(), count("sent"));
    let mut german = text();
    german["recipient"]["phone"] = json!("+4915123456789");
    assert_eq!(fixture.status(&german).await, "sent", "another country is not hindered");
}

#[tokio::test]
async fn a_text_that_is_tried_again_is_counted_once() {
    let fixture = Fixture::open_with_texts(&[("SMS_PER_RECIPIENT", "2"), ("SMS_PER_COUNTRY_PER_HOUR", "2")]).await;
    let first = text();
    for _ in 0..3 {
        fixture.vendors().inject(Vendor::Twilio, Fault::next(Kind::Answer(Answer::status(503))));
        fixture.send(&first).await.expect(503);
    }
    assert_eq!(fixture.status(&first).await, "sent");
    let mut second = text();
    second["recipient"] = first["recipient"].clone();
    assert_eq!(fixture.status(&second).await, "sent");
    let mut third = text();
    third["recipient"] = first["recipient"].clone();
    assert_eq!(fixture.status(&third).await, "withheld");
}

#[tokio::test]
async fn a_suppressed_address_gets_nothing_costs_nothing_and_its_event_ends() {
    let fixture = Fixture::open_with_texts(&[]).await;
    let body = both();
    let phone = body["recipient"]["phone"].as_str().unwrap().parse().unwrap();
    let email = address(&body).parse().unwrap();
    let fingerprints = &fixture.app.fingerprints;
    let (phone, email) = (fingerprints.phone(&phone).await, fingerprints.recipient(&email).await);
    let suppress = async |key: String, is_there: bool| {
        let (client, table) = (fixture.app.db.aws().dynamodb().await, fixture.app.db.table());
        let value = AttributeValue::S(key);
        if is_there {
            client.put_item().table_name(table).item("event_id", value).send().await.unwrap();
        } else {
            client.delete_item().table_name(table).key("event_id", value).send().await.unwrap();
        }
    };
    let (hex, phone, email) = (platform::fingerprint::hex, phone.unwrap(), email.unwrap());
    let (sms, mail) = (format!("suppression#sms#{}", hex(phone)), format!("suppression#email#{}", hex(email)));
    suppress(sms.clone(), true).await;
    suppress(mail.clone(), true).await;
    let calls = fixture.network.count("SendEmail");
    for _ in 0..2 {
        assert_eq!(outcome(&fixture.send(&body).await.expect(200)), states(&body, "suppressed", "suppressed"));
    }
    assert_eq!((fixture.network.count("SendEmail") - calls, fixture.vendors().calls().len()), (0, 0));
    // Lifted, its next events are sent; what ended has ended.
    suppress(sms, false).await;
    suppress(mail.clone(), false).await;
    let mut next = both();
    next["recipient"] = body["recipient"].clone();
    assert_eq!(outcome(&fixture.send(&next).await.expect(200)), states(&next, "sent", "sent"));
    assert_eq!(outcome(&fixture.send(&body).await.expect(200)), states(&body, "suppressed", "suppressed"));
    // What waits is looked up again when it is tried again.
    let mut waiting = event("account_created");
    waiting["recipient"]["email"] = body["recipient"]["email"].clone();
    fixture.network.plan("SendEmail", 1, crate::network::Fault::Answer(500, json!({})));
    fixture.send(&waiting).await.expect(503);
    suppress(mail, true).await;
    assert_eq!(fixture.status(&waiting).await, "suppressed");
}

#[tokio::test]
async fn who_unsubscribed_gets_what_is_transactional_and_nothing_else() {
    let fixture = Fixture::open().await;
    let mut body = event("low_stock");
    body["template"] = json!("direct");
    body["data"] = json!({"subject": "New in the shop", "text": "Have a look."});
    let email = address(&body).parse().unwrap();
    let hash = platform::fingerprint::hex(fixture.app.fingerprints.recipient(&email).await.unwrap());
    let put = fixture.app.db.aws().dynamodb().await.put_item().table_name(fixture.app.db.table());
    let key = AttributeValue::S(format!("suppression#email#{hash}#announcements"));
    put.item("event_id", key).send().await.unwrap();
    assert_eq!(fixture.status(&body).await, "suppressed");
    let mut order = event("order_confirmation");
    order["recipient"] = body["recipient"].clone();
    assert_eq!(fixture.status(&order).await, "sent");
}

#[tokio::test]
async fn neither_logs_nor_what_is_counted_names_a_number() {
    let fixture = Fixture::open_with_texts(&[("SMS_PER_RECIPIENT", "1")]).await;
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("notification-service", "debug", captured.writer());
    // tracing remembers for all threads what the only subscriber says; of two it asks both.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _listening = tracing::subscriber::set_default(subscriber);
    let first = text();
    lose_the_next_answer(&fixture);
    fixture.send(&first).await.expect(503);
    assert_eq!(fixture.status(&first).await, "sent");
    let mut second = text();
    second["recipient"] = first["recipient"].clone();
    assert_eq!(fixture.status(&second).await, "withheld");
    let scan = fixture.app.db.aws().dynamodb().await.scan().table_name(fixture.app.db.table());
    let mut items = scan.send().await.unwrap().items.unwrap();
    for item in &mut items {
        item.remove("request");
    }
    let (logged, items) = (captured.text(), format!("{items:?}"));
    assert!(items.contains("phone#") && items.contains("country#GB#"), "{items}");
    assert!(logged.contains("message sent") && logged.contains("message waits"), "{logged}");
    let digits = &first["recipient"]["phone"].as_str().unwrap()[1..];
    assert!(!logged.contains(digits) && !items.contains(digits), "{logged} {items}");
}
