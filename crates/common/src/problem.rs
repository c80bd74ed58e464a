//! Every failure a client can see, as RFC 9457 problem details.
//!
//! A [`Problem`] is made where the failure is understood, travels as an error, and is written once, by
//! [`crate::http::with_middleware`], which adds the request id and logs the cause. The cause is never sent.

use std::{error::Error, ops::Deref, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{cause::chain, sku::Sku};

/// One bad field of a request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field in the request body.
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    /// Stable code of the error, for programs.
    #[schema(example = "out_of_range")]
    pub code: String,
    /// Description of the error, for people; it never repeats the value.
    #[schema(example = "must be from 1 to 999")]
    pub message: String,
    /// SKU of the line that the error is about; absent when it is about no line. Lines of a cart are not in the
    /// request: `pointer` then names the field that refers to the cart, or is empty when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
}

impl FieldError {
    /// An error of a field.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into(), sku: None }
    }

    /// An error of a line with this SKU.
    #[must_use]
    pub fn of_sku(self, sku: &Sku) -> Self {
        Self { sku: Some(sku.clone()), ..self }
    }
}

/// The most bad fields that one problem lists, so that an answer does not grow to many times its request.
pub const MAX_ERRORS: usize = 50;

/// Bad fields: the first [`MAX_ERRORS`] of them, and how many more there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors {
    first: Vec<FieldError>,
    omitted: usize,
}

impl FieldErrors {
    /// Adds an error, which is created only if it will be listed.
    pub fn push(&mut self, make: impl FnOnce() -> FieldError) {
        if self.first.len() < MAX_ERRORS {
            self.first.push(make());
        } else {
            self.omitted += 1;
        }
    }

    /// The number of errors that are not listed.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl Deref for FieldErrors {
    type Target = [FieldError];

    fn deref(&self) -> &[FieldError] {
        &self.first
    }
}

impl From<Vec<FieldError>> for FieldErrors {
    fn from(mut first: Vec<FieldError>) -> Self {
        let omitted = first.len().saturating_sub(MAX_ERRORS);
        first.truncate(MAX_ERRORS);
        Self { first, omitted }
    }
}

impl From<FieldErrors> for Vec<FieldError> {
    fn from(errors: FieldErrors) -> Self {
        errors.first
    }
}

impl IntoIterator for FieldErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter()
    }
}

/// Problem details (RFC 9457) with the request id and the bad fields.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "not_found", "title": "Not found", "status": 404,
    "detail": "The resource does not exist, or is not yours.", "request_id": "0b0f2c9e-6c1f-4a52-9d0a-1f0d3d0f6d11"
}))]
pub struct ProblemBody<'a> {
    /// Stable slug of the problem (a relative URI reference), for programs to decide by.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "not_found")]
    kind: &'a str,
    /// Summary of the problem; the same for every occurrence.
    title: &'a str,
    /// HTTP status of the answer.
    status: u16,
    /// Explanation of this occurrence, and what to do about it.
    detail: &'a str,
    /// Request id, by which support finds the log lines.
    request_id: &'a str,
    /// All bad fields of the body, at most 50; absent when no field is refused.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Option<Vec<FieldError>>, nullable = false, max_items = 50)]
    errors: &'a [FieldError],
    /// Number of bad fields that `errors` leaves out; absent when it lists all.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(value_type = Option<u64>, nullable = false, minimum = 1)]
    errors_omitted: usize,
    /// Name of the refused query parameter; absent when no parameter is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    parameter: Option<&'a str>,
    /// Members that only this type of problem has (RFC 9457, 3.2); the operation's documentation names them.
    #[serde(flatten)]
    #[schema(ignore)]
    more: &'a Map<String, Value>,
}

