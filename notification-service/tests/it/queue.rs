//! Requests over the queue: the same as over HTTP, in batches, and dead letters.

use std::collections::BTreeMap;

use notification_service::App;
use platform::{Service, config::Env, metrics::Metrics, telemetry::with_metrics};
use serde_json::{Value, json};
use testkit::{
    emf::{self, Datum},
    logs::Captured,
};
use uuid::Uuid;
use vendor_doubles::{Answer, Fault as VendorFault, Kind, Vendor};

use crate::{
    Fixture, PATIENT, event,
    network::{Fault, Network},
    outcome, sent, settings, text,
};

/// A message as SQS delivers it, received so many times.
fn received(body: &Value, receives: u32) -> Value {
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    json!({
        "messageId": Uuid::new_v4(), "receiptHandle": "handle", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": receives.to_string(), "SentTimestamp": "1796000000000"},
        "messageAttributes": {}, "awsRegion": "us-east-1"
    })
}

fn by_topic(message: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": Uuid::new_v4(), "Message": message.to_string(),
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:notifications", "Timestamp": "2026-11-30T00:00:00.000Z"
    })
}

fn by_bus(message: &Value) -> Value {
    json!({
        "version": "0", "id": Uuid::new_v4(), "detail-type": "notification", "source": "shop", "resources": [],
        "account": "111122223333", "time": "2026-11-30T00:00:00Z", "region": "us-east-1", "detail": message
    })
}

/// A queue of moto.
struct TestQueue {
    url: String,
    endpoint: String,
    http: reqwest::Client,
}

impl TestQueue {
    async fn make(endpoint: &str) -> Self {
        let (endpoint, http) = (endpoint.to_owned(), reqwest::Client::new());
        let mut bin = Self { url: String::new(), endpoint, http };
        let name = format!("queue-{}", Uuid::new_v4());
        let made = bin.call("CreateQueue", json!({ "QueueName": name })).await;
        // moto names itself; the calls go by the network in front of it.
        let path = made["QueueUrl"].as_str().unwrap().splitn(4, '/').last().unwrap();
        bin.url = format!("{}/{path}", bin.endpoint);
        bin
    }

    async fn call(&self, operation: &str, body: Value) -> Value {
        let target = format!("AmazonSQS.{operation}");
        let request = self.http.post(&self.endpoint).header("x-amz-target", target);
        let request =
            request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
        let answer = request.body(body.to_string()).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{operation}: {text}"))
    }

    async fn put(&self, body: &str) {
        self.call("SendMessage", json!({ "QueueUrl": self.url, "MessageBody": body })).await;
    }

    /// How many messages it has, those that are hidden included.
    async fn count(&self) -> u64 {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let answer = self.call("GetQueueAttributes", json!({ "QueueUrl": self.url, "AttributeNames": names })).await;
        names.iter().map(|name| answer["Attributes"][name].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Takes everything out: the bodies, each with its reason.
    async fn take(&self) -> Vec<(String, Option<String>)> {
        let mut all = Vec::new();
        loop {
            let wish = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
            let answer = self.call("ReceiveMessage", wish).await;
            let Some(messages) = answer["Messages"].as_array().filter(|messages| !messages.is_empty()) else {
                return all;
            };
            for message in messages {
                let reason = message["MessageAttributes"]["reason"]["StringValue"].as_str().map(str::to_owned);
                all.push((message["Body"].as_str().unwrap().to_owned(), reason));
                self.call("DeleteMessage", json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] }))
                    .await;
            }
        }
    }
}

/// moto reads the region out of it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20261130/us-east-1/sqs/aws4_request, \
                             SignedHeaders=host, Signature=0";

/// A service with a queue and a dead-letter queue.
struct QueueFixture {
    fixture: Fixture,
    app: App,
    main: TestQueue,
    dead: TestQueue,
}

impl QueueFixture {
    async fn open() -> Self {
        let fixture = Fixture::open_with_texts(&[]).await;
        let (main, dead) =
            (TestQueue::make(&fixture.network.address).await, TestQueue::make(&fixture.network.address).await);
        let urls = [
            ("NOTIFICATION_QUEUE_URL", main.url.as_str()),
            ("NOTIFICATION_DEAD_LETTER_QUEUE_URL", dead.url.as_str()),
            ("QUEUE_GIVE_UP_AFTER", "5"),
        ];
        let app = fixture.with_texts(fixture.vendors(), &urls);
        Self { fixture, app, main, dead }
    }

