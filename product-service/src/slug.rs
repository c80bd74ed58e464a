//! Slugs: how addresses that people read name products and categories. This file may use `common` only.

use std::{fmt, str::FromStr};

use common::input::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What stands in paths where slugs do.
const RESERVED: [&str; 1] = ["variants"];

/// Lower-case words joined by hyphens, for addresses that people read; never of the form of an id, since both stand in
/// the same place of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 100, example = "organic-cotton-tee")]
pub struct Slug(String);

impl TryFrom<String> for Slug {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl FromStr for Slug {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let stands_for_something = Uuid::try_parse(text).is_ok() || RESERVED.contains(&text);
        if !(1..=100).contains(&text.len()) || !text.split('-').all(word) || stands_for_something {
            let message = "must be words of the letters a to z and digits, in lower case and joined by single hyphens, such \
                           as kitchen-and-bath; other letters are spelled in these (kueche, mutfak); at most 100 \
                           characters, and neither a UUID nor the word variants";
            return Err(Refusal::new("invalid_slug", message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
