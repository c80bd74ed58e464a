//! The four services together behind one address, as behind the gateway, on the stores of a machine at home and a double of Stripe.
//! Tests are in `tests/it`; `benches` has the proofs (`cargo xtask prove races`, `prove crash`) and `bench checkout`.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a shop that does not open has failed its test")]

mod functions;
mod gateway;
mod settings;
mod shopper;
mod storefront;
mod tap;
pub mod usage;

use std::{net::SocketAddr, ops::Deref};

use platform::{Service, trigger::Direction};
use serde_json::{Value, json};
use stripe_double::{Options, StripeDouble};
use testkit::{mongo::Mongo, postgres::Postgres};
use tokio::net::TcpListener;

pub use self::{
    functions::{Functions, ask, launch, run_once},
    gateway::{Gateway, Owner},
    settings::{Settings, StripeKeys, UNLIMITED, configure, settings},
    shopper::{Card, Shopper, total},
    storefront::{PASSWORD, Storefront},
    tap::Tap,
};

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
