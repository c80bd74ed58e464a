//! The SKU, which the catalogue, carts and orders have in common.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::input::refusal::Refusal;

/// Stock keeping unit: the code of a variant, unique in the shop, as on labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length = 40, example = "TEE-ORG-NAVY-M")]
pub struct Sku(String);

impl Sku {
    /// The code, as on the label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl FromStr for Sku {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !(1..=40).contains(&text.len()) || !text.split('-').all(part) {
            let message = "must consist of capitals and digits, in parts joined by hyphens, with at most 40 characters";
            return Err(Refusal::new("invalid_sku", message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_capitals_and_digits_in_parts_joined_by_hyphens() {
        assert_eq!("TEE-ORG-NAVY-M".parse::<Sku>().unwrap().as_str(), "TEE-ORG-NAVY-M");
        for refused in ["", "tee", "TEE-", "-TEE", "TEE--M", "TEE M", "T/E", &"A".repeat(41)] {
            assert!(refused.parse::<Sku>().is_err(), "{refused} was taken");
        }
    }
}
