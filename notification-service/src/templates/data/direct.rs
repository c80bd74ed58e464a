//! The data of mails and texts that staff write.

use std::str::FromStr;

use common::input::{Fields, FromFields, Refusal, multiline_text};
use utoipa::ToSchema;

use super::order::Line;

/// Text of several lines, in which an empty line separates paragraphs.
#[derive(Clone, PartialEq, Eq)]
pub struct Prose(String);

impl FromStr for Prose {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        multiline_text(text, 1..=10_000).map(|text| Self(text.replace("\r\n", "\n").replace(['\r', '\t'], " ")))
    }
}

/// The data of `direct`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct DirectData {
    /// Subject of the mail, one line; "a message from the shop" when absent. Text messages have none.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 150, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("About your return"))]
    pub subject: Option<Line<150>>,
    /// The text. In a mail an empty line begins a new paragraph; a text message can have at most 6 segments.
    #[schema(value_type = String, min_length = 1, max_length = 10000, pattern = r"^\s*[^\s\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\s*$",
        examples("Your parcel has come back to us."))]
    pub text: Prose,
}

impl DirectData {
    /// The text, with `\n` between lines.
    pub fn text(&self) -> &str {
        &self.text.0
    }
}

impl FromFields for DirectData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let subject = fields.optional_text("subject");
        let text = fields.text("text");
        Some(Self { subject: subject?, text: text? })
    }
}
