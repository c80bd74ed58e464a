//! notification-service through its router, on moto's DynamoDB and SES.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod failover;
mod failures;
mod health;
mod limits;
mod migrations;
mod network;
mod once;
mod privacy;
mod providers;
mod queue;
mod sending;
mod settings;
mod sns_double;
mod sns_host;
mod staff;
mod suppressions;
mod templates;
mod texts;
mod unsubscribe;
mod validation;
mod webhooks;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use common::timestamp::Timestamp;
use notification_service::{App, aws::Limits, router, templates::Template};
use platform::{Service, config::Env, trigger::Direction};
use serde_json::{Value, json};
use testkit::{Answer, Client, tokens};
use uuid::Uuid;
use vendor_doubles::{Vendor, VendorDoubles};

use crate::network::Network;

/// Deadline of a request on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Time limits of its steps.
const PATIENT: Limits =
    Limits { store: Duration::from_secs(20), acquire_lease: Duration::from_secs(20), send: Duration::from_secs(20) };

/// The address that mail is from, with its domain verified.
const FROM: &str = "Bodega <shop@bodega.example>";

/// A service with a table of its own, behind a network that can fail.
struct Fixture {
    app: App,
    client: Client,
    network: Network,
    /// The double that gets texts; `None` where the service sends none.
    vendors: Option<VendorDoubles>,
}

impl Fixture {
    /// A service whose mail goes through SES.
    async fn open() -> Self {
        Self::open_within(PATIENT, PATIENCE).await
    }

    /// The same with other limits, from the first request on.
    async fn open_within(limits: Limits, deadline: Duration) -> Self {
        let network = Network::start().await;
        let table = format!("notifications-{}", Uuid::new_v4());
        let patient = app(&network.address, &table, "ses", PATIENT);
        patient.migrate(Direction::Up).await.expect("the table is made");
        // Some test was the first to make it.
        let _ = patient.db.aws().ses().await.create_email_identity().email_identity("bodega.example").send().await;
        let app = App { deadline, ..app(&network.address, &table, "ses", limits) };
        Self { client: Client::new(router(app.clone())), app, network, vendors: None }
    }

