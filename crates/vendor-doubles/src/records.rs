//! Accepted messages, and recorded calls.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::vendor::Vendor;

/// A mail or an SMS that a vendor accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The vendor.
    pub vendor: Vendor,
    /// The vendor's id of it.
    pub id: String,
    /// When it was accepted.
    #[serde(serialize_with = "rfc3339")]
    pub at: OffsetDateTime,
    /// The state: `accepted`, `dropped` (the vendor's own list of suppressed addresses), `queued`, `sent`, ...
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
    /// The headers of the request.
    pub headers: BTreeMap<String, String>,
    /// Tags or custom arguments, which the vendor repeats in its events.
    pub tags: BTreeMap<String, String>,
    /// SES's configuration set, Twilio's messaging service.
    pub set: Option<String>,
    /// The address for delivery reports that came with the message.
    pub callback: Option<String>,
}

/// A call of a vendor's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The vendor.
    pub vendor: Vendor,
    /// `POST`, ...
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The status of the answer; 0 where none was sent.
    pub status: u16,
    /// Whether a message was accepted.
    pub is_taken: bool,
    /// The vendor's id of that message.
    pub message: Option<String>,
    /// The injected fault: `reset`, `hang`, `late` or `answer`.
    pub fault: Option<&'static str>,
    /// The vendor's error.
    pub complaint: Option<String>,
}

fn rfc3339<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
}

/// Random hexadecimal digits.
pub(crate) fn digits(count: usize) -> String {
    (0..count).map(|_| char::from_digit(fastrand::u32(0..16), 16).unwrap_or('0')).collect()
}
