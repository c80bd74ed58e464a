//! transaction-service through its router, on a real PostgreSQL and against a Stripe that can be broken. The other
//! services are HTTP servers that answer from their documents.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cancelling;
mod carts;
mod commits;
mod configuration;
mod contracts;
mod faults;
mod idempotency;
mod ledger;
mod limits;
mod matching;
mod measures;
mod money;
mod money_back;
mod ordering;
mod passed_over;
mod releasing;
mod service_double;
mod sweeping;
mod webhooks;

use std::time::Duration;

use platform::{Service, config::Env, metrics::Metrics, telemetry::with_metrics};
use serde_json::{Value, json};
use sqlx::{PgConnection, query, query_scalar};
use stripe_double::{Options, StripeDouble};
use testkit::{Client, Proxy, client::Sending, postgres::Postgres, proxy::Protocol, tokens};
use transaction_service::{App, MIGRATOR, payments::refunds::compensate, router};
use uuid::Uuid;

use crate::service_double::ServiceDouble;

/// A shop of the test's own: 8 % tax, and shipping for 5.00 USD.
struct Shop {
    app: App,
    client: Client,
    services: ServiceDouble,
    stripe: StripeDouble,
    postgres: Postgres,
    /// Between the service and its database.
    network: Proxy,
    db: PgConnection,
}

/// What one unit at the usual price comes to, shipped, in minor units: 1000 + 80 + 500 + 40.
const TOTAL: i64 = 1620;

impl Shop {
    /// A shop whose limits no test reaches by accident.
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// A shop with the default limits.
    async fn open_with_default_limits() -> Self {
        Self::open_with(&LIMITS.map(|(name, _)| (name, ""))).await
    }

    async fn open_with(more: &[(&str, &str)]) -> Self {
        let postgres = testkit::postgres::fresh(&MIGRATOR).await;
        let network = Proxy::start(&postgres.address(), Protocol::Postgres).await;
        let (services, stripe) = (ServiceDouble::start().await, StripeDouble::start(Options::default()).await);
        let app = app(&postgres.url_through(&network.address), &services.url, &stripe, more);
        let (client, db) = (Client::new(router(app.clone())), postgres.connect().await);
        Self { app, client, services, stripe, postgres, network, db }
    }

    /// A customer with a saved payment method of this kind at Stripe.
    async fn customer(&self, card: &str) -> Shopper {
        let id = Uuid::now_v7();
        let (customer, payment_method) = self.stripe_customer(card).await;
        self.services.set_customer(&id.to_string(), &customer);
        Shopper { id, token: tokens::user(id, "profile cart orders"), payment_method: Some(payment_method) }
    }

    async fn stripe_customer(&self, card: &str) -> (String, String) {
        let customer = self.ask_stripe("customers", &[]).await["id"].as_str().unwrap().to_owned();
        let attach = format!("payment_methods/{card}/attach");
        let attached = self.ask_stripe(&attach, &[("customer", &customer)]).await;
        (customer, attached["id"].as_str().unwrap().to_owned())
    }