    /// The positions of the messages that SQS must deliver again.
    async fn handle_batch(&self, messages: &[Value]) -> Vec<usize> {
        let answer = self.app.queue(json!({ "Records": messages })).await.expect("a batch is handled");
        let failures = answer["batchItemFailures"].as_array().unwrap();
        let place =
            |failure: &Value| messages.iter().position(|message| message["messageId"] == failure["itemIdentifier"]);
        let mut places: Vec<usize> = failures.iter().map(|failure| place(failure).unwrap()).collect();
        places.sort_unstable();
        places
    }
}

#[tokio::test]
async fn a_message_is_taken_plain_or_wrapped_by_a_topic_or_a_bus_or_both() {
    let queues = QueueFixture::open().await;
    let bodies: Vec<Value> = (0..5).map(|_| event("order_confirmation")).collect();
    let messages = [
        received(&bodies[0], 1),
        received(&by_topic(&bodies[1]), 1),
        received(&by_bus(&bodies[2]), 1),
        received(&by_topic(&by_bus(&bodies[3])), 1),
        received(&bodies[4], 1),
    ];
    assert!(queues.handle_batch(&messages).await.is_empty());
    for body in &bodies {
        assert_eq!(queues.fixture.mails(body), 1);
        assert_eq!(outcome(&queues.fixture.of_event(body).await.expect(200)), sent(body));
    }
    assert!(queues.dead.take().await.is_empty());
}

#[tokio::test]
async fn both_doors_know_each_others_events() {
    let queues = QueueFixture::open().await;
    let (first, second) = (event("order_confirmation"), event("order_confirmation"));
    assert_eq!(queues.fixture.status(&first).await, "sent");
    assert!(queues.handle_batch(&[received(&first, 1), received(&by_bus(&second), 1)]).await.is_empty());
    assert_eq!((queues.fixture.mails(&first), queues.fixture.mails(&second)), (1, 1));
    assert_eq!(outcome(&queues.fixture.send(&second).await.expect(200)), sent(&second));
    assert_eq!((queues.fixture.mails(&first), queues.fixture.mails(&second)), (1, 1));
    // Concurrently, and the same message twice in a batch: the second one is delivered again.
    let third = event("order_confirmation");
    let messages = [received(&third, 1), received(&by_topic(&third), 1), received(&third, 1)];
    let (over_http, _) = tokio::join!(queues.fixture.send(&third), queues.handle_batch(&messages));
    assert!(over_http.status == 200 || over_http.status == 409, "{}", over_http.text());
    assert!(queues.handle_batch(&messages).await.is_empty());
    assert_eq!(queues.fixture.mails(&third), 1);
}

#[tokio::test]
async fn of_a_batch_only_what_is_not_handed_over_comes_again() {
    let queues = QueueFixture::open().await;
    let bodies: Vec<Value> = (0..3).map(|_| text()).collect();
    let messages: Vec<Value> = bodies.iter().map(|body| received(body, 1)).collect();
    queues.fixture.vendors().inject(Vendor::Twilio, VendorFault::next(Kind::Answer(Answer::status(503))));
    let again = queues.handle_batch(&messages).await;
    let [failed] = again[..] else { panic!("{again:?}") };
    let sent = bodies.iter().map(|body| queues.fixture.texts(body)).sum::<usize>();
    assert_eq!((sent, queues.fixture.texts(&bodies[failed])), (2, 0));
    assert!(queues.handle_batch(&[messages[failed].clone()]).await.is_empty());
    assert!(bodies.iter().all(|body| queues.fixture.texts(body) == 1));
    // A store that is away is no fault of the messages.
    queues.fixture.network.plan("TransactWriteItems", usize::MAX, Fault::Answer(500, json!({})));
    assert_eq!(queues.handle_batch(&[received(&event("low_stock"), 1)]).await, [0]);
    assert!(queues.dead.take().await.is_empty());
}

#[tokio::test]
async fn what_is_not_understood_becomes_a_dead_letter_with_its_reason_and_is_done() {
    let queues = QueueFixture::open().await;
    let mut wrong = event("order_confirmation");
    wrong["recipient"]["email"] = json!("ada");
    wrong["data"]["order"]["total"] = json!(5);
    let unknown =
        json!({"template": "newsletter", "event_id": Uuid::now_v7(), "recipient": {"email": "ada@example.com"}});
    for (body, reason) in [
        (json!("hello"), "not_understood: the message is not JSON"),
        (json!("[]"), "not_understood: the message wrong_type"),
        (json!("[".repeat(200)), "not_understood: the message is nested more than 16 levels deep"),
        (
            json!({"Records": []}),
            "not_understood: /event_id missing, /recipient missing, /template missing, /Records unknown_field",
        ),
        (unknown, "not_understood: /template unknown_template"),
        (wrong.clone(), "not_understood: /recipient/email invalid_email, /data/order/total wrong_type"),
    ] {
        let message = received(&body, 1);
        assert!(queues.handle_batch(std::slice::from_ref(&message)).await.is_empty(), "{body}");
        let letters = queues.dead.take().await;
        assert_eq!(letters, [(message["body"].as_str().unwrap().to_owned(), Some(reason.to_owned()))]);
    }
    // One among others holds up none of them.
    let right = event("account_created");
    assert!(queues.handle_batch(&[received(&wrong, 1), received(&right, 1)]).await.is_empty());
    assert_eq!((queues.dead.take().await.len(), queues.fixture.mails(&right)), (1, 1));
}

