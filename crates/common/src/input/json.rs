//! [`Json`]: a JSON body, as an extractor with limits and as an answer. [`RawBody`]: a body that is not read as JSON.

use std::fmt;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Fields, FromFields};
use crate::{http::headers::single, problem::Problem};

/// The largest body of a route without a limit of its own (webhooks have one), in bytes. Larger data is uploaded with
/// presigned forms.
pub const MAX_BODY: usize = 256 * 1024;
/// How deep a body may be nested. The deepest request has four levels.
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

/// The raw bytes of a body, for signatures over them. 413 above the route's limit, which is [`MAX_BODY`] by default.
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

/// Reads a body up to the limit of the route.
async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
            return Problem::too_large();
        }
        Problem::malformed("The body could not be read to its end.")
    })
}

/// Whether the headers declare JSON in UTF-8. JSON has no parameters (RFC 8259, 11), but a charset other than UTF-8
/// would give the bytes another meaning.
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

/// Reads any JSON that is not nested too deeply and has no repeated members in an object: parsers differ in which of
/// them they use (RFC 8259, 4). 400 otherwise: `too_deep` or `malformed_json`.
pub fn read_json(body: &[u8]) -> Result<Value, Problem> {
    if depth(body) > MAX_DEPTH {
        return Err(Problem::too_deep(MAX_DEPTH));
    }
    let read = serde_json::from_slice(body).map(|Distinct(value)| value);
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        // Every value is accepted, so a data error can only be a repeated member.
        let wrong =
            if error.is_data() { "A member of an object is repeated" } else { "The JSON is malformed or incomplete" };
        Problem::malformed_json(format!("{wrong} at line {line}, column {column}."))
    })
}

/// A value in which no object has a repeated member, at any depth. (`serde_json::Value` keeps the last one.)
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AnyDistinct).map(Self)
    }
}

struct AnyDistinct;

impl<'de> Visitor<'de> for AnyDistinct {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Distinct(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Distinct(value))) = object.next_entry::<String, Distinct>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member is repeated"));
            }
        }
        Ok(Value::Object(members))
    }
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

    #[test]
    fn a_member_that_is_named_twice_is_refused_at_any_depth_without_its_value() {
        for twice in [
            r#"{"quantity": 1, "quantity": 7}"#,
            r#"{"quantity": 1, "quantity": 1}"#,
            r#"{"a": {"b": [1, {"swordfish": "swordfish", "c": 2, "swordfish": null}]}}"#,
            r#"[{"a": 1, "\u0061": 2}]"#,
            r#"{"": 1, "": 2}"#,
        ] {
            let problem = read_json(twice.as_bytes()).expect_err(twice);
            assert_eq!((problem.status().as_u16(), problem.kind()), (400, "malformed_json"), "{twice}");
            assert!(problem.detail().starts_with("A member of an object is repeated"), "{}", problem.detail());
            assert!(!problem.detail().contains("swordfish"), "{}", problem.detail());
        }
        assert!(
            read_json(br#"{"a": 1, "a": }"#).unwrap_err().detail().starts_with("The JSON is malformed or incomplete")
        );
    }

    #[test]
    fn every_value_is_read_as_it_is_written() {
        for text in [
            r#"{"a":[{"b":1},{"b":2}],"b":{"a":{"a":null}},"c":[],"d":{}}"#,
            r#"[true,false,null,"","\u0000\u00e9\ud83d\ude00",0,-1,1.5,1e300,-0.0,18446744073709551615,-9223372036854775808]"#,
            "9223372036854775808",
            "\"text\"",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read_json(text.as_bytes()).unwrap(), expected, "{text}");
        }
        for broken in ["", "{", "[1,]", "{} {}", "{\"a\":1,}", "nul", "\"\\ud800\"", "1e999"] {
            assert_eq!(read_json(broken.as_bytes()).unwrap_err().kind(), "malformed_json", "{broken}");
        }
    }
}
