//! Versions of mutable resources as strong entity tags, and `If-Match` against lost updates (RFC 9110, 13.1.1).

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;

use crate::{input::Json, problem::Problem};

/// A body with the `ETag` of its version.
#[derive(Debug)]
pub struct Versioned<T> {
    /// The resource.
    pub body: T,
    /// Grows by one with every change.
    pub version: i64,
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        response.headers_mut().insert(header::ETAG, tag(self.version));
        response
    }
}

/// The strong entity tag of a version.
pub fn tag(version: i64) -> HeaderValue {
    // Digits and quotes: always a valid header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The `If-Match` header: only change what the client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No header, or `*`: any version will do.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// Whether a resource at `version` may be changed; otherwise 412.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Versions(versions) if versions.contains(&version) => Ok(()),
            Self::Versions(_) => Err(Problem::stale()),
        }
    }

    fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        // A tag that is not ours, a weak one included, matches no version: strong comparison.
        let version = |tag: &str| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        Self::Versions(header.split(',').filter_map(version).collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self::Any) };
        let text = value.to_str().map_err(|_| Problem::malformed("If-Match must be plain ASCII."))?;
        Ok(Self::parse(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_takes_lists_and_stars_and_compares_strongly() {
        assert_eq!(IfMatch::parse("*"), IfMatch::Any);
        assert_eq!(IfMatch::parse("\"3\", \"4\""), IfMatch::Versions(vec![3, 4]));
        assert!(IfMatch::parse("\"3\"").check(3).is_ok());
        for stale in ["\"2\"", "W/\"3\"", "3", "\"x\"", ""] {
            assert!(IfMatch::parse(stale).check(3).is_err(), "{stale} matched version 3");
        }
    }
}
