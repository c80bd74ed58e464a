//! product-service: the catalogue and the stock, on MongoDB.
//!
//! Rooms: [`products`], [`search`] (finding them), [`categories`], [`images`], [`imports`] and [`exports`] (many products
//! at once, as [`jobs`]), [`inventory`] (how many there are), [`adjustments`] (why that changed), [`reservations`] (who has them),
//! `quotes` (what they would cost). In each, `domain` holds types and rules without I/O,
//! `store` every query of that noun.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]

pub mod adjustments;
pub mod bucket;
pub mod categories;
pub mod error;
pub mod exports;
pub mod images;
pub mod imports;
pub mod inventory;
pub mod jobs;
pub mod products;
mod queue;
mod quotes;
pub mod reservations;
pub mod schema;
pub mod search;
pub mod store;

use std::time::Duration;

use axum::{Router, extract::FromRef, extract::State};
use common::{
    auth::{FETCH_FLOOR, Keys, Verifier},
    contact::Email,
    input::{Json, Refusal},
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use futures_util::FutureExt;
use platform::{
    Service, TriggerError,
    client::{Credentials, ServiceClient},
    config::Env,
    health::{self, Health},
    trigger::Direction,
};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::{bucket::Bucket, inventory::Staff, search::domain::Currencies, store::Store};

/// How long a request may take. All of ours are short; whatever hangs is a 503 within three seconds.
const DEADLINE: Duration = Duration::from_millis(2_800);

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Judges access tokens.
    pub verifier: Verifier,
    /// The database.
    pub store: Store,
    /// What the shop sells in.
    pub currencies: Currencies,
    /// Where images and files of products are. Catalogue and checkout go on without it, so readiness does not ask for it.
    pub bucket: Bucket,
    /// Who hears of stock that runs low, if anybody does.
    pub staff: Option<Staff>,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<App> for Store {
    fn from_ref(app: &App) -> Self {
        app.store.clone()
    }
}

impl FromRef<App> for Bucket {
    fn from_ref(app: &App) -> Self {
        app.bucket.clone()
    }
}

impl Service for App {
    const NAME: &'static str = "product-service";

    fn configure(env: &mut Env) -> Option<Self> {
        let issuer = env.url("ISSUER");
        let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
        let jwks = env.url("JWKS_URL");
        let uri = env.secret("MONGODB_URI");
        let currencies = env.parsed("CURRENCIES");
        let bucket = Bucket::configure(env);
        let staff = staff(env);
        if !env.is_complete() {
            return None;
        }
        let keys = Keys::fetched(jwks?, FETCH_FLOOR);
        let verifier = Verifier::new(&issuer?, &audience?, keys);
        Some(Self { verifier, store: Store::new(uri?), currencies: currencies?, bucket: bucket?, staff })
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        schema::migrate(&self.store, &self.currencies, direction).await
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        let now = Timestamp::now();
        // Trouble with the one must not keep the sweep from the others.
        let swept = reservations::sweep(&self.store, now).await;
        let followed = categories::follow_moves(&self.store, now).await;
        let images = images::sweep(self, now).await;
        let adjusted = adjustments::sweep(&self.store, now).await;
        let stock = inventory::sweep(self, now).await;
        // Those that may take long come last.
        let imports = imports::sweep(self, now).await;
        let exports = exports::sweep(self, now).await;
        Ok(json!({
            "swept": swept?, "followed": followed?, "images": images?, "adjusted": adjusted?, "stock": stock?,
            "imports": imports?, "exports": exports?,
        }))
    }

    async fn queue(&self, batch: Value) -> Result<Value, TriggerError> {
        queue::work_off(self, batch, Timestamp::now()).await
    }
}

/// Nobody, unless `STAFF_EMAIL` says who.
fn staff(env: &mut Env) -> Option<Staff> {
    env.optional("STAFF_EMAIL")?;
    let email = env.parsed::<StaffEmail>("STAFF_EMAIL");
    let api = env.url("API_BASE_URL");
    let secret = env.secret("PRODUCT_SERVICE_CLIENT_SECRET");
    let client = ServiceClient::new(api?, Credentials::Client { id: App::NAME, secret: secret? });
    Some(Staff { email: email?.0, client })
}

struct StaffEmail(Email);

impl std::str::FromStr for StaffEmail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|refusal: Refusal| refusal.message)
    }
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    router_within(app, DEADLINE)
}

/// The same with another deadline: races with many clients on one busy machine are about totals, not about time.
pub fn router_within(app: App, deadline: Duration) -> Router {
    common::http::wrap(routes().into_router(app), deadline)
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

/// The process answers
#[utoipa::path(get, path = "/health/product-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// MongoDB and the issuer's keys can be had
#[utoipa::path(get, path = "/health/product-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let mongodb = async { app.store.ping().await.map_err(|error| error.to_string()) };
    // Any key id will do: what matters is whether the issuer's keys can be fetched.
    let issuer = async { app.verifier.keys().find("").await.map(|_| ()).map_err(|problem| problem.kind().to_owned()) };
    health::ready(App::NAME, vec![("mongodb", mongodb.boxed()), ("issuer_keys", issuer.boxed())]).await
}
