//! notification-service: mail and texts to shoppers, each sent once, remembered in DynamoDB.
//!
//! Rooms: [`notifications`] (what is asked for, and the protocol by which it is sent once), `queue` (the same over a
//! queue), [`templates`] (what a message says), [`locale`] (how money and dates are written), [`providers`] (who carries
//! it).

pub mod aws;
mod dynamo;
pub mod error;
pub mod listing;
pub mod locale;
pub mod notifications;
pub mod providers;
mod queue;
pub mod schema;
pub mod sender;
pub mod sqs;
pub mod staff;
pub mod suppressions;
pub mod templates;
pub mod unsubscribe;
pub mod webhooks;

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
    config::Env,
    fingerprint::Fingerprints,
    health::{self, Health},
    trigger::Direction,
};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::{
    aws::{Aws, Limits},
    notifications::{domain::Caps, store::Store},
    providers::Providers,
    schema::TableOwner,
    sqs::Queues,
    templates::Shop,
    webhooks::Webhooks,
};

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Judges access tokens.
    pub verifier: Verifier,
    /// Which events were told.
    pub store: Store,
    /// Who makes the table.
    pub table_owner: TableOwner,
    /// Carry what is sent.
    pub providers: Providers,
    /// What messages say of the shop.
    pub shop: Shop,
    /// Hashes the addresses that mails are counted by.
    pub fingerprints: Fingerprints,
    /// Verifies what vendors report.
    pub webhooks: Webhooks,
    /// What vendors call, and links to unsubscribe begin with.
    pub public_url: String,
    /// How much one recipient, and one country, gets.
    pub caps: Caps,
    /// The queue whose messages wake this service, and the one for dead letters.
    pub queues: Queues,
    /// After how many receives a message is given up.
    pub give_up_after: u32,
    /// For how long a message that no provider takes is tried again.
    pub keep_trying: Duration,
    /// How long things may take.
    pub limits: Limits,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl App {
    /// Reads the settings, for a service with these limits. (Races of many clients on one busy machine are about how
    /// often a mail is sent, not about time.)
    pub fn configure_within(env: &mut Env, limits: Limits) -> Option<Self> {
        let issuer = env.url("ISSUER");
        let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
        let jwks = env.url("JWKS_URL");
        let shop = Shop::configure(env);
        let table = env.text("NOTIFICATION_TABLE");
        let table_owner = env.parsed_or("TABLE_OWNER", TableOwner::Service);
        let fingerprints = Fingerprints::configure(env);
        let public_url = env.url_or("PUBLIC_URL", issuer.as_deref().unwrap_or_default());
        let webhooks = Webhooks::configure(env, public_url.as_deref().unwrap_or_default());
        let caps = Caps::configure(env);
        let give_up_after = env.number_or("QUEUE_GIVE_UP_AFTER", 20, 1..=1_000);
        let keep_trying = env.number_or("KEEP_TRYING_HOURS", 72, 1..=720).map(Duration::from_hours);
        let aws = Aws::configure(env, limits);
        let providers = Providers::configure(env, &aws);
        let queues = Queues::configure(env, &aws);
        let keys = Keys::fetched(jwks?, FETCH_FLOOR);
        env.is_complete().then_some(Self {
            verifier: Verifier::new(&issuer?, &audience?, keys),
            providers: providers?,
            store: Store::new(aws, table?),
            table_owner: table_owner?,
            shop: shop?,
            fingerprints: fingerprints?,
            webhooks: webhooks?,
            public_url: public_url?,
            caps: caps?,
            queues: queues?,
            give_up_after: give_up_after?,
            keep_trying: keep_trying?,
            limits,
        })
    }
}

impl Service for App {
    const NAME: &'static str = "notification-service";

    fn configure(env: &mut Env) -> Option<Self> {
        Self::configure_within(env, Limits::PRODUCTION)
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        schema::migrate(&self.store, self.table_owner, direction).await
    }

    async fn queue(&self, batch: Value) -> Result<Value, TriggerError> {
        queue::work_off(self, batch).await
    }

    async fn admin(&self, command: Value) -> Result<Value, TriggerError> {
        match command["command"].as_str() {
            Some("redrive") => queue::redrive(self).await,
            _ => Err("send {\"command\":\"redrive\"}".into()),
        }
    }
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let deadline = app.limits.request;
    common::http::wrap(routes().into_router(app), deadline)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    let description =
        "Mail and texts to shoppers, each sent once. For services: it needs an access token of user-service.";
    common::openapi::complete(routes().into_openapi(), "Bodega notification-service", description)
}

fn routes() -> Routes<App> {
    Routes::new()
        .merge(notifications::routes())
        .merge(staff::routes())
        .merge(suppressions::routes())
        .merge(unsubscribe::routes())
        .merge(webhooks::routes())
        .merge(templates::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// The process answers
#[utoipa::path(get, path = "/health/notification-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// DynamoDB and the issuer's keys can be had
#[utoipa::path(get, path = "/health/notification-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let dynamodb = async { app.store.ping().await.map_err(|error| error.to_string()) };
    // Any key id will do: what matters is whether the issuer's keys can be fetched.
    let issuer = async { app.verifier.keys().find("").await.map(|_| ()).map_err(|problem| problem.kind().to_owned()) };
    health::ready(App::NAME, vec![("dynamodb", dynamodb.boxed()), ("issuer_keys", issuer.boxed())]).await
}
