//! SES's events as `cargo xtask up` has them: the vendors' doubles play SES and SNS, and post to the service over HTTP.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use notification_service::{App, router};
use platform::{Service, config::Env};
use serde_json::{Value, json};
use testkit::{Client, tokens};
use tokio::net::TcpListener;
use vendor_doubles::{
    Options, SesTopic, Vendor, VendorDoubles,
    signing::sns::{self, Signer, Version},
};

use crate::{
    Fixture, PATIENCE, PATIENT, event, settings,
    webhooks::{WebhookFixture, staff},
};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:mail-events";

/// A service whose SES and SNS are doubles.
struct DoubleFixture {
    fixture: Fixture,
    doubles: VendorDoubles,
}

impl DoubleFixture {
    async fn open() -> Self {
        let fixture = Fixture::open().await;
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let webhook = format!("http://{}/webhooks/ses", listener.local_addr().unwrap());
        let doubles = VendorDoubles::start(Options {
            configuration_sets: vec!["shop".to_owned()],
            delivers: true,
            ses_topic: Some(SesTopic { arn: TOPIC.to_owned(), webhook }),
            ..Options::default()
        })
        .await;
        let mut all = settings(&fixture.network.address, fixture.app.db.table(), "ses");
        all.extend([
            ("AWS_ENDPOINT_URL_SESV2", doubles.base(Vendor::Ses).to_owned()),
            ("SES_CONFIGURATION_SET", "shop".to_owned()),
            ("SES_TOPIC_ARN", TOPIC.to_owned()),
            ("SNS_DOUBLE_URL", doubles.control().to_owned()),
        ]);
        let mut env = Env::from_pairs(all);
        let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
        let app = App { verifier: tokens::verifier(), deadline: PATIENCE, ..app };
        let routes: Router = router(app.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { fixture: Fixture { client: Client::new(router(app.clone())), app, ..fixture }, doubles }
    }

    /// Waits until this is the last event of an event's mail.
    async fn until_it_is(&self, body: &Value, kind: &str) {
        let mut last = Value::Null;
        for _ in 0..1_000 {
            last = self.fixture.of_event(body).await.expect(200).json()["channels"][0]["last_event"]["type"].clone();
            if last == kind {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the last event is {last}, not {kind}");
    }

    async fn change(&self, status: &str) {
        let id = self.doubles.records()[0].id.clone();
        let url = format!("{}/records/{id}", self.doubles.control());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(client.post(url).json(&json!({ "status": status })).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_mail_by_the_double_of_ses_is_delivered_and_a_bounce_suppresses_its_address() {
    let fixture = DoubleFixture::open().await;
    let body = event("account_created");
    assert_eq!(fixture.fixture.status(&body).await, "sent");
    fixture.until_it_is(&body, "delivered").await;
    assert_eq!(fixture.doubles.records()[0].status, "delivered");
    for (status, kind) in [("deferred", "delayed"), ("blocked", "soft_bounced")] {
        fixture.change(status).await;
        fixture.until_it_is(&body, kind).await;
        assert_eq!(suppressed(&fixture, &body).await, Vec::<Value>::new(), "{status}");
    }
    fixture.change("bounced").await;
    fixture.until_it_is(&body, "hard_bounced").await;
    assert_eq!(suppressed(&fixture, &body).await, ["hard_bounce"]);
    fixture.change("complained").await;
    fixture.until_it_is(&body, "complained").await;
    assert_eq!(suppressed(&fixture, &body).await, ["hard_bounce", "complaint"]);
}

async fn suppressed(fixture: &DoubleFixture, body: &Value) -> Vec<Value> {
    let address = json!({ "email": body["recipient"]["email"] });
    let request = fixture.fixture.client.post("/admin/suppressions/find").token(&staff()).json(&address);
    let found = request.send().await.expect(200).json();
    let items = found["items"].as_array().unwrap();
    items.iter().flat_map(|item| item["causes"].as_array().unwrap()).map(|cause| cause["reason"].clone()).collect()
}

#[tokio::test]
async fn with_a_double_only_what_the_double_signed_at_its_own_address_is_taken() {
    let fixture = DoubleFixture::open().await;
    let forger = Signer::generate().unwrap();
    let message = |signer: &Signer, address: &str| {
        let now = common::timestamp::Timestamp::now().to_string();
        let mut message = sns::notification(TOPIC, "m-1", &now, "{\"eventType\": \"Send\"}");
        signer.sign(&mut message, Version::Two, address).unwrap();
        message.to_string()
    };
    let post = async |body: String| fixture.fixture.client.post("/webhooks/ses").body("text/plain", body).send().await;
    let (own, double) = (fixture.doubles.certificate_url(), fixture.doubles.sns());
    post(message(double, &own)).await.expect(200);
    let (_, file) = own.rsplit_once('/').unwrap();
    for address in [
        format!("https://sns.us-east-1.amazonaws.com/{file}"),
        format!("http://localhost/{file}"),
        format!("http://127.0.0.1:9/{file}"),
        format!("{}@127.0.0.1:9/{file}", fixture.doubles.control()),
        own.replace("http://", "https://"),
        own.replace("http://", "http://ada@"),
        own.replace(".pem", ".pem?a=b"),
        own.replace(".pem", ".txt"),
    ] {
        assert_eq!(post(message(double, &address)).await.expect(400).problem(), "invalid_signature", "{address}");
    }
    assert_eq!(post(message(&forger, &own)).await.expect(400).problem(), "invalid_signature");
}

#[tokio::test]
async fn without_the_setting_nothing_on_this_machine_signs_for_sns() {
    let (webhooks, doubles) = (WebhookFixture::open().await, VendorDoubles::start(Options::default()).await);
    let now = common::timestamp::Timestamp::now().to_string();
    let mut message = sns::notification(crate::webhooks::TOPIC, "m-1", &now, "{\"eventType\": \"Send\"}");
    doubles.sns().sign(&mut message, Version::Two, &doubles.certificate_url()).unwrap();
    let answer = webhooks.client.post("/webhooks/ses").body("text/plain", message.to_string()).send().await;
    assert_eq!(answer.expect(400).problem(), "invalid_signature");
}

#[test]
fn a_double_is_on_this_machine_and_never_on_aws() {
    let configured = |more: &[(&'static str, &str)]| {
        let mut all = settings("http://127.0.0.1:9", "notifications", "ses");
        all.push(("SES_TOPIC_ARN", TOPIC.to_owned()));
        all.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut env = Env::from_pairs(all);
        (App::configure(&mut env).is_some(), env.report())
    };
    let here = ("SNS_DOUBLE_URL", "http://127.0.0.1:9000");
    assert!(configured(&[here]).0);
    for value in [
        "https://127.0.0.1:9000",
        "http://127.0.0.2:9000",
        "http://localhost:9000",
        "http://10.0.0.1:9000",
        "http://127.0.0.1.evil.example",
        "http://ada@127.0.0.1:9000",
        "http://127.0.0.1:9000/a",
        "http://127.0.0.1:9000/?a",
        "http://evil.example#127.0.0.1",
        "127.0.0.1:9000",
    ] {
        let (is_configured, report) = configured(&[("SNS_DOUBLE_URL", value)]);
        assert!(!is_configured && report.contains("SNS_DOUBLE_URL must be of the form"), "{value}: {report}");
    }
    let (is_configured, report) = configured(&[here, ("LAMBDA_TASK_ROOT", "/var/task")]);
    assert!(!is_configured && report.contains("SNS_DOUBLE_URL must not be set on AWS"), "{report}");
}
