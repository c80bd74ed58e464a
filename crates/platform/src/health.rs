//! `/health/<service>/live`: the process answers. `/health/<service>/ready`: its dependencies answer too.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::input::Json;
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// How long one dependency may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer of a health route.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"service": "product-service", "status": "up", "dependencies": [{"name": "mongodb", "status": "up"}]}))]
pub struct Health {
    /// Name of the service.
    #[schema(example = "product-service")]
    pub service: &'static str,
    /// `up` when all dependencies are up.
    pub status: Status,
    /// Dependencies that were checked; empty for liveness.
    pub dependencies: Vec<Dependency>,
}

/// One dependency of a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dependency {
    /// Name of the dependency.
    #[schema(example = "mongodb")]
    pub name: &'static str,
    /// `up` when it answered within two seconds.
    pub status: Status,
}

/// Status of a service or of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HealthStatus)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It answers in time.
    Up,
    /// It does not answer, or answers an error.
    Down,
}

/// The name of a dependency, and a check of it, whose error is logged.
pub type Check<'a> = (&'static str, BoxFuture<'a, Result<(), String>>);

/// 200: the process answers.
pub fn live(service: &'static str) -> Json<Health> {
    Json(Health { service, status: Status::Up, dependencies: Vec::new() })
}

/// 200 when every dependency answers, else 503 with `Retry-After`; the body says which.
pub async fn ready(service: &'static str, checks: Vec<Check<'_>>) -> Response {
    let dependencies = join_all(checks.into_iter().map(check)).await;
    let up = dependencies.iter().all(|dependency| dependency.status == Status::Up);
    let (code, status) =
        if up { (StatusCode::OK, Status::Up) } else { (StatusCode::SERVICE_UNAVAILABLE, Status::Down) };
    let mut response = (code, Json(Health { service, status, dependencies })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !up {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    response
}

async fn check((name, answer): Check<'_>) -> Dependency {
    let answer = tokio::time::timeout(CHECK_TIMEOUT, answer).await;
    let result = answer.unwrap_or_else(|_| Err("no answer in time".into()));
    if let Err(error) = &result {
        tracing::warn!(dependency = name, error, "dependency is down");
    }
    Dependency { name, status: if result.is_ok() { Status::Up } else { Status::Down } }
}
