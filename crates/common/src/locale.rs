//! Language tags (BCP 47): how somebody writes, and which language they read.

use std::{fmt, str::FromStr};

use icu_locale_core::{Locale, locale};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::input::Refusal;

/// The most characters of a tag.
const MAX: usize = 64;

/// A well-formed language tag in its canonical capitals: `en-gb` is kept as `en-GB`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LanguageTag(Locale);

impl LanguageTag {
    /// The language's code, such as `en`.
    pub fn language(&self) -> &str {
        self.0.id.language.as_str()
    }

    /// The region's code, such as `GB` or `419`.
    pub fn region(&self) -> Option<&str> {
        self.0.id.region.as_ref().map(|region| region.as_str())
    }
}

/// `en-US`.
impl Default for LanguageTag {
    fn default() -> Self {
        Self(locale!("en-US"))
    }
}

impl FromStr for LanguageTag {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_locale", "must be a language tag of BCP 47 such as en-GB");
        // The parser takes `en_GB`, which BCP 47 does not.
        let is_a_tag = text.len() <= MAX && !text.contains('_');
        is_a_tag.then(|| text.parse().ok()).flatten().map(Self).ok_or_else(refusal)
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string())
    }
}

impl Serialize for LanguageTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LanguageTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for LanguageTag {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A language tag of BCP 47."))
            .max_length(Some(MAX))
            .examples(["en-GB"])
            .into()
    }
}

impl ToSchema for LanguageTag {
    fn name() -> std::borrow::Cow<'static, str> {
        "LanguageTag".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_kept_in_its_canonical_capitals() {
        for (text, kept) in [("en-gb", "en-GB"), ("ZH-hant-tw", "zh-Hant-TW"), ("ca-ES-valencia", "ca-ES-valencia")] {
            assert_eq!(text.parse::<LanguageTag>().unwrap().to_string(), kept);
        }
        let tag: LanguageTag = "de-DE-u-co-phonebk".parse().unwrap();
        assert_eq!((tag.language(), tag.region()), ("de", Some("DE")));
        for text in ["", "en_GB", "*", "Ada Lovelace"] {
            assert_eq!(text.parse::<LanguageTag>().unwrap_err().code, "invalid_locale", "{text}");
        }
    }
}
