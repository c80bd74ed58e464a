//! Countries of addresses and telephone numbers.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::countries::CODES;
use crate::input::Refusal;

/// Country code of ISO 3166-1 alpha-2 in capitals, or `XK` for Kosovo, a user-assigned code that carriers, banks and
/// the European Union use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$", examples("GB"))]
pub struct CountryCode(&'static str);

impl CountryCode {
    /// The two letters.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for CountryCode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = CODES.binary_search(&text).ok().map(|index| Self(CODES[index]));
        known.ok_or_else(|| Refusal::new("unknown_country", "must be a country code of ISO 3166-1 such as GB, or XK"))
    }
}

/// Written by hand: a derived implementation would require `&'static str`.
impl<'de> Deserialize<'de> for CountryCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_in_order_and_of_two_capitals() {
        assert!(CODES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CODES.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn a_country_is_known_by_its_code_in_capitals_only() {
        for text in ["GB", "XK"] {
            assert_eq!(text.parse::<CountryCode>().unwrap().as_str(), text);
        }
        for text in ["gb", "xk", "UK", "GBR", "XX", "XA", "EU", ""] {
            assert!(text.parse::<CountryCode>().is_err(), "{text} was taken");
        }
    }
}
