//! Addresses to which nothing is sent, and why.

use std::{fmt, str::FromStr};

use common::{
    contact::{Channel, Email, Phone},
    input::{Refusal, line},
    timestamp::Timestamp,
};
use platform::fingerprint::Fingerprint;
use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::providers::Name;

/// The address of a recipient.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// An e-mail address.
    Email(Email),
    /// A telephone number.
    Phone(Phone),
}

impl Address {
    /// The channel that it belongs to.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The address in one spelling: e-mail addresses that differ in case are the same mailbox.
    pub fn one_spelling(&self) -> String {
        match self {
            Self::Email(email) => email.as_str().to_lowercase(),
            Self::Phone(phone) => phone.e164().to_owned(),
        }
    }
}

/// Omits the address, since debug output is logged.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.channel())
    }
}

/// Why an address is suppressed. It can have several reasons at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema, IntoStaticStr, VariantArray)]
#[schema(as = SuppressionReason)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// A mail bounced permanently: the mailbox does not exist.
    HardBounce,
    /// The recipient reported a mail as spam.
    Complaint,
    /// The recipient sent STOP.
    Stop,
    /// The recipient unsubscribed from mails that are not transactional.
    Unsubscribed,
    /// Staff suppressed it.
    Staff,
}

impl Reason {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Which messages it stops.
    pub fn scope(self) -> Scope {
        match self {
            Self::HardBounce | Self::Complaint | Self::Stop | Self::Staff => Scope::Everything,
            Self::Unsubscribed => Scope::Announcements,
        }
    }
}

/// Which messages a suppression stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = SuppressionScope)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All messages on the channel.
    Everything,
    /// Messages that are not transactional.
    Announcements,
}

impl Scope {
    /// The suffix of item keys and ids.
    fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Everything => None,
            Self::Announcements => Some("announcements"),
        }
    }
}

/// Identifies a suppression: channel, keyed hash of the address, and scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SuppressionId {
    /// The channel of the address.
    pub channel: Channel,
    /// The keyed hash of the address.
    pub recipient: Fingerprint,
    /// Which messages it stops.
    pub scope: Scope,
}

impl SuppressionId {
    /// The key of its item in the table.
    pub fn item_key(&self) -> String {
        self.joined("suppression#", "#")
    }

    /// The ids of both suppressions that an address can have.
    pub fn both(channel: Channel, recipient: Fingerprint) -> [Self; 2] {
        [Scope::Everything, Scope::Announcements].map(|scope| Self { channel, recipient, scope })
    }

    fn joined(&self, prefix: &str, separator: &str) -> String {
        let (channel, recipient) = (self.channel, u128::from_be_bytes(self.recipient));
        let suffix = self.scope.suffix().map(|suffix| format!("{separator}{suffix}")).unwrap_or_default();
        format!("{prefix}{channel}{separator}{recipient:032x}{suffix}")
    }
}

/// The form in paths: `email-0f...` or `email-0f...-announcements`.
impl fmt::Display for SuppressionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined("", "-"))
    }
}

impl FromStr for SuppressionId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_id", "must be the id of a suppression");
        let (channel, rest) = text.split_once('-').ok_or_else(refusal)?;
        let (hex, scope) = match rest.split_once('-') {
            None => (rest, Scope::Everything),
            Some((hex, "announcements")) => (hex, Scope::Announcements),
            Some(_) => return Err(refusal()),
        };
        let is_hex = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let recipient = Some(hex).filter(|_| is_hex).and_then(|hex| u128::from_str_radix(hex, 16).ok());
        let channel = channel.parse().map_err(|_| refusal())?;
        Ok(Self { channel, recipient: recipient.ok_or_else(refusal)?.to_be_bytes(), scope })
    }
}

/// Note of staff about a suppression: one line of up to 200 characters. Must not contain addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SuppressionNote, value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
    examples("asked for by telephone"))]
pub struct Note(String);

impl Note {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Note {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=200).map(Self)
    }
}

/// A reason with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SuppressionCause)]
pub struct Cause {
    /// The reason.
    pub reason: Reason,
    /// When it happened, as the vendor says; else when it was reported.
    pub since: Timestamp,
}

/// A suppressed address, without the address: only its keyed hash is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "email-5b0f2c9e6c1f4a529d0a1f0d3d0f6d11", "channel": "email", "scope": "everything",
    "causes": [{"reason": "hard_bounce", "since": "2026-11-30T09:00:05.123Z"}], "provider": "ses",
    "created_at": "2026-11-30T09:00:06.001Z", "note": null
}))]
pub struct Suppression {
    /// Id of the suppression, by which it is lifted.
    #[schema(value_type = String, examples("email-5b0f2c9e6c1f4a529d0a1f0d3d0f6d11"))]
    #[serde(serialize_with = "written")]
    pub id: SuppressionId,
    /// The channel of the address.
    pub channel: Channel,
    /// Which messages it stops.
    pub scope: Scope,
    /// The reasons, each once.
    pub causes: Vec<Cause>,
    /// The vendor that reported it first; `null` where none did.
    pub provider: Option<Name>,
    /// Since when the address is suppressed.
    pub created_at: Timestamp,
    /// Note of staff.
    #[schema(value_type = Option<String>)]
    pub note: Option<Note>,
}

// serde hands it a reference.
fn written<S: serde::Serializer>(id: &SuppressionId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{notifications::domain::suppression_keys, templates::Template};

    fn id(scope: Scope) -> SuppressionId {
        SuppressionId { channel: Channel::Email, recipient: [0x0a; 16], scope }
    }

    #[test]
    fn a_reason_is_stored_under_the_name_that_answers_have() {
        let names = ["hard_bounce", "complaint", "stop", "unsubscribed", "staff"];
        assert_eq!(Reason::VARIANTS.iter().map(|reason| reason.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(serde_json::json!(Reason::VARIANTS), serde_json::json!(names));
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_one_spelling_only() {
        let hex = "0a".repeat(16);
        assert_eq!(id(Scope::Everything).to_string(), format!("email-{hex}"));
        assert_eq!(id(Scope::Announcements).item_key(), format!("suppression#email#{hex}#announcements"));
        for scope in [Scope::Everything, Scope::Announcements] {
            assert_eq!(id(scope).to_string().parse(), Ok(id(scope)));
        }
        for bad in [
            String::new(),
            hex.clone(),
            format!("fax-{hex}"),
            format!("email-{}", hex.to_uppercase()),
            format!("email-+{}", &hex[1..]),
            format!("email-{hex}0"),
            format!("email-{hex}-everything"),
            format!("email-{hex}-announcements-"),
        ] {
            assert!(bad.parse::<SuppressionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn acquiring_the_lease_of_a_message_checks_these_items() {
        for &channel in Channel::VARIANTS {
            for &template in Template::VARIANTS {
                let both = SuppressionId::both(channel, [0x0a; 16]).map(|id| id.item_key());
                let looked_at = if template.is_transactional() { 1 } else { 2 };
                assert_eq!(suppression_keys(channel, [0x0a; 16], template), both[..looked_at]);
            }
        }
        assert_eq!(Reason::Unsubscribed.scope(), Scope::Announcements);
    }
}
