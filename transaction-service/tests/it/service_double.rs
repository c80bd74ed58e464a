//! The other services as one HTTP server: it answers from their committed OpenAPI documents, with the lines, prices and
//! carts that a test sets, and refuses or hangs where a test says so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use testkit::contract;
use tokio::net::TcpListener;

/// Unit price of every SKU.
pub(crate) const UNIT_PRICE: i64 = 1000;

/// Answer in place of the usual one.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    /// A problem with this status and type, and with these fields.
    Problem(u16, &'static str, Value),
    /// Nothing, until the caller gives up.
    Hang,
    /// The usual effect, and no answer.
    HangAfter,
    /// The usual effect after this time, whether the caller still waits or not, and no answer.
    EffectAfter(Duration),
    /// The usual effect, and a connection that breaks within the answer.
    ResetAfter,
    /// The usual effect, and an answer that means nothing.
    NonsenseAfter,
}

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `PUT /inventory/reservations/...`
    pub(crate) line: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    instead: Vec<(String, usize, Instead)>,
    reservations: HashMap<String, &'static str>,
    carts: BTreeMap<String, Value>,
    customers: BTreeMap<String, String>,
    phones: BTreeMap<String, String>,
    disabled: bool,
    unit_prices: BTreeMap<String, i64>,
    tax_classes: BTreeMap<String, &'static str>,
}

#[derive(Clone)]
pub(crate) struct ServiceDouble {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl ServiceDouble {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let services = Self { url, state: Arc::default() };
        let answering = services.clone();
        let router = Router::new().fallback(async move |request: Request| answering.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        services
    }

    /// The next `times` calls whose line starts with `line` are answered `instead`.
    pub(crate) fn instead(&self, line: &str, times: usize, instead: Instead) {
        self.state.lock().unwrap().instead.push((line.to_owned(), times, instead));
    }

    /// Removes all faults.
    pub(crate) fn heal(&self) {
        self.state.lock().unwrap().instead.clear();
    }

    pub(crate) fn seen(&self, line: &str) -> Vec<Seen> {
        self.state.lock().unwrap().seen.iter().filter(|seen| seen.line.starts_with(line)).cloned().collect()
    }

    /// `held`, `committed`, `released`, or nothing.
    pub(crate) fn reservation(&self, order: &str) -> Option<&'static str> {
        self.state.lock().unwrap().reservations.get(order).copied()
    }

    pub(crate) fn set_reservation(&self, order: &str, state: &'static str) {
        self.state.lock().unwrap().reservations.insert(order.to_owned(), state);
    }

    pub(crate) fn set_cart(&self, owner: &str, version: i64, items: &Value) {
        let cart =
            json!({"owner_id": owner, "version": version, "items": items, "updated_at": "2026-11-22T09:30:00.125Z"});
        self.state.lock().unwrap().carts.insert(owner.to_owned(), cart);
    }

    pub(crate) fn set_customer(&self, user: &str, customer: &str) {
        self.state.lock().unwrap().customers.insert(user.to_owned(), customer.to_owned());
    }

    pub(crate) fn disable_accounts(&self) {
        self.state.lock().unwrap().disabled = true;
    }

    pub(crate) fn set_price(&self, sku: &str, amount: i64) {
        self.state.lock().unwrap().unit_prices.insert(sku.to_owned(), amount);
    }

    pub(crate) fn set_tax_class(&self, sku: &str, class: &'static str) {
        self.state.lock().unwrap().tax_classes.insert(sku.to_owned(), class);
    }

    /// A customer who agreed to text messages.
    pub(crate) fn set_phone(&self, user: &str, phone: &str) {
        self.state.lock().unwrap().phones.insert(user.to_owned(), phone.to_owned());
    }

