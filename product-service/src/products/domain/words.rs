//! The words of the catalogue: each is checked where it is read, and right from then on.

use std::{fmt, str::FromStr};

use common::input::{Refusal, line, prose};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use common::sku::Sku;

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
        if !(1..=100).contains(&text.len()) || !text.split('-').all(word) || Uuid::try_parse(text).is_ok() {
            let message = "must be lower-case words joined by hyphens, at most 100 characters, and not a UUID";
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

/// One line of at most `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line<const MAX: usize>(pub String);

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=MAX).map(Self)
    }
}

/// Text of at most 5,000 characters; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(pub String);

impl FromStr for Description {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        prose(text, 0..=5_000).map(Self)
    }
}
