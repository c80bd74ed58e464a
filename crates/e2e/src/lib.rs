//! The four services together behind one address, as behind the gateway, with real stores and a Stripe of our own. Tests
//! are in `tests/it`; `benches` has the proofs (`cargo xtask prove races`, `prove crash`) and `bench checkout`.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a shop that does not open has failed its test")]

mod functions;
mod gateway;
mod shopper;
mod tap;
pub mod usage;

use std::{net::SocketAddr, ops::Deref};

use platform::{Service, config::Env, trigger::Direction};
use reqwest::Method;
use serde_json::{Value, json};
use stripe_double::{Options, StripeDouble};
use testkit::{mongo::Mongo, postgres::Postgres, tokens};
use tokio::net::TcpListener;

pub use self::{
    functions::{Functions, ask, launch, run_once},
    gateway::{Gateway, Owner},
    shopper::{Card, Shopper, total},
    tap::Tap,
};

/// The password of everybody who is made here.
pub const PASSWORD: &str = "seven green umbrellas sing";

/// Limits that no crowd of a proof or benchmark meets. What it costs to count is paid all the same.
pub const UNLIMITED: [(&str, &str); 16] = [
    ("LOGIN_LIMIT", "1000000"),
    ("LOGIN_LIMIT_PER_SOURCE", "1000000"),
    ("REGISTRATION_LIMIT", "1000000"),
    ("REGISTRATION_LIMIT_PER_SOURCE", "1000000"),
    ("GUEST_LIMIT_PER_SOURCE", "1000000"),
    ("SETUP_LIMIT", "1000000"),
    ("SETUP_LIMIT_PER_SOURCE", "1000000"),
    ("OPEN_ORDERS_PER_OWNER", "1000000"),
    ("HELD_UNITS_PER_OWNER", "1000000"),
    ("DECLINES_PER_OWNER", "1000000"),
    ("OPEN_ORDERS_PER_SOURCE", "1000000"),
    ("HELD_UNITS_PER_SOURCE", "1000000"),
    ("DECLINES_PER_SOURCE", "1000000"),
    ("ORDER_MAILS_PER_RECIPIENT", "1000"),
    ("ACCOUNT_MAILS_PER_RECIPIENT", "1000"),
    ("CODE_MAILS_PER_RECIPIENT", "1000"),
];

