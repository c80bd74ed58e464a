//! transaction-service: Orders, payments and the ledger; on PostgreSQL. It answers its health routes; orders and messages get rooms of their own here.

use std::time::Duration;

use axum::Router;
use common::input::Json;
use platform::{
    Service,
    config::Env,
    health::{self, Health},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long a request may take; whatever hangs is a 503 within three seconds.
const DEADLINE: Duration = Duration::from_millis(2_800);

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App;

impl Service for App {
    const NAME: &'static str = "transaction-service";

    fn configure(_: &mut Env) -> Option<Self> {
        Some(Self)
    }

    fn router(self) -> Router {
        router(self)
    }

    fn openapi() -> OpenApi {
        openapi()
    }
}

/// All routes, ready to serve.
pub fn router(app: App) -> Router {
    let (router, _) = routes().with_state(app).split_for_parts();
    common::http::wrap(router, DEADLINE)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    common::openapi::complete(
        routes().into_openapi(),
        "Bodega transaction-service",
        "Orders, payments and the ledger; on PostgreSQL.",
    )
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(common::openapi::start()).routes(routes!(check_live)).routes(routes!(check_ready))
}

/// The process answers
#[utoipa::path(get, path = "/health/transaction-service/live", tag = "health", responses((status = OK, body = Health)))]
async fn check_live() -> Json<Health> {
    health::live(App::NAME)
}

/// Everything it depends on answers
///
/// So far it depends on nothing.
#[utoipa::path(get, path = "/health/transaction-service/ready", tag = "health",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
async fn check_ready() -> axum::response::Response {
    health::ready(App::NAME, Vec::new()).await
}
