//! notification-service: mail and text messages to shoppers, each sent once, recorded in DynamoDB.
//!
//! Rooms, from the ground up: [`event`] (the identity of a message), [`aws`], [`dynamo`] and [`sqs`] (clients), [`locale`]
//! (formats of money and dates), [`templates`] (the content of messages), [`providers`] (SES, SendGrid, Twilio), [`schema`] (the
//! table and its migration), [`app`] (shared state and settings), [`error`]; above them the rooms that have routes:
//! [`suppressions`], [`unsubscribe`], [`notifications`] (requests, and the protocol by which each is sent once), [`webhooks`]
//! (reports of vendors), [`staff`], and `queue` ([`notifications`] over a queue). This file stands above all of them: routes,
//! their description, and triggers.

pub mod app;
pub mod aws;
pub mod dynamo;
pub mod error;
pub mod event;
pub mod listing;
pub mod locale;
pub mod mailbox;
pub mod notifications;
pub mod providers;
mod queue;
pub mod schema;
pub mod segments;
pub mod sqs;
pub mod staff;
pub mod suppressions;
pub mod templates;
pub mod unsubscribe;
pub mod webhooks;

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
use utoipa::openapi::OpenApi;

pub use crate::app::App;
use crate::aws::Limits;

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
        schema::migrate(&self.db, self.table_owner, direction).await
    }

    async fn queue(&self, batch: Value) -> Result<Value, TriggerError> {
        queue::handle_batch(self, batch).await
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
    let deadline = app.deadline;
    common::http::with_middleware(routes().into_router(app), deadline)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    let description = "Mail and text messages to shoppers, each sent once. For services: callers need an access token of user-service.";
    common::openapi::complete(routes().into_openapi(), "Bodega notification-service", description)
}

fn routes() -> Routes<App> {
    Routes::new()
        .merge(notifications::routes())
        .merge(staff::routes())
        .merge(suppressions::routes())
        .merge(unsubscribe::routes())
        .merge(webhooks::routes())
        .merge(staff::templates::routes())
        .routes(routes!(check_live))
        .routes(routes!(check_ready))
}

/// Check that the process answers
#[utoipa::path(get, path = "/health/notification-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// Check that DynamoDB and the issuer's keys can be reached
#[utoipa::path(get, path = "/health/notification-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready(State(app): State<App>) -> axum::response::Response {
    let dynamodb = async { app.db.ping().await.map_err(|error| error.to_string()) };
    // The key id does not matter: the lookup fetches the issuer's keys.
    let issuer = async { app.verifier.keys().find("").await.map(|_| ()).map_err(|problem| problem.kind().to_owned()) };
    health::ready(App::NAME, vec![("dynamodb", dynamodb.boxed()), ("issuer_keys", issuer.boxed())]).await
}