/// What each service runs with, beside what only its process knows.
pub type Settings = Vec<(&'static str, String)>;

/// A shop as seen from outside: what browsers and staff can do over HTTP, whatever runs behind the address.
#[derive(Debug, Clone)]
pub struct Storefront {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    /// Where the shop's Stripe is: cardholders act there.
    pub stripe_base: String,
    http: reqwest::Client,
}

/// The whole shop on one address of 127.0.0.1.
#[derive(Debug)]
pub struct Shop {
    /// Its outside, which it derefs to.
    pub front: Storefront,
    /// Behind the address.
    pub gateway: Gateway,
    /// user-service.
    pub users: user_service::App,
    /// product-service.
    pub products: product_service::App,
    /// transaction-service.
    pub transactions: transaction_service::App,
    /// notification-service.
    pub notifications: notification_service::App,
    /// Stripe.
    pub stripe: StripeDouble,
    /// What the services run with.
    pub settings: Settings,
    /// transaction-service's database.
    pub orders: Postgres,
    mongo: Mongo,
    _accounts: Postgres,
}

impl Shop {
    /// A shop with nothing in it, its stores migrated.
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// The same with other settings.
    pub async fn open_with(chosen: &[(&'static str, &str)]) -> Self {
        let accounts = testkit::postgres::fresh(&user_service::MIGRATOR).await;
        let orders = testkit::postgres::fresh(&transaction_service::MIGRATOR).await;
        let mongo = testkit::mongo::fresh();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let webhook_url = Some(format!("{address}/webhooks/stripe"));
        let stripe = StripeDouble::start(Options { webhook_url, ..Options::default() }).await;
        let keys = StripeKeys { secret_key: stripe.secret_key(), webhook_secret: stripe.webhook_secret() };
        let mut settings = settings(&address, &stripe.base(), keys);
        settings.push(("USER_DATABASE_URL", accounts.url.clone()));
        settings.push(("TRANSACTION_DATABASE_URL", orders.url.clone()));
        settings.push(("MONGODB_URI", mongo.uri.clone()));
        for (name, value) in chosen {
            settings.retain(|(known, _)| known != name);
            settings.push((name, (*value).to_owned()));
        }
        let users: user_service::App = configure(&settings);
        settings.push(("TRANSACTION_SERVICE_CLIENT_SECRET", Box::pin(client_secret(&users)).await));
        let products: product_service::App = configure(&settings);
        let transactions: transaction_service::App = configure(&settings);
        let notifications: notification_service::App = configure(&settings);
        // Boxed: with the drivers' futures inside, this one is too large to move about.
        Box::pin(products.migrate(Direction::Up)).await.unwrap();
        Box::pin(notifications.migrate(Direction::Up)).await.unwrap();
        let gateway = Gateway::default();
        gateway.serve(Owner::Users, users.clone());
        gateway.serve(Owner::Products, products.clone());
        gateway.serve(Owner::Transactions, transactions.clone());
        gateway.serve(Owner::Notifications, notifications.clone());
        tokio::spawn(gateway.clone().listen(listener));
        let front = Storefront::new(address, stripe.base());
        Self {
            front,
            gateway,
            users,
            products,
            transactions,
            notifications,
            stripe,
            settings,
            orders,
            mongo,
            _accounts: accounts,
        }
    }

    /// Has so many instances of each service answer, as there are in Lambda while so many requests are being answered.
    pub fn scale(&self, instances: usize) {
        fn several<S: Service>(instances: usize, settings: &Settings) -> Vec<S> {
            (0..instances).map(|_| configure(settings)).collect()
        }
        self.gateway.share(Owner::Users, several::<user_service::App>(instances, &self.settings));
        self.gateway.share(Owner::Products, several::<product_service::App>(instances, &self.settings));
        self.gateway.share(Owner::Transactions, several::<transaction_service::App>(instances, &self.settings));
        self.gateway.share(Owner::Notifications, several::<notification_service::App>(instances, &self.settings));
    }

    /// The access token of an admin, made if need be.
    pub async fn admin(&self) -> String {
        let email = "admin@shop.example";
        let admin = json!({"command": "create_admin", "email": email, "password": PASSWORD});
        self.users.admin(admin).await.unwrap();
        self.log_in(email, PASSWORD).await
    }

    /// A token as transaction-service gets it.
    pub async fn service_token(&self) -> String {
        let secret = self.settings.iter().find(|(name, _)| *name == "TRANSACTION_SERVICE_CLIENT_SECRET");
        let request = self.http.post(format!("{}/oauth/token", self.address));
        let request = request
            .basic_auth("transaction-service", secret.map(|(_, secret)| secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// The catalogue's database, to look behind the service's back.
    pub fn mongo(&self) -> &Mongo {
        &self.mongo
    }

    /// How often money was taken at Stripe, and how much in all, in minor units.
    pub fn charged(&self) -> (usize, i64) {
        let charges = self.stripe.charges();
        let paid = charges.iter().filter(|charge| charge["status"] == "succeeded");
        paid.fold((0, 0), |(count, sum), charge| (count + 1, sum + charge["amount_captured"].as_i64().unwrap()))
    }
}

impl Deref for Shop {
    type Target = Storefront;

    fn deref(&self) -> &Storefront {
        &self.front
    }
}

impl Storefront {
    /// The shop that answers at `address`, with this double of Stripe.
    pub fn new(address: String, stripe_base: String) -> Self {
        Self { address, stripe_base, http: reqwest::Client::new() }
    }

    /// One request from outside.
    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// A request that must succeed.
    pub async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.send(method.clone(), path, Some(token), body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Reads something that must be there.
    pub async fn get(&self, path: &str, token: &str) -> Value {
        self.ask(Method::GET, path, token, None).await
    }

    /// An access token of an account.
    pub async fn log_in(&self, email: &str, password: &str) -> String {
        let body = json!({"email": email, "password": password});
        let (status, body) = self.send(Method::POST, "/auth/login", None, Some(body)).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Makes one product of this SKU at 10.00 USD, with so many on the shelf.
    pub async fn sell(&self, staff: &str, sku: &str, units: i64) {
        let product = json!({
            "title": format!("Product {sku}"), "slug": sku.to_lowercase(), "description": "", "status": "active",
            "category_ids": [], "options": [],
            "variants": [{"sku": sku, "options": {}, "prices": [{"amount": 1000, "currency": "USD"}]}]
        });
        self.ask(Method::POST, "/admin/products", staff, Some(product)).await;
        self.stock(staff, sku, units).await;
    }

    /// Puts so many on the shelf.
    pub async fn stock(&self, staff: &str, sku: &str, units: i64) {
        self.ask(Method::PUT, &format!("/inventory/{sku}"), staff, Some(json!({"on_hand": units}))).await;
    }

    /// `(on hand, reserved)`.
    pub async fn stock_of(&self, staff: &str, sku: &str) -> (i64, i64) {
        let stock = self.get(&format!("/inventory/{sku}"), staff).await;
        (stock["on_hand"].as_i64().unwrap(), stock["reserved"].as_i64().unwrap())
    }
}

/// What a shop and its Stripe know each other by.
#[derive(Debug, Clone, Copy)]
pub struct StripeKeys<'a> {
    /// What the shop presents to Stripe.
    pub secret_key: &'a str,
    /// What Stripe signs its events with.
    pub webhook_secret: &'a str,
}

/// What the services of a shop at `address` run with, apart from stores and client secrets. 8 % tax; shipping for 5.00 USD.
pub fn settings(address: &str, stripe_base: &str, keys: StripeKeys<'_>) -> Settings {
    let mut settings: Settings = vec![
        ("ISSUER", address.to_owned()),
        ("JWKS_URL", format!("{address}/.well-known/jwks.json")),
        ("API_BASE_URL", address.to_owned()),
        ("SIGNING_KEYS", tokens::signing_key_base64()),
        ("FINGERPRINT_KEY", "a key for tests, of 32 characters and more".to_owned()),
        ("STRIPE_API_BASE", stripe_base.to_owned()),
        ("STRIPE_SECRET_KEY", keys.secret_key.to_owned()),
        ("STRIPE_WEBHOOK_SECRET", keys.webhook_secret.to_owned()),
        ("CURRENCIES", "USD".to_owned()),
        ("SHIPPING_RATES", "USD:500".to_owned()),
        ("TAX_RATE", "8".to_owned()),
        ("REDUCED_TAX_RATE", "4".to_owned()),
        ("MAIL_PROVIDERS", "log".to_owned()),
        // The name of commits before, which benchmarks start beside this tree.
        ("MAIL_PROVIDER", "log".to_owned()),
        ("MAIL_FROM", "Bodega <shop@bodega.example>".to_owned()),
        ("SHOP_NAME", "Bodega".to_owned()),
        ("SHOP_URL", "https://shop.example".to_owned()),
        ("NOTIFICATION_TABLE", format!("notifications-{}", uuid::Uuid::new_v4())),
        ("IMAGE_BUCKET", "images".to_owned()),
        ("IMAGE_BASE_URL", "https://images.bodega.example".to_owned()),
    ];
    for (name, value) in [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
    {
        settings.push((name, value.to_owned()));
    }
    settings.push(("AWS_ENDPOINT_URL", testkit::stores::aws_endpoint()));
    settings
}

/// The command that registers transaction-service as a client.
pub fn create_transaction_client() -> Value {
    json!({
        "command": "create_service_client", "name": "transaction-service",
        "scopes": ["inventory:reserve", "checkout:read", "carts:clear", "notifications:send"]
    })
}

async fn client_secret(users: &user_service::App) -> String {
    let client = users.admin(create_transaction_client()).await.unwrap();
    client["client_secret"].as_str().unwrap().to_owned()
}

/// A service configured as its process would be.
pub fn configure<S: Service>(settings: &Settings) -> S {
    let mut env = Env::from_pairs(settings.iter().map(|(name, value)| (*name, value.clone())));
    S::configure(&mut env).unwrap_or_else(|| panic!("{}", env.report()))
}
