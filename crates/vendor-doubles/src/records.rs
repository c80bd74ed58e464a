//! What the vendors took, and how they were called.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::vendor::Vendor;

/// A mail or an SMS that a vendor took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Who took it.
    pub vendor: Vendor,
    /// The vendor's id of it.
    pub id: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: OffsetDateTime,
    /// Where it stands: `accepted`, `dropped` (the vendor's own list of suppressed addresses), `queued`, `sent`, ...
    pub status: String,
    /// The sender, as the vendor was given it.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// Of a mail.
    pub subject: Option<String>,
    /// The plain text.
    pub text: String,
    /// Of a mail.
    pub html: Option<String>,
    /// The headers that were asked for.
    pub headers: BTreeMap<String, String>,
    /// What the vendor hands back with its events: tags, custom arguments.
    pub tags: BTreeMap<String, String>,
    /// SES's configuration set, Twilio's messaging service.
    pub set: Option<String>,
    /// Where the vendor tells what becomes of it, where it was told so with the message.
    pub callback: Option<String>,
}

/// A call of a vendor's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Of which vendor.
    pub vendor: Vendor,
    /// `POST`, ...
    pub method: String,
    /// Without its query.
    pub path: String,
    /// The status of the answer; 0 where none was sent.
    pub status: u16,
    /// Whether a message was taken.
    pub is_taken: bool,
    /// The vendor's id of that message.
    pub message: Option<String>,
    /// What went wrong on purpose: `reset`, `hang`, `late` or `answer`.
    pub fault: Option<&'static str>,
    /// What the vendor had against it.
    pub complaint: Option<String>,
}

fn rfc3339<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
}

/// So many hexadecimal digits by chance.
pub(crate) fn digits(count: usize) -> String {
    (0..count).map(|_| char::from_digit(fastrand::u32(0..16), 16).unwrap_or('0')).collect()
}
