//! Query strings, read strictly; a refusal names the parameter.
//!
//! A parameter is given once; an empty one is refused, as an empty text in a body is
//! (`docs/decisions/0018-empty-values.md`).

use std::{borrow::Cow, fmt, str::FromStr};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::StrDeserializer,
};

use crate::{input::is_storable, problem::Problem};

/// The most characters of a parameter's name that an answer repeats.
const SHOWN: usize = 64;

/// Reads a query string into `T`, which says `#[serde(deny_unknown_fields)]`.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = pairs(query).map_err(Wrong::problem)?;
    T::deserialize(Parameters(pairs)).map_err(Wrong::problem)
}

/// A refused parameter, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Wrong {
    parameter: Option<String>,
    message: String,
}

impl Wrong {
    fn new(message: impl Into<String>) -> Self {
        Self { parameter: None, message: message.into() }
    }

    fn of(self, name: &str) -> Self {
        Self { parameter: Some(self.parameter.unwrap_or_else(|| name.chars().take(SHOWN).collect())), ..self }
    }

    fn problem(self) -> Problem {
        match self.parameter {
            Some(name) => Problem::invalid_parameter(&name, &self.message),
            None => Problem::invalid_query(self.message),
        }
    }
}

/// Replaces serde's own messages, which are for programmers and change with its versions.
impl de::Error for Wrong {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("has an invalid value")
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let takes = if expected.is_empty() { "none".to_owned() } else { expected.join(", ") };
        Self::new(format!("is not a parameter of this route, which takes {takes}")).of(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is required").of(field)
    }
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Parses the parameters in their order (WHATWG URL, 5.1, but strict about percent signs and UTF-8).
fn pairs(query: &str) -> Result<Vec<Pair<'_>>, Wrong> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decoded(name).ok_or_else(|| Wrong::new("The name of a parameter is not percent-encoded UTF-8."))?;
        if name.is_empty() {
            return Err(Wrong::new("A parameter has no name."));
        }
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(Wrong::new("must be given once").of(&name));
        }
        let value = decoded(value).ok_or_else(|| Wrong::new("must be percent-encoded UTF-8").of(&name))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

struct Parameters<'a>(Vec<Pair<'a>>);

impl<'de> de::Deserializer<'de> for Parameters<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries { left: self.0.into_iter(), next: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'a> {
    left: std::vec::IntoIter<Pair<'a>>,
    next: Option<Pair<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.next = self.left.next();
        let Some((name, _)) = &self.next else { return Ok(None) };
        let name: StrDeserializer<'_, Wrong> = name.as_ref().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        // serde reads the name first.
        let (name, value) = self.next.take().unwrap_or_default();
        let read = if value.trim().is_empty() {
            Err(Wrong::new("must not be empty: leave it out"))
        } else if !is_storable(&value) {
            Err(Wrong::new("must not contain NUL"))
        } else {
            seed.deserialize(Text(&value))
        };
        read.map_err(|wrong| wrong.of(&name))
    }
}

/// A value that is not empty.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn whole<N: TryFrom<i128>>(&self) -> Result<N, Wrong> {
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Wrong::new("must be a whole number"));
        }
        // A number that i128 cannot hold is out of every range.
        let number = self.0.parse::<i128>().ok().and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| Wrong::new("is out of range"))
    }

    fn parsed<N: FromStr>(&self, message: &str) -> Result<N, Wrong> {
        self.0.parse().map_err(|_| Wrong::new(message))
    }
}

macro_rules! whole {
    ($($deserialize:ident $visit:ident)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            visitor.$visit(self.whole()?)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Text<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_bool(self.parsed("must be true or false")?)
    }

    whole! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let variant: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        variant.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Sort {
        Newest,
        Price,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        q: Option<String>,
        thing: Option<Id<Sort>>,
        limit: Option<u32>,
        from: Option<i64>,
        #[serde(default)]
        in_stock: bool,
        sort: Option<Sort>,
        skus: String,
    }

    fn refusal(query: &str) -> String {
        let problem = read::<Wanted>(query).expect_err(query);
        assert_eq!(problem.kind(), "invalid_query");
        problem.detail().to_owned()
    }

    #[test]
    fn a_query_is_read_into_its_types() {
        let id = Uuid::from_u128(7);
        let query = format!("q=%C3%A9t%c3%a9+x%2B&thing={id}&limit=007&from=-5&in_stock=true&sort=price&skus=a,b&");
        let expected = Wanted {
            q: Some("\u{e9}t\u{e9} x+".into()),
            thing: Some(id.into()),
            limit: Some(7),
            from: Some(-5),
            in_stock: true,
            sort: Some(Sort::Price),
            skus: "a,b".into(),
        };
        assert_eq!(read::<Wanted>(&query).unwrap(), expected);
        let least = read::<Wanted>("&skus=a=b").unwrap();
        assert_eq!((least.skus.as_str(), least.q, least.in_stock), ("a=b", None, false));
    }

    #[test]
    fn whatever_cannot_be_read_is_refused_in_our_words_with_the_parameters_name() {
        for (query, detail) in [
            (
                "skus=a&page=2",
                "page is not a parameter of this route, which takes q, thing, limit, from, in_stock, sort, skus.",
            ),
            (
                "skus=a&page=",
                "page is not a parameter of this route, which takes q, thing, limit, from, in_stock, sort, skus.",
            ),
            ("", "skus is required."),
            ("skus=a&skus=a", "skus must be given once."),
            ("skus=a&%73kus=b", "skus must be given once."),
            ("skus=a&limit=many", "limit must be a whole number."),
            ("skus=a&limit=1.0", "limit must be a whole number."),
            ("skus=a&limit=%2B1", "limit must be a whole number."),
            ("skus=a&limit=-", "limit must be a whole number."),
            ("skus=a&limit=-1", "limit is out of range."),
            ("skus=a&from=9223372036854775808", "from is out of range."),
            ("skus=a&from=999999999999999999999999999999999999999999", "from is out of range."),
            ("skus=a&from=-999999999999999999999999999999999999999999", "from is out of range."),
            ("=&=", "A parameter has no name."),
            ("skus=a&=1", "A parameter has no name."),
            ("skus=a&=", "A parameter has no name."),
            ("skus=a&in_stock=yes", "in_stock must be true or false."),
            ("skus=a&sort=Price", "sort must be one of newest, price."),
            ("skus=a&thing=7", "thing has an invalid value."),
            ("skus=%", "skus must be percent-encoded UTF-8."),
            ("skus=%F", "skus must be percent-encoded UTF-8."),
            ("skus=%GG", "skus must be percent-encoded UTF-8."),
            ("skus=%FF", "skus must be percent-encoded UTF-8."),
            ("skus=%ED%A0%80", "skus must be percent-encoded UTF-8."),
            ("%FF=1&skus=a", "The name of a parameter is not percent-encoded UTF-8."),
            ("skus=a%00", "skus must not contain NUL."),
        ] {
            assert_eq!(refusal(query), detail, "{query}");
        }
        let long = "x".repeat(10_000);
        assert!(refusal(&format!("skus=a&{long}=1")).len() < 200);
    }

    #[test]
    fn an_empty_value_is_refused_whatever_its_type() {
        for name in ["q", "thing", "limit", "from", "in_stock", "sort", "skus"] {
            for value in ["", "=", "=+", "=%20%09"] {
                let mandatory = if name == "skus" { "" } else { "skus=a&" };
                let detail = refusal(&format!("{mandatory}{name}{value}"));
                assert_eq!(detail, format!("{name} must not be empty: leave it out."), "{value}");
            }
        }
    }
}
