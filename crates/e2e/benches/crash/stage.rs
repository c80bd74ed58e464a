//! One shop in which stories are played and interrupted.

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

/// What is sold here.
pub(crate) const SKU: &str = "SURVIVOR";
/// How much of it there is.
pub(crate) const ON_HAND: i64 = 1_000_000;
/// Within this time every lease is over, and whatever can be done was done.
const PATIENCE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(200);
/// A key is answered 409 until the lease of its killed maker is over, so the lease is short here.
const DEADLINE: &str = "2";
/// What is answered to the key of an attempt that gave its stock back.
const ENDED: &str = "attempt_ended";

/// What is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// A customer orders the cart and pays with a saved card.
    Saved,
    /// The same, and the card is declined.
    Declined,
    /// A guest orders, to pay in the frontend.
    Frontend,
    /// A guest calls such an order off.
    Cancel,
}

impl Story {
    pub(crate) const ALL: [Self; 4] = [Self::Saved, Self::Declined, Self::Frontend, Self::Cancel];
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Saved => "the cart, a saved card",
            Self::Declined => "the cart, a card that is declined",
            Self::Frontend => "a guest, paying in the frontend",
            Self::Cancel => "cancel",
        })
    }
}

/// Whether whoever was cut off asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Returns,
    Leaves,
}

/// What becomes of the events of the order that is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhooks {
    /// They reach another process once the first one is dead.
    Late,
    /// They reach nobody.
    Lost,
}

/// Whose order it was, and what they know of it.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) story: Story,
    pub(crate) client: Client,
    pub(crate) shopper: Shopper,
}

/// A shop, and transaction-service outside of it, wired so that it can be killed anywhere.
#[derive(Debug)]
pub(crate) struct Stage {
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

/// The way of Stripe's webhooks into the shop.
#[derive(Debug, Clone)]
struct Events {
    are_lost: Arc<AtomicBool>,
    pass: Arc<watch::Sender<bool>>,
}

impl Stage {
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

    /// Every command and call of a story that is not interrupted.
    pub(crate) async fn points(&mut self, story: Story) -> Vec<Point> {
        let mut attempt = Attempt::new(self, story).await;
        self.events.hold(Webhooks::Lost);
        let instance = self.ready(&mut attempt).await;
        attempt.until_answered(&instance).await;
        assert!(instance.is_idle().await);
        let postgres = Point::postgres(self.postgres.take_commands());
        let siblings = Point::siblings(self.siblings.take_calls());
        postgres.chain(siblings).chain(Point::stripe(self.stripe.take_calls())).collect()
    }

    /// Plays a story, kills it there, and does what the client does then.
    pub(crate) async fn play(
        &mut self,
        story: Story,
        point: &Point,
        side: Side,
        client: Client,
        webhooks: Webhooks,
    ) -> Fate {
        self.events.flow();
        let mut attempt = Attempt::new(self, story).await;
        self.events.hold(webhooks);
        let instance = self.ready(&mut attempt).await;
        self.kill_at(&instance, point, side, &attempt).await;
        self.events.let_pass();
        if client == Client::Returns {
            let instance = Instance::start(&self.settings, None).await;
            let answer = attempt.until_answered(&instance).await;
            assert!(instance.is_idle().await);
            if story == Story::Frontend {
                self.pay(&answer).await;
            }
        }
        self.settle().await;
        Fate { story, client, shopper: attempt.shopper }
    }

    /// A process that is about to get the request that is interrupted, and knows nothing yet.
    async fn ready(&mut self, attempt: &mut Attempt) -> Instance {
        let mut instance = Instance::start(&self.settings, None).await;
        if attempt.story == Story::Cancel {
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
            assert!(started.elapsed() < PATIENCE, "{}: never came to {point}", attempt.story);
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

    /// Sweeps until no order is half way.
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
    /// Puts itself in the way of what Stripe posts to the shop; all else is answered as before.
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

/// Somebody with a request that is going to be interrupted.
struct Attempt {
    story: Story,
    shopper: Shopper,
    request: Value,
    /// A new one where the attempt of the last has ended.
    key: Mutex<String>,
    /// Once there is one, sending means to cancel it.
    to_cancel: Option<String>,
}

impl Attempt {
    async fn new(stage: &Stage, story: Story) -> Self {
        let name = format!("shopper-{}", Uuid::new_v4().simple());
        let shop = &stage.shop;
        let shopper = match story {
            Story::Saved => shop.customer(&name, Card::Saved).await,
            Story::Declined => shop.customer(&name, Card::SavedAndDeclined).await,
            Story::Frontend | Story::Cancel => shop.anonymous(),
        };
        let mut request = shopper.request(&[SKU]);
        if matches!(story, Story::Saved | Story::Declined) {
            let path = format!("/carts/mine/items/{SKU}");
            let cart = shop.ask(Method::PUT, &path, &shopper.token, Some(json!({"quantity": 1}))).await;
            request.as_object_mut().unwrap().remove("lines");
            request["cart_version"] = cart["version"].clone();
            request["expected_total"]["amount"] = json!(total(1));
            // That of the account is taken.
            request.as_object_mut().unwrap().remove("email");
        }
        Self { story, shopper, request, key: Mutex::new(Uuid::new_v4().to_string()), to_cancel: None }
    }

    /// The request that is interrupted; none where its process died of it.
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
            let answer = self.send(instance).await.expect("an instance that nobody kills");
            let body = answer.json();
            let is_over = !matches!(body["type"].as_str(), Some("request_in_progress" | "unavailable" | ENDED));
            if is_over {
                assert!([200, 201].contains(&answer.status), "{}: {} {body}", self.story, answer.status);
                return body;
            }
            assert!(started.elapsed() < PATIENCE, "{}: never answered, last {body}", self.story);
            sleep(MOMENT).await;
        }
    }
}
