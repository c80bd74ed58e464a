//! The index `listed` of the table, by which staff read lists, newest first. Data only.

use serde::{Deserialize, Serialize};

/// The index by which staff list messages and suppressions.
pub const LISTED: &str = "listed";

/// The attributes that the index has beside its keys: those that lists show or filter by, of messages and, from
/// `hard_bounce_at` on, of suppressed addresses. DynamoDB allows 20. `request` is not among them: it would be paid for twice, and
/// addresses and contents would stand in two places.
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

/// An item's position in its list: the time from which it is listed, and its key. A position in a client's cursor may be any text
/// that DynamoDB accepts as the key of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ListedAt(String);

impl ListedAt {
    /// The position as the index stores it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ListedAt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
        if is_plain && (1..=200).contains(&text.len()) { Ok(Self(text)) } else { Err("is no position in a list") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_text_that_an_index_accepts_as_its_key() {
        assert!(ListedAt::try_from("2026-11-30T09:00:00.000Z#01938f6e#sms".to_owned()).is_ok());
        for bad in [String::new(), "a b".to_owned(), "\u{e9}".to_owned(), "a".repeat(201)] {
            assert!(ListedAt::try_from(bad.clone()).is_err(), "{bad}");
        }
    }
}
