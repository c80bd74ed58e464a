//! [`Json`]: a body as an extractor, within limits, and as an answer. [`RawBody`]: one that is not read as JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::Serialize;
use serde_json::Value;

use super::{Fields, FromFields};
use crate::{http::single, problem::Problem};

/// The largest body that a route takes unless it has a limit of its own (webhooks do), in bytes. Larger data goes through
/// presigned uploads.
pub const MAX_BODY: usize = 256 * 1024;
/// How deep a body may be nested. Our deepest request has four levels.
pub const MAX_DEPTH: usize = 16;

/// A JSON body: read into `T`, or written from it.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::unsupported_media_type("application/json, in UTF-8 and without a Content-Encoding,"));
        }
        let body = body(request, state).await?;
        let value = read_json(&body)?;
        Fields::read(value).map(Json).map_err(Problem::invalid_input)
    }
}

/// The bytes of a body as they came, for what is signed over them. 413 above the route's
/// limit, which is [`MAX_BODY`] unless the route says otherwise.
#[derive(Debug, Clone)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        body(request, state).await.map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, json)], body).into_response(),
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

/// Reads a body of at most as many bytes as the route takes.
async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            return Problem::too_large();
        }
        Problem::malformed("The body could not be read to its end.")
    })
}

/// Whether the body is said to be JSON as it is read here. JSON has no parameters (RFC 8259, 11); a charset that is not
/// UTF-8 says that the bytes mean something else.
fn is_json(request: &Request) -> bool {
    let headers = request.headers();
    let value = single(headers, &header::CONTENT_TYPE).ok().flatten().and_then(|value| value.to_str().ok());
    let (media, parameters) = value.unwrap_or_default().split_once(';').unwrap_or((value.unwrap_or_default(), ""));
    let is_json =
        ["application/json", "application/merge-patch+json"].iter().any(|json| media.trim().eq_ignore_ascii_case(json));
    let is_utf8 = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    is_json && is_utf8 && is_plain
}

/// Any JSON that is not nested too deeply. 400 otherwise: `too_deep` or `malformed_json`.
pub fn read_json(body: &[u8]) -> Result<Value, Problem> {
    if depth(body) > MAX_DEPTH {
        return Err(Problem::too_deep(MAX_DEPTH));
    }
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::malformed_json(format!("JSON ends or breaks at line {line}, column {column}."))
    })
}

/// The deepest nesting of brackets outside strings; good enough before parsing, exact for valid JSON.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(br#"{"a": [[1], "[[[[\"[["]}"#), 3);
        assert_eq!(depth(&[b'['; 1000]), 1000);
    }
}