#[tokio::test]
async fn an_event_that_was_used_for_something_else_becomes_a_dead_letter() {
    let queues = QueueFixture::open().await;
    let (body, mut other) = (event("order_confirmation"), event("order_confirmation"));
    other["event_id"] = body["event_id"].clone();
    assert!(queues.handle_batch(&[received(&body, 1)]).await.is_empty());
    assert!(queues.handle_batch(&[received(&other, 1)]).await.is_empty());
    let letters = queues.dead.take().await;
    let reason = "event_id_reused: email: the event's id was used for another template or recipient";
    assert_eq!(letters, [(other.to_string(), Some(reason.to_owned()))]);
    assert_eq!((queues.fixture.mails(&body), queues.fixture.mails(&other)), (1, 0));
}

#[tokio::test]
async fn what_the_vendor_refuses_and_what_came_too_often_becomes_a_dead_letter() {
    let queues = QueueFixture::open().await;
    let mut refused = text();
    refused["recipient"]["phone"] = json!("+449012345678");
    assert!(queues.handle_batch(&[received(&refused, 1)]).await.is_empty());
    let letters = queues.dead.take().await;
    assert_eq!(letters[0].1.as_deref(), Some("refused: sms: no text reaches such a number"));

    let body = event("order_confirmation");
    queues.fixture.network.plan("SendEmail", usize::MAX, Fault::Answer(500, json!({})));
    assert_eq!(queues.handle_batch(&[received(&body, 4)]).await, [0]);
    assert!(queues.handle_batch(&[received(&body, 5)]).await.is_empty());
    let letters = queues.dead.take().await;
    let [(letter, Some(reason))] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter, &body.to_string());
    assert!(reason.starts_with("given_up: ") && reason.contains("500"), "{reason}");
    // What is withheld or suppressed has come to its end.
    let mut french = text();
    french["recipient"]["phone"] = json!("+33612345678");
    assert!(queues.handle_batch(&[received(&french, 1)]).await.is_empty());
    assert!(queues.dead.take().await.is_empty());
}

#[tokio::test]
async fn a_message_counts_as_a_dead_letter_once_the_queue_for_them_has_it() {
    let captured = Captured::default();
    let subscriber = with_metrics("notification-service", "info", Metrics::Emf, captured.writer());
    let _logging = tracing::subscriber::set_default(subscriber);
    // With a single subscriber, tracing asks the first thread that comes to a line, and believes it for ever.
    let _second = tracing::Dispatch::new(with_metrics("other", "info", Metrics::Emf, std::io::sink));
    let queues = QueueFixture::open().await;
    let counted = || -> Vec<Datum> { captured.take_lines().iter().flat_map(emf::data).collect() };
    counted();
    assert!(queues.handle_batch(&[received(&event("order_confirmation"), 1)]).await.is_empty());
    assert_eq!(counted(), []);
    queues.fixture.network.plan("SendMessage", 2, Fault::Answer(500, json!({})));
    assert_eq!(queues.handle_batch(&[received(&json!("hello"), 1)]).await, [0], "the dead-letter queue is down");
    assert_eq!(counted(), []);
    let letter = Datum {
        namespace: "Bodega".to_owned(),
        name: "DeadLetters".to_owned(),
        unit: "Count".to_owned(),
        dimensions: BTreeMap::from([("service".to_owned(), "notification-service".to_owned())]),
        value: 1.0,
    };
    assert!(queues.handle_batch(&[received(&json!("hello"), 2), received(&json!("{}"), 1)]).await.is_empty());
    assert_eq!(counted(), [letter.clone(), letter], "each is a line of its own");
}

