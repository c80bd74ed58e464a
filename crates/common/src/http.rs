//! The middleware of every router: request id, one log line a request, deadline, body limit, panics, unknown routes.

use std::{
    any::Any,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, info_span};
use uuid::Uuid;

pub use self::headers::{Repeated, single};
use crate::{input::MAX_BODY, problem::Problem};

pub(crate) mod headers;

/// The tracing target of the log line of each request; no other event has it.
pub const REQUEST: &str = "bodega::request";
/// The route in logs and metrics of requests that match none, so that paths of clients are not repeated.
pub const UNMATCHED: &str = "unmatched";

/// The header with the request id, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C trace context, passed on unchanged.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// When a request reached the process; its deadline and latency count from then. Without it in the request's
/// extensions, they count from the middleware.
#[derive(Debug, Clone, Copy)]
pub struct ArrivedAt(Instant);

impl ArrivedAt {
    /// The current moment.
    pub fn now() -> Self {
        Self(Instant::now())
    }
}

/// The source address of a request, from the gateway or the CDN, and never from a client's header. The Lambda entry
/// adds it to the request's extensions (`platform::source`); without it, no source address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceAddress(pub IpAddr);

/// A request that the Lambda entry refuses before routing. It is logged and answered like any other.
#[derive(Debug, Clone)]
pub struct Refused(pub Problem);

/// The context of the current request; handlers pass it on to calls of other services.
#[derive(Debug, Clone)]
pub struct RequestContext(Arc<Context>);

#[derive(Debug)]
struct Context {
    id: String,
    traceparent: Option<HeaderValue>,
    source: Option<IpAddr>,
    caller: OnceLock<String>,
}

impl RequestContext {
    /// The request id: the client's when it is well-formed, else a new one.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The caller's trace context.
    pub fn traceparent(&self) -> Option<&HeaderValue> {
        self.0.traceparent.as_ref()
    }

    /// The source address, when it is known.
    pub fn source(&self) -> Option<IpAddr> {
        self.0.source
    }

    /// Sets the caller of the log line: an id, never a name.
    pub(crate) fn set_caller(&self, subject: &impl ToString) {
        // A second extractor of the request finds the same caller.
        let _ = self.0.caller.set(subject.to_string());
    }

    fn of(request: &Request) -> Self {
        let headers = request.headers();
        let given =
            single(headers, &REQUEST_ID).ok().flatten().and_then(|id| id.to_str().ok()).filter(|id| is_request_id(id));
        let id = given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let traceparent = single(headers, &TRACEPARENT).ok().flatten();
        let traceparent = traceparent.filter(|trace| is_traceparent(trace.as_bytes())).cloned();
        let source = request.extensions().get::<SourceAddress>().map(|source| source.0);
        Self(Arc::new(Context { id, traceparent, source, caller: OnceLock::new() }))
    }
}

/// Whether the id is short and safe in a log; the gateway's own ids look like `JKJaXmPLvHcESHA=`.
fn is_request_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=+/".contains(&b))
}

/// Whether it is one value of W3C's form (Trace Context, 3.2): version, trace id, parent id, flags, and what later
/// versions add. A gateway joins repeated headers with commas, and "a,b" is no trace.
fn is_traceparent(value: &[u8]) -> bool {
    let is_plain = value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    is_plain && (55..=256).contains(&value.len())
}

/// Surrounds a service's routes. `OPTIONS` is answered 204 on every path. A request that takes longer than `deadline`
/// is answered 503, so that a client gets an answer in time when a dependency hangs.
pub fn with_middleware(router: Router, deadline: Duration) -> Router {
    router
        .fallback(async || Problem::unknown_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(move |request, next| limit_time(deadline, request, next)))
        .layer(middleware::from_fn(observe))
}

/// Answers a panic with 500. The panic hook logs message and location with the same request id (`platform::telemetry`).
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Problem::internal("the handler panicked").into_response()
}

async fn limit_time(deadline: Duration, request: Request, next: Next) -> Response {
    let left = deadline.saturating_sub(arrival(&request).elapsed());
    match tokio::time::timeout(left, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(format!("no answer after {} ms", deadline.as_millis())).into_response(),
    }
}

fn arrival(request: &Request) -> Instant {
    request.extensions().get::<ArrivedAt>().map_or_else(Instant::now, |arrived| arrived.0)
}

/// Gives the request its id, writes the problem if the answer is one, and logs the request in one line.
async fn observe(mut request: Request, next: Next) -> Response {
    static WARM: AtomicBool = AtomicBool::new(false);
    let started = arrival(&request);
    let cold_start = !WARM.swap(true, Ordering::Relaxed);
    let context = RequestContext::of(&request);
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(context.clone());

    let mut response = match request.extensions_mut().remove::<Refused>() {
        Some(Refused(problem)) => problem.into_response(),
        // A browser's preflight needs a 2xx for every path. The gateway decides which origins are allowed, and adds the
        // CORS headers to this answer.
        None if method == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        None => next.run(request).instrument(info_span!("request", request_id = context.id())).await,
    };

    let mut cause = None;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        cause = problem.cause();
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.write(context.id());
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    if let Ok(id) = HeaderValue::from_str(context.id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // An answer without a cache header must not be stored by browsers, CDNs or proxies.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let route = route(&method, path.as_ref(), response.status());
    log(&context, &method, &route, &response, cause.as_deref(), started.elapsed(), cold_start);
    response
}

/// The route in logs and metrics, as in the OpenAPI document: `GET /products/{product_id}`. Clients can send any
/// method, so one that the path does not have counts as [`UNMATCHED`], and so does a preflight.
fn route(method: &Method, path: Option<&MatchedPath>, status: StatusCode) -> String {
    let is_described = status != StatusCode::METHOD_NOT_ALLOWED && method != Method::OPTIONS;
    let path = path.map(MatchedPath::as_str).filter(|_| is_described);
    let Some(path) = path else { return UNMATCHED.to_owned() };
    let method = method.as_str();
    let mut route = String::with_capacity(method.len() + 1 + path.len());
    route.push_str(method);
    route.push(' ');
    route.push_str(path);
    route
}

// One line has all fields of a request; splitting the parameters would only hide their number.
fn log(
    context: &RequestContext,
    method: &Method,
    route: &str,
    response: &Response,
    cause: Option<&str>,
    took: Duration,
    cold_start: bool,
) {
    let status = response.status().as_u16();
    let latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let caller = context.0.caller.get().map(String::as_str);
    let (id, method) = (context.id(), method.as_str());
    if status >= 500 {
        tracing::error!(
            target: REQUEST,
            request_id = id,
            method,
            route,
            caller,
            status,
            latency_ms,
            cold_start,
            error = cause,
            "request"
        );
    } else {
        tracing::info!(
            target: REQUEST,
            request_id = id,
            method,
            route,
            caller,
            status,
            latency_ms,
            cold_start,
            error = cause,
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_context_is_one_value_of_its_form() {
        assert!(is_traceparent(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let two = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01,00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for refused in ["", "00-1-2-01", "jane@example.com", two, &"a".repeat(257)] {
            assert!(!is_traceparent(refused.as_bytes()), "{refused}");
        }
    }

    #[test]
    fn only_short_plain_request_ids_are_taken_over() {
        assert!(is_request_id("JKJaXmPLvHcESHA="));
        assert!(is_request_id("0b0f2c9e-6c1f-4a52-9d0a-1f0d3d0f6d11"));
        for refused in ["short", "has space here", "line\nbreak", "{\"json\":1}", &"x".repeat(65)] {
            assert!(!is_request_id(refused), "{refused} was taken over");
        }
    }
}
