//! transaction-service: orders, payments and the ledger, on PostgreSQL and Stripe.
//!
//! Rooms: [`quotes`] (what a basket would cost), [`checkout`] (making an order and paying for it), [`orders`] (what an
//! order is; reading and cancelling), [`limits`] (what one caller may have open), [`payments`] (what Stripe says of an
//! order), [`ledger`] (what is booked). In each,
//! `domain` holds types and rules without I/O, `store` every query of that noun, `flow` what may be interrupted and
//! begun again. [`pricing`], [`shipping`], [`tax`] and
//! [`pointers`] (where a request named what is refused) are pure; [`siblings`] asks the other services, [`messages`] tells
//! them.

pub mod checkout;
pub mod error;
pub mod ledger;
pub mod limits;
pub mod messages;
pub mod orders;
pub mod payments;
pub mod pointers;
pub mod pricing;
pub mod quotes;
pub mod shipping;
pub mod siblings;
pub mod sweep;
pub mod tax;

use std::time::Duration;

use axum::{
    Router,
    extract::{FromRef, State},
};
use common::{
    auth::{FETCH_FLOOR, Keys, Verifier},
    input::Json,
    routes,
    routes::Routes,
};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    client::{Credentials, ServiceClient},
    config::{Env, Secret},
    fingerprint::Fingerprints,
    health::{self, Health},
    outbox::Outbox,
    postgres::Database,
    trigger::Direction,
};
use serde_json::Value;
use sqlx::migrate::Migrator;
use stripe::Stripe;
use utoipa::openapi::OpenApi;

use crate::{
    checkout::{domain::Terms, hold::Endings},
    limits::domain::Limits,
    siblings::Siblings,
    tax::TaxRates,
};

/// How long a request may take unless configured otherwise. Taking money takes Stripe seconds; a gateway waits 30.
const DEADLINE: u64 = 20;
/// The schema, forward and back.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations/transaction");

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Judges access tokens.
    pub verifier: Verifier,
    /// The database.
    pub database: Database,
    /// Messages to siblings.
    pub outbox: Outbox,
    /// Questions to siblings.
    pub siblings: Siblings,
    /// Stripe.
    pub stripe: Stripe,
    /// What Stripe's webhooks are signed with; several, separated by commas, while one is being replaced.
    pub webhook_secrets: Secret,
    /// What the shop asks for.
    pub terms: Terms,
    /// How much one caller may have open, and one source address.
    pub limits: Limits,
    /// Hashes that limits count by.
    pub fingerprints: Fingerprints,
    /// Attempts that were cut off, and give their stock back.
    pub endings: Endings,
    /// How long a request may take.
    pub deadline: Duration,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl Service for App {
    const NAME: &'static str = "transaction-service";

    fn configure(env: &mut Env) -> Option<Self> {
        let verifier = verifier(env);
        let api = env.url("API_BASE_URL");
        let database = Database::configure(env, "TRANSACTION_DATABASE_URL");
        let secret = env.secret("TRANSACTION_SERVICE_CLIENT_SECRET");
        let stripe_api = env.url_or("STRIPE_API_BASE", stripe::API);
        let stripe_key = env.secret("STRIPE_SECRET_KEY");
        let webhook_secrets = env.secret("STRIPE_WEBHOOK_SECRET");
        let deadline = env.number_or("CHECKOUT_DEADLINE_SECONDS", DEADLINE, 1..=25).map(Duration::from_secs);
        let terms = terms(env, deadline.unwrap_or_default());
        let (limits, fingerprints) = (limits::configure(env), Fingerprints::configure(env));
        let (database, secret) = (database?, secret?);
        let client = ServiceClient::new(api?, Credentials::Client { id: Self::NAME, secret });
        let app = Self {
            verifier: verifier?,
            outbox: Outbox::new(database.clone(), client.clone()),
            database,
            siblings: Siblings::new(client),
            stripe: Stripe::new(stripe_api?, stripe_key?),
            webhook_secrets: webhook_secrets?,
            terms: terms?,
            limits: limits?,
            fingerprints: fingerprints?,
            endings: Endings::default(),
            deadline: deadline?,
        };
        Some(app.with_remedy())
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }

    async fn after_response(&self) {
        self.endings.wait().await;
        self.outbox.relay_written().await;
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        self.database.migrate(&MIGRATOR, direction).await
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        sweep::run(self).await
    }
}

impl App {
    /// The same app, whose outbox refunds paid orders that turn out to be sold out.
    #[must_use]
    pub fn with_remedy(self) -> Self {
        let remedy = payments::refunds::remedy(self.clone());
        Self { outbox: self.outbox.clone().with_remedy(remedy), ..self }
    }
}

fn verifier(env: &mut Env) -> Option<Verifier> {
    let issuer = env.url("ISSUER");
    let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
    let jwks = env.url("JWKS_URL");
    Some(Verifier::new(&issuer?, &audience?, Keys::fetched(jwks?, FETCH_FLOOR)))
}

fn terms(env: &mut Env, deadline: Duration) -> Option<Terms> {
    let shipping = env.parsed("SHIPPING_RATES");
    let standard = env.parsed("TAX_RATE");
    let reduced = env.optional("REDUCED_TAX_RATE").is_some().then(|| env.parsed("REDUCED_TAX_RATE"));
    // Far below the day after which product-service gives the stock to others.
    let payment_window = env.number_or("PAYMENT_WINDOW_MINUTES", 30, 1..=720).map(Duration::from_mins)?;
    let reduced = match reduced {
        None => None,
        Some(read) => Some(read?),
    };
    let tax = TaxRates { standard: standard?, reduced };
    // A request that works on an order is over at its deadline.
    Some(Terms { shipping: shipping?, tax, payment_window, lease: deadline + Duration::from_secs(1) })
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let deadline = app.deadline;
    common::http::wrap(routes().into_router(app), deadline)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    let description = "Quotes, orders, payments and the ledger.";
    common::openapi::complete(routes().into_openapi(), "Bodega transaction-service", description)
}

fn routes() -> Routes<App> {
    Routes::new()
        .merge(quotes::routes())
        .merge(checkout::routes())
        .merge(orders::routes())
        .merge(payments::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// The process answers
#[utoipa::path(get, path = "/health/transaction-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// PostgreSQL answers
#[utoipa::path(get, path = "/health/transaction-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let postgres = async { app.database.ping().await.map_err(|error| error.to_string()) };
    health::ready(App::NAME, vec![("postgres", postgres.boxed())]).await
}