#[tokio::test]
async fn a_message_that_no_dead_letter_queue_takes_comes_again() {
    let queues = QueueFixture::open().await;
    queues.fixture.network.plan("SendMessage", 2, Fault::Answer(500, json!({})));
    assert_eq!(queues.handle_batch(&[received(&json!("hello"), 1)]).await, [0]);
    assert!(queues.handle_batch(&[received(&json!("hello"), 2)]).await.is_empty());
    assert_eq!(queues.dead.take().await.len(), 1);
    queues.fixture.network.plan("SendMessage", 1, Fault::Answer(500, json!({})));
    assert!(queues.handle_batch(&[received(&json!("hello"), 1)]).await.is_empty(), "it is tried twice");
    // A shop without one leaves it to SQS.
    let message = received(&json!("hello"), 9);
    let answer = queues.fixture.app.queue(json!({ "Records": [message] })).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": message["messageId"]}]));
}

#[tokio::test]
async fn a_signed_call_with_a_message_in_it_follows_no_redirect() {
    let queues = QueueFixture::open().await;
    let elsewhere = Network::start().await;
    queues.fixture.network.plan("SendMessage", 2, Fault::Redirect(elsewhere.address.clone()));
    assert_eq!(queues.handle_batch(&[received(&json!("hello"), 1)]).await, [0]);
    assert_eq!(elsewhere.count("SendMessage"), 0, "the message went to another host");
}

#[tokio::test]
async fn dead_letters_are_moved_back_to_their_queue_and_then_worked_off() {
    let queues = QueueFixture::open().await;
    let bodies: Vec<Value> = (0..13).map(|_| event("account_created")).collect();
    // Our own fault, which says nothing against the provider: its circuit stays closed.
    let refused = Fault::Answer(400, json!({"__type": "BadRequestException"}));
    queues.fixture.network.plan("SendEmail", usize::MAX, refused);
    for batch in bodies.chunks(10) {
        let messages: Vec<Value> = batch.iter().map(|body| received(body, 5)).collect();
        assert!(queues.handle_batch(&messages).await.is_empty());
    }
    queues.main.put("was there before").await;
    queues.fixture.network.heal();
    let redrive = json!({ "command": "redrive" });
    assert_eq!(queues.app.admin(redrive.clone()).await.unwrap(), json!({"moved": 13, "is_done": true}));
    assert_eq!(queues.app.admin(redrive.clone()).await.unwrap(), json!({"moved": 0, "is_done": true}));
    assert_eq!(queues.dead.count().await, 0);
    let mut back = queues.main.take().await;
    back.retain(|(body, _)| body != "was there before");
    assert_eq!(back.len(), 13);
    assert!(back.iter().all(|(_, reason)| reason.is_none()), "the reason was the letter's");
    for (body, _) in &back {
        assert!(queues.handle_batch(&[received(&json!(body), 1)]).await.is_empty());
    }
    assert!(bodies.iter().all(|body| queues.fixture.mails(body) == 1));

    let error = queues.fixture.app.admin(redrive).await.unwrap_err();
    assert!(error.to_string().contains("NOTIFICATION_DEAD_LETTER_QUEUE_URL"), "{error}");
    assert!(queues.app.admin(json!({"command": "sing"})).await.is_err());
}

#[tokio::test]
async fn a_redrive_that_fails_half_way_loses_nothing() {
    let queues = QueueFixture::open().await;
    let message = received(&json!("hello"), 1);
    queues.handle_batch(&[message]).await;
    queues.fixture.network.plan("DeleteMessage", 1, Fault::Answer(500, json!({})));
    assert!(queues.app.admin(json!({ "command": "redrive" })).await.is_err());
    assert_eq!(queues.main.take().await, [("hello".to_owned(), None)]);
}

#[tokio::test]
async fn a_batch_that_is_none_is_an_error_of_the_function() {
    let queues = QueueFixture::open().await;
    assert!(queues.app.queue(json!({ "direction": "up" })).await.is_err());
    assert!(queues.handle_batch(&[]).await.is_empty());
}

#[test]
fn queues_that_are_no_addresses_are_named() {
    let mut all = settings("http://127.0.0.1:9", "notifications", "log");
    all.extend([
        ("NOTIFICATION_QUEUE_URL", "arn:aws:sqs:us-east-1:1:name".to_owned()),
        ("QUEUE_GIVE_UP_AFTER", "0".to_owned()),
    ]);
    let mut env = Env::from_pairs(all);
    assert!(App::configure_within(&mut env, PATIENT).is_none());
    let report = env.report();
    assert!(report.contains("NOTIFICATION_QUEUE_URL must be an address"), "{report}");
    assert!(report.contains("QUEUE_GIVE_UP_AFTER must be a whole number from 1 to 1000"), "{report}");
}
