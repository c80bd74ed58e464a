//! The HTTP side: the paths and headers of AWS's runtime, extensions and telemetry APIs.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};

use crate::invocations::{FUNCTION_ARN, Invocations, InvokeError};

type Shared = State<Arc<Invocations>>;

/// Lambda's limit for a synchronous answer: 6 MB.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

pub(crate) fn router(invocations: Arc<Invocations>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
        .route("/2018-06-01/runtime/init/error", post(fail_to_start))
        .route("/2020-01-01/extension/register", post(register))
        .route("/2020-01-01/extension/event/next", get(next_event))
        .route("/2020-01-01/extension/init/error", post(accept))
        .route("/2020-01-01/extension/exit/error", post(accept))
        .route("/2022-07-01/telemetry", put(accept))
        .layer(DefaultBodyLimit::max(LARGEST_ANSWER))
        .with_state(invocations)
}

async fn next(State(invocations): Shared) -> impl IntoResponse {
    let invocation = invocations.next().await;
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", FUNCTION_ARN.to_owned()),
        ("lambda-runtime-trace-id", invocation.trace),
    ];
    (headers, Json(invocation.payload))
}

async fn respond(State(invocations): Shared, Path(id): Path<String>, body: Bytes) -> Response {
    // A function may answer with nothing at all, or with something that is not JSON.
    let answer = match serde_json::from_slice(&body) {
        Ok(answer) => answer,
        Err(_) if body.is_empty() => Value::Null,
        Err(_) => Value::String(String::from_utf8_lossy(&body).into_owned()),
    };
    accepted(invocations.answer(&id, Ok(answer)))
}

async fn fail(State(invocations): Shared, Path(id): Path<String>, body: Bytes) -> Response {
    accepted(invocations.answer(&id, Err(function_error(&body))))
}

async fn fail_to_start(State(invocations): Shared, body: Bytes) -> Response {
    invocations.abandon(function_error(&body));
    accepted(true)
}

fn function_error(body: &[u8]) -> InvokeError {
    let report: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    InvokeError::Function { kind: text("errorType"), message: text("errorMessage") }
}

fn accepted(known: bool) -> Response {
    if known {
        (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
    } else {
        refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation of that id is running")
    }
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({ "errorType": kind, "errorMessage": message }))).into_response()
}

async fn register(State(invocations): Shared, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let wants_invoke = request["events"].as_array().is_some_and(|events| events.iter().any(|event| event == "INVOKE"));
    let Some(id) = invocations.register(wants_invoke) else {
        return refused(StatusCode::FORBIDDEN, "Extension.RegistrationClosed", "the function has started already");
    };
    let function = json!({
        "functionName": invocations.function_name(),
        "functionVersion": "$LATEST",
        "handler": "bootstrap",
    });
    ([("lambda-extension-identifier", id)], Json(function)).into_response()
}

async fn next_event(State(invocations): Shared, headers: HeaderMap) -> Response {
    let id = headers.get("lambda-extension-identifier").and_then(|id| id.to_str().ok()).unwrap_or_default();
    match invocations.next_event(id).await {
        Some(event) => ([("lambda-extension-event-identifier", id.to_owned())], Json(event)).into_response(),
        None => refused(StatusCode::FORBIDDEN, "Extension.UnknownExtensionIdentifier", "register first"),
    }
}

async fn accept() -> Response {
    accepted(true)
}