    /// A service that also sends texts, through Twilio's double, to Germany and the United Kingdom.
    async fn open_with_texts(more: &[(&'static str, &str)]) -> Self {
        let fixture = Self::open().await;
        let vendors = VendorDoubles::start(vendor_doubles::Options::default()).await;
        let app = fixture.with_texts(&vendors, more);
        Self { client: Client::new(router(app.clone())), app, vendors: Some(vendors), ..fixture }
    }

    /// The same service with these settings.
    fn with_texts(&self, vendors: &VendorDoubles, more: &[(&'static str, &str)]) -> App {
        let account = vendors.twilio();
        let mut settings = settings(&self.network.address, self.app.db.table(), "ses");
        let texts = [
            ("SMS_PROVIDERS", "twilio"),
            ("SMS_COUNTRIES", "GB,DE"),
            ("TWILIO_API_BASE", vendors.base(Vendor::Twilio)),
            ("TWILIO_ACCOUNT_SID", &account.account_sid),
            ("TWILIO_AUTH_TOKEN", &account.auth_token),
            ("TWILIO_FROM", "Bodega"),
        ];
        settings.extend(texts.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())));
        let mut env = Env::from_pairs(settings);
        let app = App::configure_within(&mut env, PATIENT).unwrap_or_else(|| panic!("{}", env.report()));
        App { verifier: tokens::verifier(), deadline: PATIENCE, ..app }
    }

    /// The double that gets texts.
    fn vendors(&self) -> &VendorDoubles {
        self.vendors.as_ref().expect("the service sends texts")
    }

    /// Number of texts to the recipient of this body that Twilio accepted.
    fn texts(&self, body: &Value) -> usize {
        let to = body["recipient"]["phone"].as_str().unwrap();
        self.vendors().records().iter().filter(|record| record.vendor == Vendor::Twilio && record.to == to).count()
    }

    async fn send(&self, body: &Value) -> Answer {
        self.client.post("/notifications").token(&token()).json(body).send().await
    }

    /// The record of its event.
    async fn of_event(&self, body: &Value) -> Answer {
        let path = format!("/notifications/{}", body["event_id"].as_str().unwrap());
        self.client.get(&path).token(&token()).send().await
    }

    /// Sends it and returns its state.
    async fn status(&self, body: &Value) -> String {
        state(&self.send(body).await.expect(200))
    }

    /// Number of mails to the recipient of this body that SES accepted.
    fn mails(&self, body: &Value) -> usize {
        self.network.taken_to(address(body))
    }

    async fn item(&self, body: &Value) -> Option<HashMap<String, AttributeValue>> {
        self.item_of(body["event_id"].as_str().unwrap()).await
    }

    async fn item_of(&self, key: &str) -> Option<HashMap<String, AttributeValue>> {
        let id = key.to_owned();
        let get = self.app.db.aws().dynamodb().await.get_item().table_name(self.app.db.table());
        get.key("event_id", AttributeValue::S(id)).consistent_read(true).send().await.unwrap().item
    }

    /// Ends the lease of its message.
    async fn expire_lease(&self, body: &Value) {
        self.expire_lease_of(body["event_id"].as_str().unwrap()).await;
    }

    async fn expire_lease_of(&self, key: &str) {
        let id = key.to_owned();
        let past = Timestamp::now().minus(Duration::from_secs(1)).unix_millis();
        let update = self.app.db.aws().dynamodb().await.update_item().table_name(self.app.db.table());
        let update = update.key("event_id", AttributeValue::S(id)).update_expression("SET lease_until = :past");
        let update = update.condition_expression("attribute_exists(event_id)");
        update.expression_attribute_values(":past", AttributeValue::N(past.to_string())).send().await.unwrap();
    }
}

/// The state on the first channel.
fn state(answer: &Answer) -> String {
    answer.json()["channels"][0]["state"].as_str().unwrap_or_default().to_owned()
}

/// The event and its states, without the other members of the answer.
fn outcome(answer: &Answer) -> Value {
    let mut answer = answer.json();
    for channel in answer["channels"].as_array_mut().into_iter().flatten() {
        *channel = json!({ "channel": channel["channel"], "state": channel["state"] });
    }
    answer
}

/// The outcome of a mail that a provider accepted.
fn sent(body: &Value) -> Value {
    json!({ "event_id": body["event_id"], "channels": [{"channel": "email", "state": "sent"}] })
}

fn settings(endpoint: &str, table: &str, provider: &str) -> Vec<(&'static str, String)> {
    vec![
        ("ISSUER", tokens::ISSUER.to_owned()),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked".to_owned()),
        ("MAIL_PROVIDERS", provider.to_owned()),
        ("MAIL_FROM", FROM.to_owned()),
        ("SHOP_NAME", "Bodega".to_owned()),
        ("SHOP_URL", "https://shop.example/".to_owned()),
        ("SHOP_TIME_ZONE", "Europe/Berlin".to_owned()),
        ("MAIL_IMAGE_BASES", "https://images.example".to_owned()),
        ("NOTIFICATION_TABLE", table.to_owned()),
        ("FINGERPRINT_KEY", "a key for tests, of 32 characters and more".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

fn app(endpoint: &str, table: &str, provider: &str, limits: Limits) -> App {
    let mut env = Env::from_pairs(settings(endpoint, table, provider));
    let app = App::configure_within(&mut env, limits).unwrap_or_else(|| panic!("{}", env.report()));
    App { verifier: tokens::verifier(), deadline: PATIENCE, ..app }
}

fn token() -> String {
    tokens::service("transaction-service", "notifications:send")
}

fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

/// A new event, to a new recipient.
fn event(template: &str) -> Value {
    let mut body = json!({
        "event_id": Uuid::now_v7(), "template": template,
        "recipient": {"email": format!("ada-{}@example.com", Uuid::new_v4().simple()), "locale": "en-GB"}
    });
    if template == "low_stock" {
        body["data"]["stock"] =
            json!({"sku": "TEE-M", "title": "Organic cotton tee", "available": 3, "low_stock_at": 5});
    } else if !template.starts_with("account") {
        body["data"]["order"] = json!({
            "id": Uuid::now_v7(), "placed_at": "2026-11-22T09:30:00.125Z",
            "lines": [{"title": "Organic cotton tee", "options": {"Size": "M"}, "quantity": 2, "total": money(123_456)}],
            "subtotal": money(123_456), "shipping": money(500), "tax": money(900), "total": money(124_856),
            "shipping_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null,
                "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123"}
        });
    }
    body
}

/// A new event for the channel `sms` alone, to a new number.
fn text() -> Value {
    let mut body = notification_service::templates::sample(Template::OrderShipped);
    body["event_id"] = json!(Uuid::now_v7());
    body["channels"] = json!(["sms"]);
    body["recipient"] =
        json!({"phone": format!("+4474001{:05}", Uuid::new_v4().as_u128() % 100_000), "locale": "en-GB"});
    body
}

fn address(body: &Value) -> &str {
    body["recipient"]["email"].as_str().unwrap()
}
