//! Language tags of BCP 47.

use std::{fmt, str::FromStr};

use icu_locale_core::{LanguageIdentifier, Locale};
use oxilangtag::LanguageTag as WellFormed;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::input::Refusal;

/// Most characters of a tag. The longest that is registered or used has half as many.
const MAX: usize = 64;

/// A language tag of BCP 47 (RFC 5646), in any case; answered in the usual one. Any well-formed tag is taken; one that names no language that can be looked up (private use such as `x-shop`, grandfathered ones such as `i-klingon`) says as much as none and is answered as `und`. With `-`; `en_GB` is no such tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 2, max_length = 64, examples("en-GB"))]
pub struct LanguageTag(Locale);

impl LanguageTag {
    /// The language of ISO 639 in small letters, or `und`: undetermined.
    pub fn language(&self) -> &str {
        self.0.id.language.as_str()
    }

    /// The script of ISO 15924, such as `Hant`.
    pub fn script(&self) -> Option<&str> {
        self.0.id.script.as_ref().map(icu_locale_core::subtags::Script::as_str)
    }

    /// The country of ISO 3166-1 in capitals, or the region of UN M.49, such as `419`.
    pub fn region(&self) -> Option<&str> {
        self.0.id.region.as_ref().map(icu_locale_core::subtags::Region::as_str)
    }

    /// Variants such as `valencia`, in small letters and sorted.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.0.id.variants.iter().map(icu_locale_core::subtags::Variant::as_str)
    }

    /// Whether it names a language.
    pub fn is_preference(&self) -> bool {
        !self.0.id.language.is_unknown()
    }
}

/// `und`: no preference.
impl Default for LanguageTag {
    fn default() -> Self {
        Self(Locale::UNKNOWN)
    }
}

impl FromStr for LanguageTag {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_locale", "must be a language tag of BCP 47 such as en-GB");
        if text.len() > MAX {
            return Err(refusal());
        }
        if let Ok(locale) = Locale::try_from_str(text) {
            return Ok(Self(locale));
        }
        // Well-formed by RFC 5646, and more than Unicode's locales have: what can be looked up is taken of it.
        let tag = WellFormed::parse(text).map_err(|_| refusal())?;
        let parts = [Some(tag.primary_language()), tag.script(), tag.region()];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let id = LanguageIdentifier::try_from_str(&parts).unwrap_or(LanguageIdentifier::UNKNOWN);
        Ok(Self(id.into()))
    }
}

impl TryFrom<String> for LanguageTag {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl Serialize for LanguageTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// In the usual case, variants and extensions in order (Unicode's canonical syntax).
impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_well_formed_tag_is_taken_in_any_case_and_answered_in_the_usual_one() {
        for (tag, canonical) in [
            ("en", "en"),
            ("EN", "en"),
            ("en-gb", "en-GB"),
            ("en-GB", "en-GB"),
            ("gsw", "gsw"),
            ("es-419", "es-419"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("zh-HaNt", "zh-Hant"),
            ("sr-Latn-RS-x-foo", "sr-Latn-RS-x-foo"),
            ("ca-ES-valencia", "ca-ES-valencia"),
            ("de-1996", "de-1996"),
            ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
            ("sl-rozaj-biske", "sl-biske-rozaj"),
            ("en-US-u-hc-h12-ca-gregory", "en-US-u-ca-gregory-hc-h12"),
            // Extended languages: their macrolanguage is what can be looked up.
            ("zh-yue-HK", "zh-HK"),
            ("zh-cmn-Hans-CN", "zh-Hans-CN"),
            // Well-formed and more than Unicode's locales have.
            ("de-DE-u-12", "de-DE"),
            ("de-1996-1996", "de"),
        ] {
            let read = tag.parse::<LanguageTag>();
            let read = read.unwrap_or_else(|refusal| panic!("{tag}: {refusal}"));
            assert_eq!(read.to_string(), canonical, "{tag}");
            assert_eq!(read.to_string().parse(), Ok(read), "{tag}: what is kept is read again");
        }
    }

    #[test]
    fn a_tag_that_names_no_language_that_can_be_looked_up_is_no_preference() {
        for tag in [
            "und",
            "x-private",
            "X-A-B-C",
            "i-klingon",
            "I-Default",
            "zh-min-nan",
            "en-GB-oed",
            "sgn-BE-FR",
            "root",
            "english",
        ] {
            let read: LanguageTag = tag.parse().unwrap_or_else(|refusal| panic!("{tag}: {refusal}"));
            assert!(!read.is_preference(), "{tag} is read as {read}");
        }
        let none = LanguageTag::default();
        assert_eq!((none.language(), none.region(), none.is_preference()), ("und", None, false));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let long = format!("en-{}", "abcdefgh-".repeat(8));
        for tag in [
            "",
            "e",
            "1",
            "en_GB",
            "en_US.UTF-8",
            "C",
            "pt-PT.UTF-8",
            "*",
            "en-",
            "-en",
            "en--GB",
            "en-G",
            "en-GB-",
            "en-u",
            "en-x",
            "x",
            "englishlanguage",
            "en-GB-u-",
            "en GB",
            "ën",
            "en-GB-GB",
            "en-12",
            "a-b-c",
            &long,
        ] {
            assert_eq!(tag.parse::<LanguageTag>().map_err(|refusal| refusal.code), Err("invalid_locale"), "{tag}");
        }
    }

    #[test]
    fn the_parts_of_a_tag_are_read_one_by_one() {
        let tag: LanguageTag = "CA-latn-es-VALENCIA".parse().unwrap();
        assert_eq!((tag.language(), tag.script(), tag.region()), ("ca", Some("Latn"), Some("ES")));
        assert_eq!(tag.variants().collect::<Vec<_>>(), ["valencia"]);
        assert_eq!(serde_json::to_value(&tag).unwrap(), "ca-Latn-ES-valencia");
        assert_eq!(serde_json::from_str::<LanguageTag>("\"ca-Latn-ES-valencia\"").unwrap(), tag);
    }
}
