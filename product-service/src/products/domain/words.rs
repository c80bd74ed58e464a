//! Texts of the catalogue as types: parsing checks them, so a value of such a type is valid.

use std::str::FromStr;

use common::input::{Refusal, line, multiline_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
        multiline_text(text, 0..=5_000).map(Self)
    }
}
/// A word or two by which products are found together. Unlike categories, tags need not be created first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub String);

impl FromStr for Tag {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=50).map(Self)
    }
}

/// A Global Trade Item Number, as the GS1 General Specifications have it: 8, 12, 13 or 14 digits, the last of which checks
/// the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^([0-9]{8}|[0-9]{12,14})$", example = "4006381333931")]
pub struct Barcode(String);

impl TryFrom<String> for Barcode {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl FromStr for Barcode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let is_gtin = matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|digit| digit.is_ascii_digit());
        // From the right, every second digit counts three times; the sum is a multiple of ten.
        let weighted = |(place, digit): (usize, u8)| u32::from(digit - b'0') * if place % 2 == 1 { 3 } else { 1 };
        if !is_gtin || text.bytes().rev().enumerate().map(weighted).sum::<u32>() % 10 != 0 {
            return Err(Refusal::new(
                "invalid_barcode",
                "must be a GTIN of 8, 12, 13 or 14 digits with a right check digit",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}
