//! Versions of mutable resources as strong entity tags: `If-Match` prevents lost updates, `If-None-Match` saves sending
//! a version that the client has (RFC 9110, 13.1).
//!
//! A tag names a representation (RFC 9110, 8.8), so it holds two things: which document is shown, and which version of
//! it. The version alone is not enough: a path such as a slug may lead to another document later, and that document may
//! have reached the same version.

use std::{convert::Infallible, fmt};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};
use uuid::Uuid;

use crate::{input::Json, problem::Problem};

/// A strong entity tag: one version of one document. Written as `"<document>-<version>"`, such as
/// `"9c415f0e8a1b2c3d-3"`. Clients take it from an answer and send it back; they never build one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag {
    /// The number of the document ([`number`]).
    pub document: u64,
    /// The version of the document, which grows with every change.
    pub version: i64,
}

impl ETag {
    /// The tag of a version of the document with this id.
    pub fn new(document: Uuid, version: i64) -> Self {
        Self { document: number(document), version }
    }

    /// Parses a tag exactly as this service writes it, quotes included: tags are compared character by character (RFC
    /// 9110, 8.8.3.2).
    fn parse(quoted: &str) -> Option<Self> {
        let (document, version) = quoted.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
        let tag = Self { document: u64::from_str_radix(document, 16).ok()?, version: version.parse().ok()? };
        (tag.to_string() == quoted).then_some(tag)
    }

    fn header(self) -> HeaderValue {
        // Quotes, digits and a hyphen: always a valid header value.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:016x}-{}\"", self.document, self.version)
    }
}

/// The number that stands for a document in its tags: both halves of its id, so that the 62 random bits of a version 7
/// UUID count whole.
pub fn number(document: Uuid) -> u64 {
    let (high, low) = document.as_u64_pair();
    high ^ low
}

/// A body with its `ETag`.
#[derive(Debug)]
pub struct Versioned<T> {
    /// The resource.
    pub body: T,
    /// The tag of the body's document and version.
    pub tag: ETag,
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        response.headers_mut().insert(header::ETAG, self.tag.header());
        response
    }
}

impl<T: Serialize> Versioned<T> {
    /// The body, or 304 without one where the client has this version.
    pub fn unless_known(self, known: &IfNoneMatch) -> Response {
        if !known.has(self.tag) {
            return self.into_response();
        }
        (StatusCode::NOT_MODIFIED, [(header::ETAG, self.tag.header())]).into_response()
    }
}

/// The `If-Match` header: change only a version that the client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No header, or `*`: every version may be changed.
    Any,
    /// Only a version with one of these tags may be changed.
    Tags(Vec<ETag>),
}

impl IfMatch {
    /// Whether a resource with this tag may be changed; otherwise 412.
    pub fn check(&self, tag: ETag) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Tags(tags) if tags.contains(&tag) => Ok(()),
            Self::Tags(_) => Err(Problem::stale()),
        }
    }

    /// The versions of a document that may be changed, for a store to compare; `None` when any may.
    pub fn versions_of(&self, document: Uuid) -> Option<Vec<i64>> {
        let Self::Tags(tags) = self else { return None };
        let document = number(document);
        Some(tags.iter().filter(|tag| tag.document == document).map(|tag| tag.version).collect())
    }

    /// `None` where it is neither `*` nor a list of tags, each in quotes.
    fn parse(header: &str) -> Option<Self> {
        if header.trim() == "*" {
            return Some(Self::Any);
        }
        // A list may have empty elements (RFC 9110, 5.6.1.2), and not those alone.
        let tags: Vec<&str> = header.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.is_empty() || !tags.iter().all(|tag| is_tag(tag)) {
            return None;
        }
        // A tag that this service does not write, or a weak one, matches no version: strong comparison.
        Some(Self::Tags(tags.into_iter().filter_map(ETag::parse).collect()))
    }
}

/// Whether it is an entity tag of any server, without commas; tags of this service have none.
fn is_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|opaque| opaque.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)))
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let malformed =
            || Problem::malformed("If-Match must be an ETag exactly as an answer had it, quotes included, or *.");
        let text = joined(&parts.headers, &header::IF_MATCH).map_err(|_| malformed())?;
        text.map_or(Some(Self::Any), |text| Self::parse(&text)).ok_or_else(malformed)
    }
}

/// The `If-None-Match` header: send only a version that the client does not have (RFC 9110, 13.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// `*`: the client has some version.
    Any,
    /// The client has the versions with these tags; empty without the header.
    Tags(Vec<ETag>),
}

impl IfNoneMatch {
    fn has(&self, tag: ETag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&tag),
        }
    }

    fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        // Weak comparison: caches make tags weak when they compress.
        let tag = |tag: &str| ETag::parse(tag.trim().trim_start_matches("W/"));
        Self::Tags(header.split(',').filter_map(tag).collect())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = joined(&parts.headers, &header::IF_NONE_MATCH).ok().flatten();
        Ok(text.map_or_else(|| Self::Tags(Vec::new()), |text| Self::parse(&text)))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(WRITTEN));
        vec![condition(
            "If-Match",
            "The `ETag` of the version to change, exactly as the answer had it. Another current version is answered 412.",
            schema,
        )]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        vec![condition(
            "If-None-Match",
            "The `ETag` of the version that you have, exactly as the answer had it. The same current version is answered 304.",
            schema,
        )]
    }
}

