//! One shop in which scenarios run and are interrupted.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::response::IntoResponse;
use e2e::{Card, Owner, Settings, Shop, Shopper, Tap, UNLIMITED, total};
use http::StatusCode;
use lambda_double::HttpAnswer;
use platform::Service;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{PgConnection, query_scalar};
use testkit::{
    Proxy,
    proxy::{Protocol, Side},
};
use tokio::{sync::watch, time::sleep};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{instance::Instance, points::Point};

/// The only product of the shop.
pub(crate) const SKU: &str = "SURVIVOR";
/// Its stock at the beginning.
pub(crate) const ON_HAND: i64 = 1_000_000;
/// Within this time every lease has run out, and the sweep has done its work.
const PATIENCE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(200);
/// A key is answered 409 until the lease of its killed maker is over, so the lease is short here.
const DEADLINE: &str = "2";
/// Type of the problem for the key of an attempt that gave its stock back.
const ENDED: &str = "attempt_ended";

/// The request that is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A customer orders the cart and pays with a saved card.
    Saved,
    /// The same, and the card is declined.
    Declined,
    /// A guest orders, to pay in the frontend.
    Frontend,
    /// A guest cancels such an order.
    Cancel,
}

impl Scenario {
    pub(crate) const ALL: [Self; 4] = [Self::Saved, Self::Declined, Self::Frontend, Self::Cancel];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Saved => "the cart, a saved card",
            Self::Declined => "the cart, a card that is declined",
            Self::Frontend => "a guest, paying in the frontend",
            Self::Cancel => "cancel",
        })
    }
}

/// Whether the client repeats the request that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Returns,
    Leaves,
}

/// When Stripe's events about the interrupted order arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhooks {
    /// At another process, once the first one is dead.
    Late,
    /// Never.
    Lost,
}

/// An interrupted scenario that has ended, by which its order is found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) client: Client,
    pub(crate) shopper: Shopper,
}

/// A shop, and a process of transaction-service outside of it whose connections are watched, so that it can be killed at each call.
#[derive(Debug)]
pub(crate) struct CrashHarness {
    pub(crate) shop: Shop,
    pub(crate) staff: String,
    pub(crate) sweeper: Instance,
    pub(crate) db: PgConnection,
    settings: Settings,
    postgres: Proxy,
    siblings: Tap,
    stripe: Tap,
    events: Events,
}

/// Holds back or drops Stripe's webhooks in front of the shop.
#[derive(Debug, Clone)]
struct Events {
    are_lost: Arc<AtomicBool>,
    pass: Arc<watch::Sender<bool>>,
}

