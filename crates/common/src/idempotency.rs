//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a client's key for one attempt, so that a repeated
//! request has one effect.

use std::{fmt, str::FromStr};

use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use crate::{
    http::{Repeated, single},
    input::Refusal,
    problem::Problem,
};

/// The name of the header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters; Stripe's limit.
pub const MAX_LENGTH: usize = 255;

/// The pattern of the header: a bare key, or a quoted string.
const WRITTEN: &str = r#"^([!#-+\--~][ -+\--~]*|"([ !#-\[\]-~]|\\["\\])+")$"#;

/// A key as an extractor: 400 when it is absent, given twice, or not 1 to 255 visible ASCII characters.
///
/// The draft writes it as a quoted string of RFC 9651, most clients write it bare: `"8e03"` and `8e03` are one key. A
/// gateway joins repeated headers with commas, so a key with a comma must be quoted: bare, `a,b` is two keys. Keys
/// belong to their caller: two callers may use the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest)?,
            None => Some(text).filter(|text| !text.contains(','))?.to_owned(),
        };
        let is_plain = bare.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        (is_plain && (1..=MAX_LENGTH).contains(&bare.len())).then_some(Self(bare))
    }
}

/// The text between the quotes, with `\"` and `\\` unescaped; nothing may follow the closing quote.
fn unquoted(rest: &str) -> Option<String> {
    let mut bare = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(bare),
            '\\' => bare.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => bare.push(other),
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let message = format!("must be 1 to {MAX_LENGTH} visible ASCII characters");
        Self::read(text).ok_or_else(|| Refusal::new("malformed_key", message))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given =
            single(&parts.headers, &IDEMPOTENCY_KEY).map_err(|Repeated| Problem::idempotency_key_malformed())?;
        let given = given.ok_or_else(Problem::idempotency_key_missing)?;
        given.to_str().ok().and_then(Self::read).ok_or_else(Problem::idempotency_key_malformed)
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_LENGTH)).pattern(Some(WRITTEN));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(
                "Key of this attempt: a new one, such as a random UUID, for each operation, and the same one when you repeat \
                the request. The same key with the same request gets the stored answer; with another request it is \
                refused. Send the header once. Quotes are optional and not part of the key; a key with a comma needs \
                them.",
            ))
            .schema(Some(schema.build()))
            .example(Some("0b0f2c9e-6c1f-4a52-9d0a-1f0d3d0f6d11".into()));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        value.parse().ok().map(|key: IdempotencyKey| key.0)
    }

    #[test]
    fn a_quoted_key_and_the_bare_one_are_the_same() {
        for written in ["8e03", "\"8e03\"", "  8e03 ", " \"8e03\" "] {
            assert_eq!(read(written).as_deref(), Some("8e03"), "{written}");
        }
        assert_eq!(read(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(read("\"a, b\"").as_deref(), Some("a, b"), "one string");
    }

    #[test]
    fn two_keys_that_a_gateway_joined_are_no_key() {
        for joined in ["a,b", "a, b", "a,", ",a", ",", "\"a\",\"b\"", "\"a\", b", "a,\"b\"", "\"a\",", "\"a,b\",c"] {
            assert_eq!(read(joined), None, "{joined} was taken");
        }
    }

    #[test]
    fn keys_are_1_to_255_visible_characters() {
        assert_eq!(read(&"x".repeat(255)).map(|key| key.len()), Some(255));
        let too_long = "x".repeat(256);
        for refused in ["", " ", "\"\"", "\"open", "\"a\"b", r#""a\n""#, "\"", "t\u{e9}", "a\tb", too_long.as_str()] {
            assert_eq!(read(refused), None, "{refused:?} was taken");
        }
    }
}
