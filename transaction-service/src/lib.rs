//! transaction-service: orders, payments and the ledger, on PostgreSQL and Stripe.
//!
//! Rooms: [`quotes`] (the price of a basket), [`checkout`] (making an order and paying for it), [`orders`] (their states, and
//! reading them), [`cancellations`], [`limits`] (what one caller may have open), [`payments`] (events, refunds and disputes
//! at Stripe), [`ledger`] (bookings). In each, `domain` has types and rules without I/O and its own refusals, `store` every
//! query of that noun, `flow` work that may be interrupted and resumed.
//!
//! Below the rooms: [`ids`], [`basket`], [`customer`], [`pricing`], [`shipping`], [`tax`], [`shop_settings`]
//! (prices with this shop's shipping and tax) and [`pointers`] (JSON pointers into a request) are pure words and rules that
//! several rooms share. [`error`] maps each refusal and failure to a problem. [`service_clients`] calls the other services,
//! [`messages`] are sent to them through the outbox, [`cleanups`] run in the background. [`app`] has the state that rooms
//! share, and its settings. Above them are [`sweep`] and this file: routes, their description, and triggers.

pub mod app;
pub mod basket;
pub mod cancellations;
pub mod checkout;
pub mod cleanups;
pub mod customer;
pub mod error;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod messages;
pub mod orders;
pub mod payments;
pub mod pointers;
pub mod pricing;
pub mod quotes;
pub mod service_clients;
pub mod shipping;
pub mod shop_settings;
pub mod sweep;
pub mod tax;

use axum::{Router, extract::State};
use common::{input::Json, routes, routes::Routes};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    config::Env,
    health::{self, Health},
    trigger::Direction,
};
use serde_json::Value;
use sqlx::migrate::Migrator;
use utoipa::openapi::OpenApi;

pub use crate::app::App;
use crate::payments::refunds;

/// The migrations of the schema, forward and back.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations/transaction");

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
        self.cleanups.wait().await;
        self.outbox.relay_written(|rejected| refunds::compensate(self, rejected)).await;
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        self.database.migrate(&MIGRATOR, direction).await
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        sweep::run(self).await
    }
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let deadline = app.deadline;
    common::http::with_middleware(routes().into_router(app), deadline)
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
        .merge(cancellations::routes())
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
