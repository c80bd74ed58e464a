//! Versions of mutable resources as strong entity tags: `If-Match` against lost updates, `If-None-Match` against sending
//! what is known (RFC 9110, 13.1).

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
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

impl<T: Serialize> Versioned<T> {
    /// The body, or 304 without one where the client has this version.
    pub fn unless_known(self, known: &IfNoneMatch) -> Response {
        if !known.has(self.version) {
            return self.into_response();
        }
        (StatusCode::NOT_MODIFIED, [(header::ETAG, tag(self.version))]).into_response()
    }
}

/// The strong entity tag of a version.
pub fn tag(version: i64) -> HeaderValue {
    // Digits and quotes: always a valid header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A header that is a list, which may be sent in several lines (RFC 9110, 5.3); `None` where one is not ASCII.
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
    Some(lines.ok()?.join(","))
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
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Any);
        }
        let text = list(&parts.headers, &header::IF_MATCH);
        Ok(Self::parse(&text.ok_or_else(|| Problem::malformed("If-Match must be plain ASCII."))?))
    }
}

/// The `If-None-Match` header: only send what the client has not got (RFC 9110, 13.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// `*`: the client has got some version.
    Any,
    /// These versions; none without the header.
    Versions(Vec<i64>),
}

impl IfNoneMatch {
    fn has(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }

    fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        // Weak comparison: caches make tags weak when they compress.
        let version = |tag: &str| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok()
        };
        Self::Versions(header.split(',').filter_map(version).collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(&list(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_and_stars_and_compares_weakly() {
        for known in ["*", "\"3\"", "W/\"3\"", "\"2\", W/\"3\""] {
            assert!(IfNoneMatch::parse(known).has(3), "{known}");
        }
        for other in ["", "\"2\"", "3", "W/3", "\"x\""] {
            assert!(!IfNoneMatch::parse(other).has(3), "{other}");
        }
    }

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
