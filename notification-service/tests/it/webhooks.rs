use std::sync::LazyLock;

use aws_sdk_dynamodb::types::AttributeValue;
use common::timestamp::Timestamp;
use futures_util::FutureExt;
use http::HeaderName;
use notification_service::{
    App, router,
    webhooks::{certificates::Certificates, sns::SnsAddress},
};
use platform::config::Env;
use serde_json::{Value, json};
use testkit::{Answer, Client, tokens};
use uuid::Uuid;
use vendor_doubles::signing::{sendgrid, sns, twilio};

use crate::{
    Fixture, PATIENCE, PATIENT, address, event,
    network::Fault,
    settings,
    sns_host::{CERTIFICATE, SnsHost},
};

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail-events";
const PUBLIC: &str = "https://shop.example";
const TOKEN: &str = "the token of our account";
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

static SNS: LazyLock<sns::Signer> = LazyLock::new(|| sns::Signer::generate().unwrap());
static SENDGRID: LazyLock<sendgrid::Signer> = LazyLock::new(|| sendgrid::Signer::generate().unwrap());

/// A service whose vendors report by webhooks.
pub(crate) struct WebhookFixture {
    pub(crate) fixture: Fixture,
    pub(crate) client: Client,
    host: SnsHost,
}

impl WebhookFixture {
    pub(crate) async fn open() -> Self {
        let fixture = Fixture::open().await;
        let host = SnsHost::start(SNS.certificate_pem()).await;
        let mut all = settings(&fixture.network.address, fixture.app.db.table(), "ses");
        all.extend([
            ("SES_TOPIC_ARN", TOPIC.to_owned()),
            ("SENDGRID_WEBHOOK_KEY", SENDGRID.public_key().to_owned()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
            ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
            ("PUBLIC_URL", PUBLIC.to_owned()),
        ]);
        let mut env = Env::from_pairs(all);
        let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
        let verified = app.webhooks.clone().with_client(host.client.clone());
        let app = App { verifier: tokens::verifier(), deadline: PATIENCE, webhooks: verified, ..app };
        let fixture = Fixture { client: Client::new(router(app.clone())), app, ..fixture };
        Self { client: fixture.client.clone(), fixture, host }
    }

    async fn post_ses(&self, envelope: &Value) -> Answer {
        self.client.post("/webhooks/ses").body("text/plain; charset=UTF-8", envelope.to_string()).send().await
    }

    /// SES publishes this to the topic.
    pub(crate) async fn ses(&self, event: &Value) -> Answer {
        self.post_ses(&signed(sns::notification(TOPIC, &Uuid::new_v4().to_string(), &now(), &event.to_string()))).await
    }

    async fn post_sendgrid(&self, timestamp: &str, signature: &str, body: Vec<u8>) -> Answer {
        let request = self.client.post("/webhooks/sendgrid").body("application/json", body);
        let request = request.header(HeaderName::from_static(sendgrid::SIGNATURE_HEADER), signature);
        request.header(HeaderName::from_static(sendgrid::TIMESTAMP_HEADER), timestamp).send().await
    }

    /// SendGrid posts these.
    pub(crate) async fn sendgrid(&self, events: &[Value]) -> Answer {
        let (at, body) = (Timestamp::now().unix_seconds().to_string(), sendgrid::body(events));
        self.post_sendgrid(&at, &SENDGRID.sign(&at, &body).unwrap(), body).await
    }

    async fn post_twilio(&self, query: &str, signature: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(&format!("/webhooks/twilio{query}"));
        let request = request.body("application/x-www-form-urlencoded", body);
        request.header(HeaderName::from_static(twilio::SIGNATURE_HEADER), signature).send().await
    }

    /// Twilio calls with these fields.
    pub(crate) async fn twilio(&self, query: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{PUBLIC}/webhooks/twilio{query}");
        let signature = twilio::sign_form(twilio::Algorithm::HmacSha1, TOKEN, &url, fields);
        self.post_twilio(query, &signature, fields).await
    }

    /// A person sends a text to the shop's number.
    async fn text(&self, sid: &str, from: &str, body: &str) {
        let fields = [
            ("MessageSid", sid),
            ("AccountSid", ACCOUNT),
            ("SmsStatus", "received"),
            ("From", from),
            ("To", "+442079460999"),
            ("Body", body),
            ("NumMedia", "0"),
        ];
        let answer = self.twilio("", &fields).await.expect(200);
        assert_eq!(answer.header("content-type"), "text/xml");
    }

    /// The reasons of each suppression of an address, as staff find them.
    pub(crate) async fn suppressed(&self, recipient: &Value) -> Vec<String> {
        let request = self.client.post("/admin/suppressions/find").token(&staff()).json(&only_address(recipient));
        let found = request.send().await.expect(200).json();
        let causes =
            found["items"].as_array().unwrap().iter().flat_map(|item| item["causes"].as_array().unwrap().clone());
        causes.map(|cause| cause["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// Lifts all suppressions of an address.
    pub(crate) async fn lift(&self, recipient: &Value) {
        let request = self.client.post("/admin/suppressions/find").token(&staff()).json(&only_address(recipient));
        for item in request.send().await.expect(200).json()["items"].as_array().unwrap() {
            let path = format!("/admin/suppressions/{}", item["id"].as_str().unwrap());
            self.client.delete(&path).token(&staff()).send().await.expect(204);
        }
    }

    /// The last event of an event's mail.
    pub(crate) async fn last_event(&self, body: &Value) -> String {
        let item = self.fixture.item(body).await.unwrap();
        item.get("last_event").and_then(|event| event.as_s().ok()).cloned().unwrap_or_default()
    }
}

/// The address of a recipient, or what is one already.
fn only_address(recipient: &Value) -> Value {
    let mut address = recipient.clone();
    address.as_object_mut().unwrap().retain(|name, _| name != "locale");
    address
}

pub(crate) fn staff() -> String {
    tokens::user(Uuid::from_u128(7), "notifications:manage")
}

fn now() -> String {
    Timestamp::now().to_string()
}

fn signed(mut envelope: Value) -> Value {
    SNS.sign(&mut envelope, sns::Version::Two, CERTIFICATE).unwrap();
    envelope
}

/// Of SES, about the mail of a body, so many seconds after nine.
fn ses_event(kind: &str, body: &Value, second: u32, more: Value) -> Value {
    let mut event = json!({"eventType": kind, "mail": {"timestamp": "2026-11-30T09:00:00.000Z", "messageId": "0100-1",
        "destination": [address(body)], "tags": {"event_id": [body["event_id"]], "channel": ["email"]}}});
    let name = match kind {
        "Bounce" => "bounce",
        "Complaint" => "complaint",
        _ => "delivery",
    };
    event[name] = more;
    event[name]["timestamp"] = json!(format!("2026-11-30T09:00:{second:02}.000Z"));
    event
}

fn ses_bounce(body: &Value, second: u32) -> Value {
    ses_event(
        "Bounce",
        body,
        second,
        json!({"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "f",
        "bouncedRecipients": [{"emailAddress": address(body), "status": "5.1.1"}]}),
    )
}

fn sendgrid_event(kind: &str, body: &Value, second: i64) -> Value {
    json!({"event": kind, "email": address(body), "timestamp": 1_796_000_000 + second, "sg_event_id": Uuid::new_v4(),
        "sg_message_id": "m.filter1", "event_id": body["event_id"], "channel": "email", "template": body["template"]})
}

#[tokio::test]
async fn a_bounce_for_good_is_noted_and_suppresses_the_address_at_no_further_cost() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    assert_eq!(webhooks.fixture.status(&body).await, "sent");
    let answer = webhooks.ses(&ses_bounce(&body, 5)).await.expect(200);
    assert_eq!(answer.json(), json!({"received": true}));
    assert_eq!(webhooks.last_event(&body).await, "hard_bounced");
    assert_eq!(webhooks.suppressed(&body["recipient"]).await, ["hard_bounce"]);

    let mut next = event("order_confirmation");
    next["recipient"] = body["recipient"].clone();
    assert_eq!(webhooks.fixture.status(&next).await, "suppressed");
    assert_eq!(webhooks.fixture.mails(&body), 1);
    // Capitals make no other mailbox.
    let mut loud = event("account_exists");
    loud["recipient"]["email"] = json!(address(&body).to_uppercase());
    assert_eq!(webhooks.fixture.status(&loud).await, "suppressed");
}

#[tokio::test]
async fn a_complaint_suppresses_and_a_bounce_that_may_pass_does_not() {
    let webhooks = WebhookFixture::open().await;
    let (angry, full) = (event("account_created"), event("account_created"));
    for body in [&angry, &full] {
        webhooks.fixture.status(body).await;
    }
    let complaint = json!({"complainedRecipients": [{"emailAddress": address(&angry)}], "feedbackId": "f"});
    webhooks.ses(&ses_event("Complaint", &angry, 1, complaint)).await.expect(200);
    let bounce = json!({"bounceType": "Transient", "bounceSubType": "MailboxFull", "feedbackId": "f",
        "bouncedRecipients": [{"emailAddress": address(&full)}]});
    webhooks.ses(&ses_event("Bounce", &full, 1, bounce)).await.expect(200);
    assert_eq!(webhooks.suppressed(&angry["recipient"]).await, ["complaint"]);
    assert_eq!(webhooks.suppressed(&full["recipient"]).await, Vec::<String>::new());
    assert_eq!(webhooks.last_event(&full).await, "soft_bounced");
}

#[tokio::test]
async fn events_count_in_the_order_in_which_they_happened_whatever_order_they_come_in() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    webhooks.fixture.status(&body).await;
    let delivered = |second| ses_event("Delivery", &body, second, json!({"recipients": [address(&body)]}));
    for (event, last) in [
        (delivered(10), "delivered"),
        (ses_bounce(&body, 20), "hard_bounced"),
        (delivered(15), "hard_bounced"),
        (delivered(10), "hard_bounced"),
        (ses_bounce(&body, 20), "hard_bounced"),
        (delivered(21), "delivered"),
    ] {
        webhooks.ses(&event).await.expect(200);
        assert_eq!(webhooks.last_event(&body).await, last, "{event}");
    }
}

#[tokio::test]
async fn a_report_that_comes_again_does_not_bring_back_what_staff_lifted() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    webhooks.fixture.status(&body).await;
    let mut bounce = sendgrid_event("bounce", &body, 1);
    let report = ses_bounce(&body, 5);
    for round in 0..3 {
        webhooks.ses(&report).await.expect(200);
        webhooks.sendgrid(std::slice::from_ref(&bounce)).await.expect(200);
        let expected: &[&str] = if round == 0 { &["hard_bounce"] } else { &[] };
        assert_eq!(webhooks.suppressed(&body["recipient"]).await, expected, "{round}");
        webhooks.lift(&body["recipient"]).await;
    }
    // Another one is news.
    bounce["sg_event_id"] = json!(Uuid::new_v4());
    webhooks.sendgrid(&[bounce]).await.expect(200);
    assert_eq!(webhooks.suppressed(&body["recipient"]).await, ["hard_bounce"]);
}

#[tokio::test]
async fn what_sns_did_not_sign_for_our_topic_changes_nothing_and_is_not_fetched() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    let good = signed(sns::notification(TOPIC, "m-1", &now(), &ses_bounce(&body, 5).to_string()));
    let elsewhere = |address: &str| {
        let mut envelope = good.clone();
        SNS.sign(&mut envelope, sns::Version::Two, address).unwrap();
        envelope
    };
    let other_topic = signed(sns::notification(&format!("{TOPIC}2"), "m-1", &now(), "{}"));
    let before = webhooks.fixture.network.seen().len();
    for refused in [
        elsewhere("https://evil.example/a.pem"),
        elsewhere("https://sns.us-east-1.amazonaws.com.evil.example/a.pem"),
        elsewhere("http://sns.us-east-1.amazonaws.com/a.pem"),
        elsewhere("https://sns.us-east-1.amazonaws.com/a.txt"),
        other_topic,
        json!({"Type": "Notification"}),
        ses_bounce(&body, 5),
    ] {
        let answer = webhooks.post_ses(&refused).await.expect(400);
        assert_eq!(answer.problem(), "invalid_signature", "{refused}");
    }
    assert_eq!(webhooks.host.asked(), Vec::<String>::new());
    let old = (Timestamp::now().unix_millis() - 25 * 3_600_000).to_string().parse().unwrap();
    let old = Timestamp::from_unix_millis(old).unwrap().to_string();
    let mut tampered = good.clone();
    tampered["Message"] = json!(good["Message"].as_str().unwrap().replace("Permanent", "permanent"));
    for refused in [tampered, signed(sns::notification(TOPIC, "m-1", &old, "{}"))] {
        assert_eq!(webhooks.post_ses(&refused).await.expect(400).problem(), "invalid_signature", "{refused}");
    }
    assert_eq!(webhooks.fixture.network.seen().len(), before, "nothing reached the table");
    webhooks.post_ses(&good).await.expect(200);
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_a_missing_one_is_not_asked_for_again_at_once() {
    let webhooks = WebhookFixture::open().await;
    let message = |address: &str| {
        let mut envelope = sns::notification(TOPIC, "m-1", &now(), "{\"eventType\": \"Send\"}");
        SNS.sign(&mut envelope, sns::Version::One, address).unwrap();
        envelope
    };
    let good = message(CERTIFICATE);
    let (one, other) = tokio::join!(webhooks.post_ses(&good), webhooks.post_ses(&good));
    let third = webhooks.post_ses(&good).await;
    for answer in [one, other, third] {
        answer.expect(200);
    }
    assert_eq!(webhooks.host.asked(), ["/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"]);

    let address = "https://sns.us-east-1.amazonaws.com/other.pem";
    for (status, body) in [(404, Vec::new()), (200, b"no certificate".to_vec()), (200, vec![b'a'; 20_000])] {
        let webhooks = WebhookFixture::open().await;
        webhooks.host.answers(status, body);
        for _ in 0..2 {
            assert_eq!(webhooks.post_ses(&message(address)).await.expect(503).problem(), "unavailable");
        }
        assert_eq!(webhooks.host.asked(), ["/other.pem"]);
    }
}

#[tokio::test]
async fn what_another_region_signs_is_refused_before_its_certificate_is_fetched() {
    let webhooks = WebhookFixture::open().await;
    let mut envelope = sns::notification(TOPIC, "m-1", &now(), "{\"eventType\": \"Send\"}");
    let address = CERTIFICATE.replace("us-east-1", "eu-central-1");
    SNS.sign(&mut envelope, sns::Version::Two, &address).unwrap();
    assert_eq!(webhooks.post_ses(&envelope).await.expect(400).problem(), "invalid_signature");
    assert_eq!(webhooks.host.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_that_is_slow_to_come_does_not_delay_requests_for_another() {
    let host = SnsHost::start(SNS.certificate_pem()).await;
    let certificates = Certificates::default().with_client(host.client.clone());
    let address = |name: &str| {
        SnsAddress::read(&format!("https://sns.us-east-1.amazonaws.com/{name}.pem")).expect("a host of SNS")
    };
    let (good, moment) = (address("good"), Timestamp::now());
    certificates.key(&good, moment).await.unwrap();
    // One that is slow, and as many as may be fetched at once; no more are begun.
    let slow: Vec<SnsAddress> = (0..5).map(|nth| address(&format!("slow-{nth}"))).collect();
    let mut fetching: Vec<_> = slow.iter().map(|slow| Box::pin(certificates.key(slow, moment))).collect();
    let mut begun = 0;
    for fetch in &mut fetching {
        match fetch.as_mut().now_or_never() {
            None => begun += 1,
            Some(outcome) => assert!(outcome.is_err(), "what is not begun is refused"),
        }
        // What is known is there at once.
        assert!(certificates.key(&good, moment).now_or_never().is_some_and(|key| key.is_ok()));
    }
    assert_eq!(begun, 4);
    // What is given up by who asked for it is fetched all the same, once.
    drop(fetching);
    certificates.key(&slow[0], moment).await.unwrap();
    assert_eq!(host.asked().iter().filter(|path| *path == "/slow-0.pem").count(), 1);
}

#[tokio::test]
async fn the_subscription_of_the_topic_confirms_itself_on_a_host_of_sns() {
    let webhooks = WebhookFixture::open().await;
    let confirmation = |address: &str| {
        let kind = "SubscriptionConfirmation";
        signed(sns::confirmation(kind, TOPIC, &Uuid::new_v4().to_string(), &now(), address))
    };
    let path = "/?Action=ConfirmSubscription&TopicArn=t&Token=2336412f37";
    webhooks.post_ses(&confirmation(&format!("https://sns.us-east-1.amazonaws.com{path}"))).await.expect(200);
    assert_eq!(webhooks.host.asked()[1..], [path]);
    let elsewhere = webhooks.post_ses(&confirmation("https://evil.example/?Token=1")).await.expect(400);
    assert_eq!(elsewhere.problem(), "invalid_signature");
    webhooks.host.answers(500, "");
    webhooks.post_ses(&confirmation(&format!("https://sns.us-east-1.amazonaws.com{path}"))).await.expect(503);
    let ended =
        sns::confirmation("UnsubscribeConfirmation", TOPIC, "m-9", &now(), "https://sns.us-east-1.amazonaws.com/?a");
    webhooks.post_ses(&signed(ended)).await.expect(200);
    assert_eq!(webhooks.host.asked().len(), 3, "the end of a subscription is not undone");
}

#[tokio::test]
async fn what_can_never_be_applied_is_answered_200() {
    let webhooks = WebhookFixture::open().await;
    let unknown = event("account_created");
    for message in ["", "no JSON", "{}", "[]", "{\"eventType\": \"Bounce\", \"mail\": 7}"] {
        let envelope = signed(sns::notification(TOPIC, "m-1", &now(), message));
        webhooks.post_ses(&envelope).await.expect(200);
    }
    webhooks.ses(&ses_event("Delivery", &unknown, 1, json!({}))).await.expect(200);
    assert!(webhooks.fixture.item(&unknown).await.is_none(), "nothing was sent for this event");
    let at = Timestamp::now().unix_seconds().to_string();
    for body in ["", "no JSON", "{}", "[7, {}]"] {
        let signature = SENDGRID.sign(&at, body.as_bytes()).unwrap();
        webhooks.post_sendgrid(&at, &signature, body.into()).await.expect(200);
    }
    webhooks.sendgrid(&[sendgrid_event("something new", &unknown, 1)]).await.expect(200);
    let mut endless = sendgrid_event("bounce", &unknown, 1);
    endless["sg_event_id"] = json!("x".repeat(3_000));
    webhooks.sendgrid(&[endless]).await.expect(200);
    webhooks.twilio("?event_id=7", &[("MessageSid", "SM1"), ("MessageStatus", "delivered")]).await.expect(200);
    webhooks.twilio("", &[("Surprise", "1")]).await.expect(200);
}

#[tokio::test]
async fn a_list_of_sendgrid_is_applied_whole_however_large_and_again_where_a_part_failed() {
    let webhooks = WebhookFixture::open().await;
    let bodies: Vec<Value> = std::iter::repeat_with(|| event("account_created")).take(3).collect();
    for body in &bodies {
        webhooks.fixture.status(body).await;
    }
    let mut events: Vec<Value> = std::iter::repeat_with(|| {
        let mut event = sendgrid_event("open", &bodies[0], 1);
        event["useragent"] = json!("x".repeat(500));
        event
    })
    .take(600)
    .collect();
    let mut blocked = sendgrid_event("bounce", &bodies[1], 2);
    blocked["type"] = json!("blocked");
    events.extend([sendgrid_event("delivered", &bodies[0], 1), blocked, sendgrid_event("spamreport", &bodies[2], 3)]);
    assert!(sendgrid::body(&events).len() > 256 * 1024);

    webhooks.fixture.network.plan("TransactWriteItems", 2, Fault::Answer(500, json!({})));
    webhooks.sendgrid(&events).await.expect(503);
    webhooks.sendgrid(&events).await.expect(200);
    let mut found = Vec::new();
    for body in &bodies {
        found.push((webhooks.last_event(body).await, webhooks.suppressed(&body["recipient"]).await.join(",")));
    }
    let expected = [("delivered", ""), ("soft_bounced", ""), ("complained", "complaint")];
    assert_eq!(found, expected.map(|(event, reasons)| (event.to_owned(), reasons.to_owned())));
}

#[tokio::test]
async fn a_webhook_that_is_too_large_is_refused_without_the_limit_of_other_routes() {
    let webhooks = WebhookFixture::open().await;
    let (at, body) = (Timestamp::now().unix_seconds().to_string(), vec![b' '; (1 << 20) + 1]);
    let answer = webhooks.post_sendgrid(&at, &SENDGRID.sign(&at, &body).unwrap(), body).await.expect(413);
    assert_eq!(answer.problem(), "too_large");
    assert!(!answer.text().contains("262144"), "{}", answer.text());
}

#[tokio::test]
async fn what_sendgrid_did_not_sign_just_now_is_refused() {
    let webhooks = WebhookFixture::open().await;
    let body = sendgrid::body(&[sendgrid_event("bounce", &event("account_created"), 1)]);
    let now = Timestamp::now().unix_seconds();
    let before = webhooks.fixture.network.seen().len();
    let good = SENDGRID.sign(&now.to_string(), &body).unwrap();
    let other = sendgrid::Signer::generate().unwrap().sign(&now.to_string(), &body).unwrap();
    let trimmed = body.strip_suffix(b"\r\n").unwrap().to_vec();
    for (at, signature, body) in [
        (now, other, body.clone()),
        (now, good.clone(), trimmed),
        (now + 1, good.clone(), body.clone()),
        (now, String::new(), body.clone()),
        (now, "%%%".to_owned(), body.clone()),
        (now - 601, SENDGRID.sign(&(now - 601).to_string(), &body).unwrap(), body.clone()),
        (now + 660, SENDGRID.sign(&(now + 660).to_string(), &body).unwrap(), body.clone()),
    ] {
        let answer = webhooks.post_sendgrid(&at.to_string(), &signature, body).await.expect(400);
        assert_eq!(answer.problem(), "invalid_signature");
    }
    let unsigned = webhooks.client.post("/webhooks/sendgrid").body("application/json", body.clone()).send().await;
    assert_eq!(unsigned.expect(400).problem(), "invalid_signature");
    assert_eq!(webhooks.fixture.network.seen().len(), before, "nothing reached the table");
    webhooks.post_sendgrid(&now.to_string(), &good, body).await.expect(200);
}

#[tokio::test]
async fn a_text_that_says_stop_suppresses_the_number_until_one_says_start() {
    let webhooks = WebhookFixture::open().await;
    let number = format!("+4420{}", 79_460_000 + fastrand::u32(0..999));
    let phone = json!({ "phone": number });
    webhooks.text("SM1", &number, "What is this?").await;
    assert!(webhooks.suppressed(&phone).await.is_empty());
    webhooks.text("SM2", &number, " stop ").await;
    assert_eq!(webhooks.suppressed(&phone).await, ["stop"]);
    webhooks.text("SM3", &number, "START").await;
    assert!(webhooks.suppressed(&phone).await.is_empty());
    webhooks.text("SM4", &number, "Stop").await;
    // Twilio repeats itself.
    webhooks.text("SM3", &number, "START").await;
    assert_eq!(webhooks.suppressed(&phone).await, ["stop"]);
}

#[tokio::test]
async fn start_lifts_what_stop_did_and_nothing_that_staff_did() {
    let webhooks = WebhookFixture::open().await;
    let number = format!("+4420{}", 79_460_000 + fastrand::u32(0..999));
    let phone = json!({ "phone": number });
    webhooks.client.post("/admin/suppressions").token(&staff()).json(&phone).send().await.expect(201);
    webhooks.text("SM1", &number, "STOP").await;
    assert_eq!(webhooks.suppressed(&phone).await, ["stop", "staff"]);
    webhooks.text("SM2", &number, "START").await;
    assert_eq!(webhooks.suppressed(&phone).await, ["staff"]);
}

#[tokio::test]
async fn what_twilio_did_not_sign_over_our_public_address_is_refused() {
    let webhooks = WebhookFixture::open().await;
    let fields = [
        ("MessageSid", "SM1"),
        ("AccountSid", ACCOUNT),
        ("SmsStatus", "received"),
        ("From", "+442079460000"),
        ("Body", "STOP"),
    ];
    let sign = |token: &str, url: &str| twilio::sign_form(twilio::Algorithm::HmacSha1, token, url, &fields);
    let url = format!("{PUBLIC}/webhooks/twilio");
    let before = webhooks.fixture.network.seen().len();
    for signature in [
        sign("another token", &url),
        sign(TOKEN, &format!("{url}?event_id=1")),
        sign(TOKEN, "https://internal.example/webhooks/twilio"),
        sign(TOKEN, "http://shop.example/webhooks/twilio"),
        String::new(),
    ] {
        assert_eq!(webhooks.post_twilio("", &signature, &fields).await.expect(400).problem(), "invalid_signature");
    }
    let other = [("MessageSid", "SM1"), ("AccountSid", "AC9"), ("From", "+442079460000"), ("Body", "STOP")];
    assert_eq!(webhooks.twilio("", &other).await.expect(400).problem(), "invalid_signature");
    assert_eq!(webhooks.fixture.network.seen().len(), before, "nothing reached the table");
    webhooks.post_twilio("", &sign(TOKEN, "https://shop.example:443/webhooks/twilio"), &fields).await.expect(200);
}

#[tokio::test]
async fn the_end_of_a_text_is_noted_with_its_event() {
    let webhooks = WebhookFixture::open().await;
    let id = Uuid::now_v7().to_string();
    let put = webhooks.fixture.app.db.aws().dynamodb().await.put_item().table_name(webhooks.fixture.app.db.table());
    let put =
        put.item("event_id", AttributeValue::S(format!("{id}#sms"))).item("state", AttributeValue::S("sent".into()));
    put.send().await.unwrap();
    let status = async |status: &str| {
        let fields =
            [("MessageSid", "SM1"), ("AccountSid", ACCOUNT), ("MessageStatus", status), ("To", "+442079460000")];
        webhooks.twilio(&format!("?event_id={id}"), &fields).await.expect(200);
        let get = webhooks.client.get(&format!("/admin/notifications/{id}")).token(&staff()).send().await.expect(200);
        get.json()["messages"][0]["last_event"]["type"].clone()
    };
    assert_eq!(status("sent").await, Value::Null);
    assert_eq!(status("delivered").await, "delivered");
    assert_eq!(status("queued").await, "delivered");
    // What comes again is not news.
    assert_eq!(status("read").await, "read");
    assert_eq!(status("delivered").await, "read");
    assert_eq!(status("undelivered").await, "failed");
    assert_eq!(status("delivered").await, "failed");
}

#[tokio::test]
async fn a_vendor_that_is_not_set_up_is_not_listened_to() {
    let fixture = Fixture::open().await;
    for path in ["/webhooks/ses", "/webhooks/sendgrid", "/webhooks/twilio"] {
        let answer = fixture.client.post(path).body("text/plain", "{}").send().await.expect(404);
        assert_eq!(answer.problem(), "webhook_not_configured");
    }
}