impl CrashHarness {
    pub(crate) async fn open() -> Self {
        let mut chosen = vec![("MAIL_PROVIDERS", "ses"), ("CHECKOUT_DEADLINE_SECONDS", DEADLINE)];
        chosen.extend(UNLIMITED);
        let shop = Shop::open_with(&chosen).await;
        let _ = shop
            .notifications
            .db
            .aws()
            .ses()
            .await
            .create_email_identity()
            .email_identity("bodega.example")
            .send()
            .await;
        let staff = shop.admin().await;
        shop.sell(&staff, SKU, ON_HAND).await;
        let postgres = Proxy::start(&shop.orders.address(), Protocol::Postgres).await;
        let (siblings, stripe) = (Tap::start(&shop.address).await, Tap::start(&shop.stripe.base()).await);
        let through = [
            ("TRANSACTION_DATABASE_URL", shop.orders.url_through(&postgres.address)),
            ("API_BASE_URL", siblings.address.clone()),
            ("JWKS_URL", format!("{}/.well-known/jwks.json", siblings.address)),
            ("STRIPE_API_BASE", stripe.address.clone()),
        ];
        let mut settings = shop.settings.clone();
        for (name, value) in through {
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
        let sweeper = Instance::start(&shop.settings, Some("sweep")).await;
        let db = shop.orders.connect().await;
        let events = Events::into(&shop);
        Self { shop, staff, sweeper, db, settings, postgres, siblings, stripe, events }
    }

    /// Every command and call of a scenario that is not interrupted.
    pub(crate) async fn points(&mut self, scenario: Scenario) -> Vec<Point> {
        let mut attempt = Attempt::new(self, scenario).await;
        self.events.hold(Webhooks::Lost);
        let instance = self.ready(&mut attempt).await;
        attempt.until_answered(&instance).await;
        assert!(instance.is_idle().await);
        let postgres = Point::postgres(self.postgres.take_commands());
        let siblings = Point::siblings(self.siblings.take_calls());
        postgres.chain(siblings).chain(Point::stripe(self.stripe.take_calls())).collect()
    }

    /// Runs a scenario, kills the process at `point`, and does what the client does then.
    pub(crate) async fn play(
        &mut self,
        scenario: Scenario,
        point: &Point,
        side: Side,
        client: Client,
        webhooks: Webhooks,
    ) -> Outcome {
        self.events.flow();
        let mut attempt = Attempt::new(self, scenario).await;
        self.events.hold(webhooks);
        let instance = self.ready(&mut attempt).await;
        self.kill_at(&instance, point, side, &attempt).await;
        self.events.let_pass();
        if client == Client::Returns {
            let instance = Instance::start(&self.settings, None).await;
            let answer = attempt.until_answered(&instance).await;
            assert!(instance.is_idle().await);
            if scenario == Scenario::Frontend {
                self.pay(&answer).await;
            }
        }
        self.settle().await;
        Outcome { scenario, client, shopper: attempt.shopper }
    }

    /// A new process, without connections and keys, that gets the request which is interrupted.
    async fn ready(&mut self, attempt: &mut Attempt) -> Instance {
        let mut instance = Instance::start(&self.settings, None).await;
        if attempt.scenario == Scenario::Cancel {
            let order = attempt.until_answered(&instance).await;
            attempt.to_cancel = Some(order["id"].as_str().unwrap().to_owned());
            assert!(instance.is_idle().await);
            instance = Instance::start(&self.settings, None).await;
        }
        self.postgres.take_commands();
        self.siblings.take_calls();
        self.stripe.take_calls();
        instance
    }

    async fn kill_at(&mut self, instance: &Instance, point: &Point, side: Side, attempt: &Attempt) {
        let stepped = Arc::new(AtomicBool::new(false));
        let act = {
            let (stepped, kill) = (Arc::clone(&stepped), instance.killer());
            move || {
                kill();
                stepped.store(true, Ordering::Release);
            }
        };
        match point {
            Point::Postgres { passing, .. } => self.postgres.trap(*passing, side, act),
            Point::Sibling { passing, call } => self.siblings.trap(call, *passing, side, act),
            Point::Stripe { passing, call } => self.stripe.trap(call, *passing, side, act),
        }
        let started = Instant::now();
        while !stepped.load(Ordering::Acquire) {
            // A machine that is too slow for the deadline makes the service give up before it comes to the point: so the
            // client asks once more, as it would.
            attempt.send(instance).await;
            instance.is_idle().await;
            assert!(started.elapsed() < PATIENCE, "{}: never came to {point}", attempt.scenario);
            sleep(MOMENT / 10).await;
        }
        self.postgres.untrap();
        self.siblings.untrap();
        self.stripe.untrap();
    }

    /// The shopper pays in the frontend.
    async fn pay(&self, answer: &Value) {
        let secret = answer["payment"]["client_secret"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let intent = secret.split("_secret_").next().unwrap();
        let pay = format!("{}/_double/payment_intents/{intent}/confirm", self.shop.stripe.base());
        let card = json!({"payment_method": "pm_card_visa"});
        let paid = reqwest::Client::new().post(pay).json(&card).send().await.unwrap();
        assert_eq!(paid.status(), 200);
    }

    /// Sweeps until no order is pending.
    async fn settle(&mut self) {
        let started = Instant::now();
        let pending = "SELECT count(*) FROM orders WHERE state = 'pending'";
        loop {
            self.sweeper.sweep().await;
            let left: i64 = query_scalar(pending).fetch_one(&mut self.db).await.unwrap();
            if left == 0 {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{left} orders are pending and stay so");
            sleep(MOMENT).await;
        }
    }
}

impl Events {
    /// Intercepts what Stripe posts to the shop; every other request is answered as before.
    fn into(shop: &Shop) -> Self {
        let events = Self { are_lost: Arc::default(), pass: Arc::new(watch::Sender::new(true)) };
        let (way, router) = (events.clone(), shop.transactions.clone().router());
        shop.gateway.answer(Owner::Transactions, move |request| {
            let (way, router) = (way.clone(), router.clone());
            async move {
                if request.uri().path() == "/webhooks/stripe" {
                    if way.are_lost.load(Ordering::Acquire) {
                        return StatusCode::OK.into_response();
                    }
                    let mut passing = way.pass.subscribe();
                    let _ = passing.wait_for(|pass| *pass).await;
                }
                router.oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        });
        events
    }

    fn hold(&self, webhooks: Webhooks) {
        self.are_lost.store(webhooks == Webhooks::Lost, Ordering::Release);
        self.pass.send_replace(false);
    }

    fn let_pass(&self) {
        self.pass.send_replace(true);
    }

    fn flow(&self) {
        self.are_lost.store(false, Ordering::Release);
        self.let_pass();
    }
}

/// A shopper with the request that is interrupted.
struct Attempt {
    scenario: Scenario,
    shopper: Shopper,
    request: Value,
    /// Replaced where the attempt under the last key has ended.
    key: Mutex<String>,
    /// The order's id, once there is one: sending then cancels it.
    to_cancel: Option<String>,
}

impl Attempt {
    async fn new(harness: &CrashHarness, scenario: Scenario) -> Self {
        let name = format!("shopper-{}", Uuid::new_v4().simple());
        let shop = &harness.shop;
        let shopper = match scenario {
            Scenario::Saved => shop.customer(&name, Card::Saved).await,
            Scenario::Declined => shop.customer(&name, Card::SavedAndDeclined).await,
            Scenario::Frontend | Scenario::Cancel => shop.anonymous(),
        };
        let mut request = shopper.request(&[SKU]);
        if matches!(scenario, Scenario::Saved | Scenario::Declined) {
            let path = format!("/carts/mine/items/{SKU}");
            let cart = shop.ask(Method::PUT, &path, &shopper.token, Some(json!({"quantity": 1}))).await;
            request.as_object_mut().unwrap().remove("lines");
            request["cart_version"] = cart["version"].clone();
            request["expected_total"]["amount"] = json!(total(1));
            // An order of a customer uses the account's address.
            request.as_object_mut().unwrap().remove("email");
        }
        Self { scenario, shopper, request, key: Mutex::new(Uuid::new_v4().to_string()), to_cancel: None }
    }

    /// Sends the request; none where the process died before it answered.
    async fn send(&self, instance: &Instance) -> Option<HttpAnswer> {
        let authorization = format!("Bearer {}", self.shopper.token);
        let mut headers = vec![("host", "127.0.0.1"), ("authorization", &*authorization)];
        if let Some(order) = &self.to_cancel {
            return instance.request("POST", &format!("/orders/{order}/cancel"), &headers, &Value::Null).await.ok();
        }
        let key = self.key.lock().unwrap().clone();
        headers.extend([("content-type", "application/json"), ("idempotency-key", &*key)]);
        let answer = instance.request("POST", "/orders", &headers, &self.request).await.ok()?;
        if answer.json()["type"] == ENDED {
            // A machine that is too slow for the deadline has the stock given back: there is no order of this key, and
            // never will be.
            *self.key.lock().unwrap() = Uuid::new_v4().to_string();
        }
        Some(answer)
    }

    /// Asks again, under the same key, until there is an answer to it.
    async fn until_answered(&self, instance: &Instance) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.send(instance).await.expect("an instance that is not killed");
            let body = answer.json();
            let is_over = !matches!(body["type"].as_str(), Some("request_in_progress" | "unavailable" | ENDED));
            if is_over {
                assert!([200, 201].contains(&answer.status), "{}: {} {body}", self.scenario, answer.status);
                return body;
            }
            assert!(started.elapsed() < PATIENCE, "{}: never answered, last {body}", self.scenario);
            sleep(MOMENT).await;
        }
    }
}
