//! The order in which staff read lists: the newest first, by the index `listed` of the table. Data only.

use serde::{Deserialize, Serialize};

/// The index by which staff list what there is.
pub const LISTED: &str = "listed";

/// What the index has beside its keys: what lists show or are filtered by, of messages and, from `hard_bounce_at` on, of
/// suppressed addresses. DynamoDB takes 20 at most. `request` is not among them: it would be written and paid for twice, and the
/// address and what a message says would stand in two places.
pub const PROJECTED: [&str; 20] = [
    "channel",
    "template",
    "state",
    "attempts",
    "created_at",
    "sent_at",
    "provider",
    "provider_message_id",
    "last_error",
    "last_event",
    "last_event_at",
    "is_kept",
    "resends",
    "resend_of",
    "hard_bounce_at",
    "complaint_at",
    "stop_at",
    "unsubscribed_at",
    "staff_at",
    "note",
];

/// Where an item stands in its list: the moment from which it is listed, and its key. What a client hands back as one may be
/// anything that DynamoDB takes for the key of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ListedAt(String);

impl ListedAt {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ListedAt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
        if is_plain && (1..=200).contains(&text.len()) { Ok(Self(text)) } else { Err("is no place in a list") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_an_index_can_be_asked_for() {
        assert!(ListedAt::try_from("2026-11-30T09:00:00.000Z#01938f6e#sms".to_owned()).is_ok());
        for bad in [String::new(), "a b".to_owned(), "\u{e9}".to_owned(), "a".repeat(201)] {
            assert!(ListedAt::try_from(bad.clone()).is_err(), "{bad}");
        }
    }
}
