//! A caller of Stripe, and a shop that listens to its events.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, routing::post};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use stripe_double::{Options, StripeDouble};
use tokio::net::TcpListener;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// One for all tests, as each costs some time. It keeps no connections, since each test has a runtime of its own.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE).build().unwrap()
});

/// A double, with a client that has its key.
pub(crate) struct Fixture {
    pub(crate) double: StripeDouble,
    pub(crate) http: reqwest::Client,
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// A call to be sent.
pub(crate) struct Sending {
    request: reqwest::RequestBuilder,
}

impl Fixture {
    pub(crate) async fn open() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self { double: StripeDouble::start(options).await, http: HTTP.clone() }
    }

    /// A double whose events are posted to an inbox.
    pub(crate) async fn with_inbox(inbox: &Inbox) -> Self {
        Self::with(Options { webhook_url: Some(inbox.url.clone()), ..Options::default() }).await
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.double.base())).bearer_auth(self.double.secret_key())
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Sending {
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace('%', "%25").replace('&', "%26")))
            .collect::<Vec<_>>()
            .join("&");
        let request = self.call(Method::POST, &format!("/v1/{path}"));
        Sending { request: request.header("content-type", "application/x-www-form-urlencoded").body(body) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Sending { request: self.call(Method::GET, &format!("/v1/{path}")) }.send().await
    }

    /// Reads what must be there.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.get(path).await.expect(200)
    }

    /// Posts what must be done.
    pub(crate) async fn done(&self, path: &str, form: &[(&str, &str)]) -> Value {
        self.post(path, form).send().await.expect(200)
    }

    /// A control call.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Answer {
        Sending { request: self.call(method, &format!("/_double/{path}")).json(&body) }.send().await
    }

    pub(crate) async fn fault(&self, body: Value) {
        self.control(Method::POST, "faults", body).await.expect(200);
    }

    pub(crate) async fn customer(&self) -> String {
        id(&self.done("customers", &[]).await)
    }

    /// A card of the test set, saved with a customer.
    pub(crate) async fn saved(&self, customer: &str, card: &str) -> String {
        id(&self.done(&format!("payment_methods/{card}/attach"), &[("customer", customer)]).await)
    }

    /// A PaymentIntent of 20.00 USD with more parameters. Redirects are off, as for a server that confirms by itself.
    pub(crate) fn intent(&self, more: &[(&str, &str)]) -> Sending {
        let mut form = vec![
            ("amount", "2000"),
            ("currency", "usd"),
            ("automatic_payment_methods[enabled]", "true"),
            ("automatic_payment_methods[allow_redirects]", "never"),
        ];
        form.extend_from_slice(more);
        self.post("payment_intents", &form)
    }

    /// One that was paid at once with this card.
    pub(crate) async fn paid(&self, card: &str) -> Value {
        self.intent(&[("payment_method", card), ("confirm", "true")]).send().await.expect(200)
    }

    /// The types of all events, oldest first.
    pub(crate) async fn event_types(&self) -> Vec<String> {
        let events = self.read("events?limit=100").await;
        let types = events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
        types.rev().collect()
    }
}

impl Sending {
    pub(crate) fn of(request: reqwest::RequestBuilder) -> Self {
        Self { request }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        Self { request: self.request.header("idempotency-key", key) }
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { request: self.request.timeout(patience) }
    }

    pub(crate) async fn send(self) -> Answer {
        self.attempt().await.unwrap()
    }

    /// The error where no answer came.
    pub(crate) async fn attempt(self) -> Result<Answer, reqwest::Error> {
        let response = self.request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, headers, text, body })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of an answer that must have this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The error of an answer that must have this status.
    pub(crate) fn error(self, status: u16) -> Value {
        self.expect(status)["error"].clone()
    }

    /// `(code, param)` of a 400.
    pub(crate) fn refusal(self) -> (Value, Value) {
        let error = self.error(400);
        assert_eq!(error["type"], "invalid_request_error");
        (error["code"].clone(), error["param"].clone())
    }
}

pub(crate) fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id: {object}")).to_owned()
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// An event as it was posted.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) raw: Vec<u8>,
    pub(crate) signature: String,
    pub(crate) event: Value,
}

/// A shop's endpoint for events.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    pub(crate) url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
    refusals: Arc<Mutex<VecDeque<u16>>>,
}

impl Inbox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let inbox = Self { url, posted: Arc::default(), refusals: Arc::default() };
        let taker = inbox.clone();
        let router = Router::new().route("/hooks", post(async move |headers, body| taker.take(&headers, &body)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        inbox
    }

    fn take(&self, headers: &HeaderMap, body: &Bytes) -> StatusCode {
        let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
        let posted = Posted { raw: body.to_vec(), signature, event: serde_json::from_slice(body).unwrap() };
        self.posted.lock().unwrap().push(posted);
        let refusal = self.refusals.lock().unwrap().pop_front();
        refusal.map_or(StatusCode::OK, |status| StatusCode::from_u16(status).unwrap())
    }

    /// The next events are answered with these statuses.
    pub(crate) fn refuse(&self, statuses: &[u16]) {
        self.refusals.lock().unwrap().extend(statuses);
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.posted().iter().map(|posted| posted.event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// The types once so many have arrived.
    pub(crate) async fn after(&self, count: usize) -> Vec<String> {
        until(&format!("{count} events"), async || self.posted().len() >= count).await;
        self.types()
    }
}

/// The body of a fault for the next call of this kind.
pub(crate) fn next(method: &str, path: &str, fault: &Value) -> Value {
    json!({ "method": method, "path": path, "fault": fault })
}
