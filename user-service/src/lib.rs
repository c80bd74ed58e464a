//! user-service: accounts and identity, on PostgreSQL. The only issuer of tokens.
//!
//! Rooms: [`auth`] (registering, logging in and out), [`sessions`] (refresh tokens), [`keys`] (signing keys and the
//! public key set), [`clients`] (tokens for services), [`users`], [`addresses`], [`carts`], [`payment_methods`],
//! [`checkout_context`] (account, addresses and cart in one answer), [`limits`] (rate limits), [`admin`] (commands of
//! the operators). In each, `domain` holds types and rules without I/O, `store` every query of that noun.
//!
//! Below the rooms: [`ids`], [`roles`], [`service_scopes`] and [`opaque`] (random secrets) hold types that several
//! rooms share. [`error`] maps each refusal and failure to an answer. [`app`] holds the shared state and reads the
//! settings. Above them are [`sweep`] and this file: routes, their description, and triggers.

pub mod addresses;
pub mod admin;
pub mod app;
pub mod auth;
pub mod carts;
pub mod checkout_context;
pub mod clients;
pub mod error;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod opaque;
pub mod payment_methods;
pub mod roles;
pub mod service_scopes;
pub mod sessions;
pub mod sweep;
pub mod users;

use axum::{Router, extract::State};
use common::{input::Json, routes, routes::Routes};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    config::Env,
    health::{self, Health},
    outbox::no_compensation,
    trigger::Direction,
};
use serde_json::Value;
use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;

pub use crate::app::App;

/// The migrations of the schema, up and down.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations/user");

impl Service for App {
    const NAME: &'static str = app::NAME;

    fn configure(env: &mut Env) -> Option<Self> {
        app::configure(env)
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }

    async fn after_response(&self) {
        self.outbox.relay_written(no_compensation).await;
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

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let deadline = app.deadline;
    common::http::with_middleware(routes().into_router(app), deadline)
}

/// The OpenAPI document of the routes.
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
        .merge(checkout_context::routes())
        .merge(addresses::routes())
        .merge(carts::routes())
        .merge(payment_methods::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// Liveness: the process answers
#[utoipa::path(get, path = "/health/user-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// Readiness: PostgreSQL answers and the signing keys can be read
#[utoipa::path(get, path = "/health/user-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let postgres = async { app.database.ping().await.map_err(|error| error.to_string()) };
    let keys = async { app.issuer.ready().await.map_err(|error| error.to_string()) };
    health::ready(App::NAME, vec![("postgres", postgres.boxed()), ("signing_keys", keys.boxed())]).await
}
