//! How a shopper writes money and dates.

use std::str::FromStr;

use common::input::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// A language tag of BCP 47, as far as writing money and dates needs it: language, script, region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", examples("en-GB"))]
pub struct Locale(String);

impl Locale {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Locale {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_locale", "must be a language tag such as en or en-GB");
        let mut parts = text.split('-').peekable();
        let is = |part: &str, length: std::ops::RangeInclusive<usize>, each: fn(&u8) -> bool| {
            length.contains(&part.len()) && part.as_bytes().iter().all(each)
        };
        if !parts.next().is_some_and(|language| is(language, 2..=3, u8::is_ascii_lowercase)) {
            return Err(refusal());
        }
        let is_script = |part: &&str| part.len() == 4 && part.starts_with(|c: char| c.is_ascii_uppercase());
        if let Some(script) = parts.next_if(is_script)
            && !is(&script[1..], 3..=3, u8::is_ascii_lowercase)
        {
            return Err(refusal());
        }
        let is_region = |part: &str| is(part, 2..=2, u8::is_ascii_uppercase) || is(part, 3..=3, u8::is_ascii_digit);
        if !parts.next().is_none_or(is_region) || parts.next().is_some() {
            return Err(refusal());
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_a_language_perhaps_a_script_and_perhaps_a_region() {
        for taken in ["en", "en-GB", "zh-Hant-TW", "es-419", "gsw"] {
            assert_eq!(taken.parse::<Locale>().unwrap().as_str(), taken);
        }
        for refused in ["", "e", "EN", "en-gb", "en_GB", "en-GB-x", "english", "en-", "zh-hant", "zh-HaNt", "en-12"] {
            assert!(refused.parse::<Locale>().is_err(), "{refused} was taken");
        }
    }
}