// serde passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A failure with its answer for the client.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: String,
    errors: FieldErrors,
    parameter: Option<String>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem that one service defines: `kind` is a stable slug, and `title` the same for every occurrence.
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let (detail, errors, more, headers) = (detail.into(), FieldErrors::default(), Map::new(), Vec::new());
        Self(Box::new(Parts { kind, title, status, detail, errors, parameter: None, more, headers, cause: None }))
    }

    /// 400: the request could not be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", "The request cannot be read", detail)
    }

    /// 400: the body is not JSON.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not JSON", detail)
    }

    /// 400: the body is nested deeper than `limit`.
    pub fn too_deep(limit: usize) -> Self {
        let detail = format!("The body is nested more than {limit} levels deep.");
        Self::new(StatusCode::BAD_REQUEST, "too_deep", "The body is nested too deeply", detail)
    }

    /// 400: the query string is invalid.
    pub fn invalid_query(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", "The query is not valid", detail)
    }

    /// 400: one parameter of the query is refused; `message` completes "limit ...".
    pub fn invalid_parameter(name: &str, message: &str) -> Self {
        let mut problem = Self::invalid_query(format!("{name} {message}."));
        problem.0.parameter = Some(name.to_owned());
        problem
    }

    /// 400: a part of the path is invalid.
    pub fn invalid_path(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_path", "The path is not valid", detail)
    }

    /// 400: the route needs an idempotency key, and the request has none.
    pub fn idempotency_key_missing() -> Self {
        let detail = "Send Idempotency-Key with a new value for this attempt, such as a random UUID, and the same value \
                      when you repeat it.";
        Self::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", "An idempotency key is needed", detail)
    }

    /// 400: the idempotency key is malformed.
    pub fn idempotency_key_malformed() -> Self {
        let detail = "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters, in quotes if a comma is \
                      among them.";
        Self::new(StatusCode::BAD_REQUEST, "idempotency_key_malformed", "The idempotency key cannot be read", detail)
    }

    /// 401, with the challenge RFC 6750 asks for.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid access token is needed", detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bodega\""))
    }

    /// 403: the token is valid but lacks `scope`.
    pub fn forbidden(scope: &str) -> Self {
        let detail = format!("This route needs an access token with the scope {scope}.");
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The access token does not allow this", detail)
    }

    /// 404: absent, or not the caller's; the two look the same on purpose.
    pub fn not_found() -> Self {
        let detail = "The resource does not exist, or is not yours.";
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// 404: no route has this path.
    pub fn unknown_route() -> Self {
        let detail = "No route has this path. The API reference lists them all.";
        Self::new(StatusCode::NOT_FOUND, "unknown_route", "Unknown route", detail)
    }

    /// 405: the path exists, the method does not; the router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        let detail = "This path does not support this method; Allow lists the methods that it supports.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
    }

    /// 409: the request is valid, but contradicts the current state.
    pub fn conflict(kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, title, detail)
    }

    /// 412: the resource was changed since the client read it.
    pub fn stale() -> Self {
        let detail = "The resource was changed since you read it: read it again and repeat your change.";
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", "The resource has changed", detail)
    }

    /// 413: the body is larger than its route accepts. Limits differ by route, and the extractor does not know them.
    pub fn too_large() -> Self {
        let detail = "The body is larger than this route accepts.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
    }

    /// 415: the body is declared as something other than `expected`.
    pub fn unsupported_media_type(expected: &'static str) -> Self {
        let detail = format!("Send the body as {expected} and say so in Content-Type.");
        let title = "The media type of the body is not supported";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title, detail)
    }

    /// 422: the body was read, and these of its fields are refused.
    pub fn invalid_input(errors: impl Into<FieldErrors>) -> Self {
        let errors = errors.into();
        let detail = match (errors.len(), errors.omitted) {
            (1, 0) => "One field of the body is refused; errors says which and why.".to_owned(),
            (n, 0) => format!("{n} fields of the body are refused; errors says which and why."),
            (n, more) => format!("{} fields of the body are refused; errors lists the first {n} of them.", n + more),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", "The input is refused", detail);
        problem.0.errors = errors;
        problem
    }

    /// 429: too many attempts; the next may be made after `wait`.
    pub fn too_many_requests(detail: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests", detail)
            .with_retry_after(wait)
    }

    /// 500: an internal error. The cause is logged with the request id.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "An internal error occurred. It was logged with the request id: name that when you ask for help.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail).with_cause(cause)
    }

    /// 503: a dependency of this route does not answer; the client should try again soon.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail =
            "A part of the shop does not answer at the moment. Wait as long as Retry-After says, then try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable", detail)
            .with_retry_after(Duration::from_secs(2))
            .with_cause(cause)
    }

    /// Adds the refused fields.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors.into();
        self
    }

    /// Adds a member that only this type of problem has, such as the current price.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: Value) -> Self {
        self.0.more.insert(name.to_owned(), value);
        self
    }

    /// Adds the cause, which is logged and never sent.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The stable slug.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The explanation of this occurrence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The refused fields; empty when there are none.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The causes, outermost first, in one line for the log.
    pub(crate) fn cause(&self) -> Option<String> {
        let first: &(dyn Error + 'static) = self.0.cause.as_deref()?;
        Some(chain(first))
    }

    /// Writes the answer.
    pub(crate) fn write(&self, request_id: &str) -> Response {
        let Parts { kind, title, status, detail, errors, parameter, more, headers, .. } = &*self.0;
        let (errors_omitted, parameter, status_code) = (errors.omitted, parameter.as_deref(), status.as_u16());
        let body = ProblemBody {
            kind,
            title,
            status: status_code,
            detail,
            request_id,
            errors,
            errors_omitted,
            parameter,
            more,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (*status, [content_type], json).into_response();
        response.headers_mut().extend(headers.iter().cloned());
        response
    }
}

/// The problem travels inside the response until [`crate::http::with_middleware`] writes it, once, with the request id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("reading the catalogue")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn the_log_gets_the_whole_chain_of_causes() {
        let problem = Problem::internal(Outer(std::io::Error::other("connection reset")));
        assert_eq!(problem.cause().unwrap(), "reading the catalogue: connection reset");
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let response = Problem::too_many_requests("Slow down.", Duration::from_millis(1500)).write("r");
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