/// `*`, or tags without commas in them: what [`IfMatch`] reads.
const WRITTEN: &str = r#"^(\*|(W/)?"[!#-+.-~-]*"(, *(W/)?"[!#-+.-~-]*")*)$"#;

fn condition(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// The list that a header holds, which may come on several lines (RFC 9110, 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, http::header::ToStrError> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(HeaderValue::to_str).collect::<Result<_, _>>()?;
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: Uuid = Uuid::from_u128(0x0193_8f6e_2b7c_7d3a_9c41_5f0e_8a1b_2c3d);
    const OTHER: Uuid = Uuid::from_u128(0x0193_8f6e_2b7c_7d3a_9c41_5f0e_8a1b_2c3e);

    fn ours() -> String {
        ETag::new(DOCUMENT, 3).to_string()
    }

    fn digits() -> String {
        ours().trim_matches('"').trim_end_matches("-3").to_owned()
    }

    #[test]
    fn a_tag_names_the_document_and_its_version_and_is_read_back_as_it_was_written() {
        assert_eq!(ETag::parse(&ours()), Some(ETag::new(DOCUMENT, 3)));
        assert_eq!(digits().len(), 16);
        assert_ne!(ETag::new(DOCUMENT, 3), ETag::new(OTHER, 3));
        assert_ne!(ETag::new(DOCUMENT, 3), ETag::new(DOCUMENT, 4));
        let (of, upper) = (digits(), digits().to_uppercase());
        for other in [
            "\"3\"".to_owned(),
            format!("\"{of}-03\""),
            format!("\"{of}-+3\""),
            format!("\"0{of}-3\""),
            format!("\"{upper}-3\""),
            format!("\"{of}-3-gzip\""),
            format!("\"{of}\""),
            format!("{of}-3"),
        ] {
            assert_eq!(ETag::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn if_none_match_takes_lists_and_stars_and_compares_weakly() {
        let (tag, ours) = (ETag::new(DOCUMENT, 3), ours());
        for known in ["*".to_owned(), ours.clone(), format!("W/{ours}"), format!("\"2\", W/{ours}")] {
            assert!(IfNoneMatch::parse(&known).has(tag), "{known}");
        }
        let others = [ETag::new(DOCUMENT, 2).to_string(), ETag::new(OTHER, 3).to_string(), digits()];
        for other in others.into_iter().chain(["", "\"3\"", "3", "W/3", "\"x\""].map(str::to_owned)) {
            assert!(!IfNoneMatch::parse(&other).has(tag), "{other}");
        }
    }

    #[test]
    fn if_match_takes_lists_and_stars_and_compares_strongly() {
        let (tag, ours) = (ETag::new(DOCUMENT, 3), ours());
        assert_eq!(IfMatch::parse(" * "), Some(IfMatch::Any));
        assert_eq!(IfMatch::Any.versions_of(DOCUMENT), None);
        let several = IfMatch::parse(&format!("{ours}, {}, {}", ETag::new(DOCUMENT, 4), ETag::new(OTHER, 9)));
        let several = several.unwrap();
        assert!(several.check(tag).is_ok());
        assert_eq!(several.versions_of(DOCUMENT), Some(vec![3, 4]));
        let others = [ETag::new(DOCUMENT, 2).to_string(), ETag::new(OTHER, 3).to_string(), format!("W/{ours}")];
        for stale in others.into_iter().chain(["\"3\"", "\"x\"", "\"\"", ", \"3\" ,"].map(str::to_owned)) {
            assert!(IfMatch::parse(&stale).unwrap().check(tag).is_err(), "{stale}");
        }
    }

    #[test]
    fn if_match_that_is_no_list_of_tags_is_not_taken_for_one() {
        let (ours, of) = (ours(), digits());
        let odd = ["", " ", ",", "3", "null", "\"abc", "abc\"", "\"", "*, *", "w/\"3\"", "W/3", "\"a b\"", "\"a\"b\""];
        let odd = odd.map(str::to_owned).into_iter();
        for odd in odd.chain([format!("{of}-3"), format!("*, {ours}"), format!("{ours}, 3"), format!("'{of}-3'")]) {
            assert_eq!(IfMatch::parse(&odd), None, "{odd}");
        }
    }

    #[test]
    fn a_list_may_come_on_several_lines() {
        let mut headers = HeaderMap::new();
        assert_eq!(joined(&headers, &header::IF_MATCH).unwrap(), None);
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"a\""));
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"b\", \"c\""));
        assert_eq!(joined(&headers, &header::IF_MATCH).unwrap().unwrap(), "\"a\",\"b\", \"c\"");
    }
}