    async fn ask_stripe(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = common::outbound::client().post(format!("{}/v1/{path}", self.stripe.base()));
        let body = form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let request = request
            .bearer_auth(self.stripe.secret_key())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Plays what happens outside the shop: the frontend, the cardholder, Stripe's staff.
    async fn play(&self, path: &str, body: Value) -> Value {
        let request = common::outbound::client().post(format!("{}/_double/{path}", self.stripe.base())).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    fn order(&self, shopper: &Shopper, key: &str) -> Sending {
        self.client.post("/orders").token(&shopper.token).header(KEY, key).json(&shopper.request())
    }

    /// Makes an order that is answered 201.
    async fn ordered(&self, shopper: &Shopper, key: &str) -> Value {
        self.order(shopper, key).send().await.expect(201).json()
    }

    async fn read(&self, shopper: &Shopper, order: &Value) -> Value {
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        self.client.get(&path).token(&shopper.token).send().await.expect(200).json()
    }

    async fn cancel(&self, shopper: &Shopper, order: &Value) -> testkit::Answer {
        let path = format!("/orders/{}/cancel", order["id"].as_str().unwrap());
        self.client.post(&path).token(&shopper.token).send().await
    }

    async fn for_staff(&self, order: &Value) -> Value {
        let staff = tokens::user(Uuid::now_v7(), "orders:manage");
        let path = format!("/admin/orders/{}", order["id"].as_str().unwrap());
        self.client.get(&path).token(&staff).send().await.expect(200).json()
    }

    /// Plays the cardholder at 3-D Secure: `approve` or `refuse`.
    async fn authenticate(&self, order: &Value, outcome: &str) {
        let secret = order["payment"]["client_secret"].as_str().unwrap();
        let intent = secret.split("_secret_").next().unwrap();
        self.play(&format!("payment_intents/{intent}/authenticate"), json!({"outcome": outcome})).await;
    }

    /// Plays the frontend, which confirms a payment with a card that the shopper typed in.
    async fn pay_in_the_frontend(&self, order: &Value, card: &str) {
        let secret = order["payment"]["client_secret"].as_str().unwrap();
        let intent = secret.split("_secret_").next().unwrap();
        let path = format!("{}/_double/payment_intents/{intent}/confirm", self.stripe.base());
        common::outbound::client().post(path).json(&json!({"payment_method": card})).send().await.unwrap();
    }

    /// The next `times` calls of Stripe that match fail with `fault`; `null` removes all faults.
    async fn break_stripe(&self, method: &str, path: &str, fault: Value, times: usize) {
        if fault.is_null() {
            let faults = format!("{}/_double/faults", self.stripe.base());
            common::outbound::client().delete(faults).send().await.unwrap();
            return;
        }
        self.play("faults", json!({"method": method, "path": path, "times": times, "fault": fault})).await;
    }

    /// An order under the key `k` whose request died after the first commit.
    async fn leave_half_way(&mut self, shopper: &Shopper) {
        self.break_stripe("POST", "/v1/payment_intents", json!({"kind": "drop"}), 50).await;
        self.order(shopper, "k").send().await.expect(503);
        self.break_stripe("", "", Value::Null, 0).await;
        assert_eq!(self.count("orders WHERE state = 'pending'").await, 1);
    }

    /// Every pending order has a lease again.
    async fn start_leases_again(&mut self) {
        let start = "UPDATE orders SET due_at = now() + interval '1 minute' WHERE state = 'pending'";
        query(start).execute(&mut self.db).await.unwrap();
    }

    /// Delivers what is in the outbox, as happens after the answer and in each sweep.
    async fn relay(&mut self) {
        query("UPDATE outbox SET due_at = now() WHERE failed IS NULL").execute(&mut self.db).await.unwrap();
        self.app.outbox.relay(|undelivered| compensate(&self.app, undelivered)).await.unwrap();
    }

    async fn sweep(&self) -> Value {
        self.app.sweep().await.unwrap()
    }

    /// Lets the leases of pending orders run out.
    async fn let_leases_end(&mut self) {
        let end = "UPDATE orders SET due_at = now() - interval '1 second' WHERE state = 'pending'";
        query(end).execute(&mut self.db).await.unwrap();
    }

    /// Lets the time to pay run out.
    async fn let_orders_expire(&mut self) {
        let end = "UPDATE orders SET due_at = now() - interval '1 second', expires_at = now() - interval '1 second'
                   WHERE due_at IS NOT NULL";
        query(end).execute(&mut self.db).await.unwrap();
    }

    async fn count(&mut self, table: &'static str) -> i64 {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        query_scalar(count).fetch_one(&mut self.db).await.unwrap()
    }

    /// How often money was taken at Stripe, and how much of it in all.
    fn charged(&self) -> (usize, i64) {
        let charges = self.stripe.charges();
        let paid: Vec<&Value> = charges.iter().filter(|charge| charge["status"] == "succeeded").collect();
        let sum = |charges: &[&Value]| charges.iter().map(|charge| charge["amount_captured"].as_i64().unwrap()).sum();
        (paid.len(), sum(&paid))
    }

    /// The order's entries in the ledger: account and amount.
    async fn booked(&self, order: &Value) -> Vec<(String, i64)> {
        let entry = |entry: &Value| (entry["account"].as_str().unwrap().to_owned(), entry["amount"].as_i64().unwrap());
        self.for_staff(order).await["ledger"].as_array().unwrap().iter().map(entry).collect()
    }
}

/// Sends what a busy machine answered 503 again, as a client does: under the same key, and under a new one once the
/// attempt of the last has ended.
async fn insist(send: impl Fn(&str) -> Sending, key: &str) -> testkit::Answer {
    let mut key = key.to_owned();
    for _ in 0..100 {
        let answer = send(&key).send().await;
        match answer.status.as_u16() {
            503 => {}
            409 if answer.problem() == "request_in_progress" => {}
            409 if answer.problem() == "attempt_ended" => key = Uuid::now_v7().to_string(),
            _ => return answer,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("an order that never gets an answer")
}

/// What this test logs from now on.
struct Logs {
    captured: testkit::logs::Captured,
    _logging: tracing::subscriber::DefaultGuard,
    /// While there is just one subscriber, tracing asks the thread that comes first to a line whether it listens, and
    /// believes it for ever: with tests beside this one, no subscriber would get the line.
    _second: tracing::Dispatch,
}

impl Logs {
    fn start() -> Self {
        Self::with(Metrics::Off)
    }

    fn with(metrics: Metrics) -> Self {
        let captured = testkit::logs::Captured::default();
        let subscriber = with_metrics("transaction-service", "info", metrics, captured.writer());
        let logging = tracing::subscriber::set_default(subscriber);
        let second = tracing::Dispatch::new(with_metrics("nobody", "debug", metrics, std::io::sink));
        Self { captured, _logging: logging, _second: second }
    }

    /// The business metrics since the last time, without those of requests.
    fn take_metrics(&self) -> Vec<testkit::emf::Datum> {
        let business = |line: &Value| line.get("Requests").is_none();
        self.captured.take_lines().iter().filter(|line| business(line)).flat_map(testkit::emf::data).collect()
    }

    /// The lines with this message.
    fn lines(&self, message: &str) -> Vec<Value> {
        self.captured.lines().into_iter().filter(|line| line.to_string().contains(&format!("\"{message}\""))).collect()
    }
}

/// The PaymentIntent of an order that waits for its shopper.
fn intent(order: &Value) -> String {
    let secret = order["payment"]["client_secret"].as_str().unwrap();
    secret.split("_secret_").next().unwrap().to_owned()
}

const KEY: http::HeaderName = common::idempotency::IDEMPOTENCY_KEY;

/// A shopper with a token.
struct Shopper {
    id: Uuid,
    token: String,
    payment_method: Option<String>,
}

impl Shopper {
    /// A guest, who pays in the frontend.
    fn guest() -> Self {
        let id = Uuid::now_v7();
        Self { id, token: tokens::guest(id, "cart orders"), payment_method: None }
    }

    /// A customer who pays in the frontend.
    fn customer_at_the_frontend() -> Self {
        let id = Uuid::now_v7();
        Self { id, token: tokens::user(id, "profile cart orders"), payment_method: None }
    }

    /// One unit of TEE-1, shipped.
    fn request(&self) -> Value {
        let payment = match &self.payment_method {
            Some(id) => json!({"method": "saved", "payment_method_id": id}),
            None => json!({"method": "client"}),
        };
        json!({
            "lines": [{"sku": "TEE-1", "quantity": 1}], "shipping_address": address(), "shipping_method": "standard",
            "payment": payment, "expected_total": usd(TOTAL), "email": "ada@example.com", "locale": "en-GB"
        })
    }
}

fn address() -> Value {
    json!({"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH",
        "country": "GB"})
}

fn usd(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

/// Limits far above what a test does.
const LIMITS: [(&str, &str); 7] = [
    ("OPEN_ORDERS_PER_OWNER", "100000"),
    ("HELD_UNITS_PER_OWNER", "1000000"),
    ("DECLINES_PER_OWNER", "100000"),
    ("OPEN_ORDERS_PER_SOURCE", "100000"),
    ("HELD_UNITS_PER_SOURCE", "1000000"),
    ("DECLINES_PER_SOURCE", "100000"),
    ("DECLINES_PER_ORDER", "1000"),
];

/// The service as it is configured, on these services.
fn app(database: &str, services: &str, stripe: &StripeDouble, more: &[(&str, &str)]) -> App {
    let base = stripe.base();
    let settings = [
        ("ISSUER", tokens::ISSUER),
        ("JWKS_URL", "http://127.0.0.1:1/jwks"),
        ("API_BASE_URL", services),
        ("TRANSACTION_DATABASE_URL", database),
        ("TRANSACTION_SERVICE_CLIENT_SECRET", "secret"),
        ("STRIPE_API_BASE", &base),
        ("STRIPE_SECRET_KEY", stripe.secret_key()),
        ("STRIPE_WEBHOOK_SECRET", stripe.webhook_secret()),
        ("SHIPPING_RATES", "USD:500,EUR:500,JPY:800,KWD:1500"),
        ("TAX_RATE", "8"),
        ("FINGERPRINT_KEY", "a key for tests, of 32 characters and more"),
    ];
    let mut env = Env::from_pairs(settings.iter().chain(&LIMITS).chain(more).copied());
    let app = App::configure(&mut env).unwrap_or_else(|| panic!("{}", env.report()));
    let app = App { verifier: tokens::verifier(), ..app };
    App { stripe: app.stripe.clone().within(Duration::from_secs(2)), ..app }
}
