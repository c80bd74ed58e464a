//! user-service: accounts and identity, on PostgreSQL. The only issuer of tokens.
//!
//! Rooms: [`auth`] (registering, logging in and out), [`sessions`] (refresh tokens), [`keys`] (signing, and what judges
//! signatures), [`clients`] (tokens for services), [`users`], [`addresses`], [`carts`], [`payment_methods`], [`limits`] (how
//! often something may be tried), [`admin`] (commands of the operators). In each, `domain` holds types and rules without I/O, `store` every query of
//! that noun.

pub mod addresses;
pub mod admin;
pub mod auth;
pub mod carts;
pub mod clients;
pub mod error;
pub mod keys;
pub mod limits;
pub mod opaque;
pub mod payment_methods;
pub mod sessions;
pub mod sweep;
pub mod users;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::FromRef, extract::State};
use common::{
    auth::{Subject, Verifier},
    input::Json,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    client::{AccessToken, Credentials, ServiceClient},
    config::Env,
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
    auth::passwords::Passwords,
    clients::domain::ServiceScope,
    keys::{Issuer, domain::TOKEN_LIFE, store::KeyStore},
    limits::Counting,
};

/// How long a request may take. All of ours are short; whatever hangs is a 503 within three seconds.
const DEADLINE: Duration = Duration::from_millis(2_800);

/// How long one call to Stripe may take; a request that saves its customer's first card makes two.
const STRIPE_DEADLINE: Duration = Duration::from_secs(2);

/// The schema, forward and back.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations/user");

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Makes access tokens.
    pub issuer: Issuer,
    /// Judges access tokens.
    pub verifier: Verifier,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Counts what may be tried so often only.
    pub counting: Counting,
    /// The database.
    pub database: Database,
    /// Messages to siblings.
    pub outbox: Outbox,
    /// Who keeps the customers' cards.
    pub stripe: Stripe,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl Service for App {
    const NAME: &'static str = "user-service";

    fn configure(env: &mut Env) -> Option<Self> {
        let name = env.url("ISSUER");
        let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
        let api = env.url("API_BASE_URL");
        let keys = env.secret("SIGNING_KEYS");
        let database = Database::configure(env, "USER_DATABASE_URL");
        let (fingerprints, limits) = (Fingerprints::configure(env), limits::configure(env));
        let (stripe, stripe_key) = (env.url_or("STRIPE_API_BASE", stripe::API), env.secret("STRIPE_SECRET_KEY"));
        let stripe = Stripe::new(stripe?, stripe_key?).within(STRIPE_DEADLINE);
        let (api, database) = (api?, database?);
        let counting = Counting { fingerprints: fingerprints?, limits: limits? };
        let issuer = Issuer::new(name?, audience?, api.clone(), KeyStore::new(keys?));
        let outbox = Outbox::new(database.clone(), ServiceClient::new(api, own_credentials(issuer.clone())));
        let (verifier, passwords) = (issuer.verifier(), Passwords::default());
        Some(Self { issuer, verifier, passwords, counting, database, outbox, stripe })
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }

    async fn after_response(&self) {
        self.outbox.relay_written().await;
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        self.database.migrate(&MIGRATOR, direction).await
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        sweep::run(self).await
    }

    async fn admin(&self, command: Value) -> Result<Value, TriggerError> {
        admin::run(self, command).await
    }
}

/// This service mints its own token, of the one scope it needs.
fn own_credentials(issuer: Issuer) -> Credentials {
    Credentials::Issuer(Arc::new(move || own_token(issuer.clone()).boxed()))
}

async fn own_token(issuer: Issuer) -> Result<AccessToken, String> {
    let subject = Subject::Service(App::NAME.to_owned());
    let token = issuer.mint(&subject, ServiceScope::NotificationsSend.as_str(), Timestamp::now()).await;
    let access_token = token.map_err(|error| error.to_string())?;
    Ok(AccessToken { access_token, expires_in: TOKEN_LIFE.as_secs() })
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    common::http::wrap(routes().into_router(app), DEADLINE)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    let description = "Accounts and identity: registering, logging in, the tokens of shoppers and services, profiles, \
                       addresses, carts and saved payment methods.";
    common::openapi::complete(routes().into_openapi(), "Bodega user-service", description)
}

fn routes() -> Routes<App> {
    Routes::new()
        .merge(auth::routes())
        .merge(keys::routes())
        .merge(clients::routes())
        .merge(users::routes())
        .merge(addresses::routes())
        .merge(carts::routes())
        .merge(payment_methods::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// The process answers
#[utoipa::path(get, path = "/health/user-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// PostgreSQL answers, and the signing keys can be had
#[utoipa::path(get, path = "/health/user-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let postgres = async { app.database.ping().await.map_err(|error| error.to_string()) };
    let keys = async { app.issuer.ready().await.map_err(|error| error.to_string()) };
    health::ready(App::NAME, vec![("postgres", postgres.boxed()), ("signing_keys", keys.boxed())]).await
}