    /// The templates of the notifications that were taken, without repetitions. Each is as notification-service describes.
    pub(crate) fn mails(&self) -> Vec<(String, Value)> {
        let mut ids = Vec::new();
        let mut mails = Vec::new();
        for seen in self.seen("POST /notifications") {
            if !ids.contains(&seen.key) {
                let breaches = contract::request_breaches(&NOTIFICATIONS, "/notifications", "post", &seen.body);
                assert_eq!(breaches, Vec::<String>::new(), "{}", seen.body);
                assert_eq!(seen.body["event_id"], seen.key.as_str());
                ids.push(seen.key.clone());
                mails.push((seen.body["template"].as_str().unwrap().to_owned(), seen.body));
            }
        }
        mails
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        let line = format!("{} {}", parts.method, parts.uri.path());
        if line == "POST /oauth/token" {
            return json_answer(200, &json!({"access_token": "t", "token_type": "Bearer", "expires_in": 900}));
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let key = parts.headers.get("idempotency-key").map_or("", |key| key.to_str().unwrap()).to_owned();
        let instead = self.note(Seen { line: line.clone(), key, body: body.clone() });
        match instead {
            Some(Instead::Problem(status, kind, errors)) => {
                let problem = json!({"type": kind, "title": "T", "status": status, "detail": "D", "request_id": "r",
                    "errors": errors});
                return json_answer(status, &problem);
            }
            Some(Instead::Hang) => return hang().await,
            Some(Instead::HangAfter) => {
                self.usual(&line, &body);
                return hang().await;
            }
            Some(Instead::EffectAfter(time)) => {
                let late = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    late.usual(&line, &body);
                });
                return hang().await;
            }
            Some(Instead::ResetAfter) => {
                self.usual(&line, &body);
                let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("reset")) });
                return axum::body::Body::from_stream(broken).into_response();
            }
            Some(Instead::NonsenseAfter) => {
                self.usual(&line, &body);
                return json_answer(200, &json!({"lines": "none", "email": 7}));
            }
            None => {}
        }
        let (status, answer) = self.usual(&line, &body);
        json_answer(status, &answer)
    }

    fn note(&self, seen: Seen) -> Option<Instead> {
        let mut state = self.state.lock().unwrap();
        let found =
            state.instead.iter_mut().find(|(line, times, _)| seen.line.starts_with(line.as_str()) && *times > 0);
        let instead = found.map(|(_, times, instead)| {
            *times -= 1;
            instead.clone()
        });
        state.seen.push(seen);
        instead
    }

    fn usual(&self, line: &str, body: &Value) -> (u16, Value) {
        let mut state = self.state.lock().unwrap();
        let parts: Vec<&str> = line.split(['/', ' ']).filter(|part| !part.is_empty()).collect();
        match parts[..] {
            ["PUT", "inventory", "reservations", order] => {
                if state.reservations.get(order) == Some(&"released") {
                    return (409, json!({"type": "reservation_released"}));
                }
                state.reservations.entry(order.to_owned()).or_insert("held");
                let mut answer = example("product-service", "/inventory/reservations/{order_id}", "put");
                answer["lines"] = lines(&state, body, &answer["lines"][0]);
                (200, answer)
            }
            ["POST", "inventory", "reservations", order, to @ ("commit" | "release")] => {
                let (to, other, refusal) = match to {
                    "commit" => ("committed", "released", "reservation_released"),
                    _ => ("released", "committed", "reservation_committed"),
                };
                if state.reservations.get(order) == Some(&other) {
                    return (409, json!({"type": refusal}));
                }
                state.reservations.insert(order.to_owned(), to);
                (200, example("product-service", "/inventory/reservations/{order_id}", "get"))
            }
            ["POST", "inventory", "quotes"] => {
                let mut answer = example("product-service", "/inventory/quotes", "post");
                answer["lines"] = lines(&state, body, &answer["lines"][0]);
                (200, answer)
            }
            ["GET", "users", user, "checkout-context"] => {
                let mut answer = example("user-service", "/users/{user_id}/checkout-context", "get");
                answer["user_id"] = json!(user);
                answer["disabled"] = json!(state.disabled);
                answer["stripe_customer_id"] = json!(state.customers.get(user));
                let phone = state.phones.get(user);
                answer["notify_by"] = if phone.is_some() { json!(["email", "sms"]) } else { json!(["email"]) };
                answer["phone"] = json!(phone);
                answer["cart"] = cart(&state, user);
                (200, answer)
            }
            ["GET", "carts", owner] => (200, cart(&state, owner)),
            ["POST", "carts", owner, "clear"] => {
                state.carts.remove(owner);
                (200, cart(&state, owner))
            }
            ["POST", "notifications"] => {
                let mut answer = example("notification-service", "/notifications", "post");
                answer["event_id"] = body["event_id"].clone();
                (200, answer)
            }
            _ => (404, json!({"type": "unknown_route"})),
        }
    }
}

fn cart(state: &State, owner: &str) -> Value {
    let nothing = json!({"owner_id": owner, "version": 0, "items": [], "updated_at": null});
    state.carts.get(owner).cloned().unwrap_or(nothing)
}

fn lines(state: &State, body: &Value, example: &Value) -> Value {
    let mut sums = BTreeMap::<String, i64>::new();
    for line in body["lines"].as_array().unwrap() {
        *sums.entry(line["sku"].as_str().unwrap().to_owned()).or_default() += line["quantity"].as_i64().unwrap();
    }
    let priced = sums.into_iter().map(|(sku, quantity)| {
        let mut line = example.clone();
        let amount = state.unit_prices.get(&sku).copied().unwrap_or(UNIT_PRICE);
        line["unit_price"] = json!({"amount": amount, "currency": body["currency"]});
        line["sku"] = json!(&sku);
        line["quantity"] = json!(quantity);
        if let Some(class) = state.tax_classes.get(&sku) {
            line["tax_class"] = json!(class);
        }
        line
    });
    priced.collect()
}

static NOTIFICATIONS: LazyLock<Value> = LazyLock::new(|| contract::committed("notification-service"));

/// The example of a service's answer, as it is documented.
fn example(service: &str, path: &str, method: &str) -> Value {
    static PRODUCTS: LazyLock<Value> = LazyLock::new(|| contract::committed("product-service"));
    static USERS: LazyLock<Value> = LazyLock::new(|| contract::committed("user-service"));
    let document: &Value = match service {
        "product-service" => &PRODUCTS,
        "user-service" => &USERS,
        _ => &NOTIFICATIONS,
    };
    let answers = &document["paths"][path][method]["responses"];
    let media = &answers["200"]["content"]["application/json"];
    let example = contract::example(document, media);
    assert!(!example.is_null(), "{service} documents no answer of {method} {path}");
    example
}

fn json_answer(status: u16, body: &Value) -> Response {
    let status = http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

async fn hang() -> Response {
    tokio::time::sleep(Duration::from_mins(1)).await;
    http::StatusCode::GATEWAY_TIMEOUT.into_response()
}
