//! product-service: the catalogue and the stock, on MongoDB.
//!
//! From the ground up:
//!
//! - words that several rooms share: [`ids`], [`slug`], [`basket`] (lines), [`currencies`], `caching` (of answers), `collections`
//!   (names in the database)
//! - [`bucket`] and [`mongo`] (connections, made on first use), `mongo_error` (what a failure of MongoDB means), [`error`] (what a
//!   client is answered for any failure), [`jobs`] (work that takes longer than a request), [`app`] (what handlers share, and its
//!   settings)
//! - rooms: [`categories`], [`products`], [`search`] (finding them), [`images`], [`imports`] and [`exports`] (many products at
//!   once), [`inventory`] (stock), [`reservations`] (stock held for orders), [`adjustments`] (changes of stock, with their audit
//!   log), `quotes` (prices of lines)
//! - [`schema`] and `migrate` (what the collections look like, and how an older database comes to it), `queue` (the bucket's
//!   notifications), [`sweep`] (what a crash left half way)
//! - this file: routes, their description, and triggers
//!
//! In each room, `domain` holds types and rules, and names no failure, database, bucket's client or HTTP; `store` has every query
//! of that noun; `flow` the steps that a crash may interrupt and that can be repeated; `view` what clients see; and the file with
//! the noun's name its routes. A file imports files of the ground or of its own room, and of other rooms the file that it needs.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]

pub mod adjustments;
pub mod app;
pub mod basket;
pub mod bucket;
mod caching;
pub mod categories;
mod collections;
pub mod currencies;
pub mod error;
pub mod exports;
pub mod ids;
pub mod images;
pub mod imports;
pub mod inventory;
pub mod jobs;
mod migrate;
pub mod mongo;
mod mongo_error;
pub mod products;
mod queue;
mod quotes;
pub mod reservations;
pub mod schema;
pub mod search;
pub mod slug;
pub mod sweep;

use axum::{Router, extract::State};
use common::{input::Json, routes, routes::Routes, timestamp::Timestamp};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    config::Env,
    health::{self, Health},
    trigger::Direction,
};
use serde_json::Value;
use utoipa::openapi::OpenApi;

pub use crate::app::App;

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

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        migrate::migrate(&self.db, &self.currencies, direction).await
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        sweep::run(self).await
    }

    async fn queue(&self, batch: Value) -> Result<Value, TriggerError> {
        queue::work_off(self, batch, Timestamp::now()).await
    }
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let deadline = app.deadline;
    common::http::with_middleware(routes().into_router(app), deadline)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    let description = "The catalogue and the stock. Catalogue reads are public and may be cached; staff and services \
                       need an access token of user-service.";
    common::openapi::complete(routes().into_openapi(), "Bodega product-service", description)
}

fn routes() -> Routes<App> {
    Routes::new()
        .merge(search::routes())
        .merge(products::routes())
        .merge(categories::routes())
        .merge(images::routes())
        .merge(imports::routes())
        .merge(exports::routes())
        .merge(inventory::routes())
        .merge(adjustments::routes())
        .merge(reservations::routes())
        .merge(quotes::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// Check that the process answers
#[utoipa::path(get, path = "/health/product-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// Check that MongoDB answers and the issuer's keys can be fetched
#[utoipa::path(get, path = "/health/product-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let mongodb = async { app.db.ping().await.map_err(|error| error.to_string()) };
    // Any key id will do: what matters is whether the issuer's keys can be fetched.
    let issuer = async { app.verifier.keys().find("").await.map(|_| ()).map_err(|problem| problem.kind().to_owned()) };
    health::ready(App::NAME, vec![("mongodb", mongodb.boxed()), ("issuer_keys", issuer.boxed())]).await
}
