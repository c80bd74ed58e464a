//! Addresses to which nothing is sent, and why.

use std::{fmt, str::FromStr};

use common::{
    contact::{Email, Phone},
    input::{Refusal, line},
    timestamp::Timestamp,
};
use platform::fingerprint::Fingerprint;
use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::{event::Channel, providers::Name};

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A mailbox.
    Email(Email),
    /// A telephone.
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

    /// The same for all spellings of an address: capitals make no other mailbox.
    pub fn one_spelling(&self) -> String {
        match self {
            Self::Email(email) => email.as_str().to_lowercase(),
            Self::Phone(phone) => phone.e164().to_owned(),
        }
    }
}

/// Shows nobody's address.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.channel())
    }
}

/// Why nothing is sent to an address. An address may have several reasons at once; each is lifted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema, IntoStaticStr, VariantArray)]
#[schema(as = SuppressionReason)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// A mail came back for good: there is no such mailbox.
    HardBounce,
    /// The recipient called a mail spam.
    Complaint,
    /// The recipient sent STOP.
    Stop,
    /// The recipient unsubscribed from what is not transactional.
    Unsubscribed,
    /// Staff wanted it so.
    Staff,
}

impl Reason {
    /// As written in an answer and in the table.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it keeps away.
    pub fn scope(self) -> Scope {
        match self {
            Self::HardBounce | Self::Complaint | Self::Stop | Self::Staff => Scope::Everything,
            Self::Unsubscribed => Scope::Announcements,
        }
    }
}

/// What is kept away from an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = SuppressionScope)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All messages on its channel.
    Everything,
    /// Those that are not transactional.
    Announcements,
}

impl Scope {
    /// What stands behind the key of an item, and of an id.
    fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Everything => None,
            Self::Announcements => Some("announcements"),
        }
    }
}

/// Names a suppression: the channel, the keyed hash of the address, and what is kept away from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SuppressionId {
    /// How the address is reached.
    pub channel: Channel,
    /// The address.
    pub recipient: Fingerprint,
    /// What is kept away.
    pub scope: Scope,
}

impl SuppressionId {
    /// The key of its item in the table.
    pub fn item_key(&self) -> String {
        self.joined("suppression#", "#")
    }

    /// Both suppressions that an address may have.
    pub fn both(channel: Channel, recipient: Fingerprint) -> [Self; 2] {
        [Scope::Everything, Scope::Announcements].map(|scope| Self { channel, recipient, scope })
    }

    fn joined(&self, prefix: &str, separator: &str) -> String {
        let (channel, recipient) = (self.channel, u128::from_be_bytes(self.recipient));
        let suffix = self.scope.suffix().map(|suffix| format!("{separator}{suffix}")).unwrap_or_default();
        format!("{prefix}{channel}{separator}{recipient:032x}{suffix}")
    }
}

/// As in a path: `email-0f...` or `email-0f...-announcements`.
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

/// What staff write down about a suppression: one line of up to 200 characters, in which no address belongs.
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

/// One reason with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SuppressionCause)]
pub struct Cause {
    /// Why.
    pub reason: Reason,
    /// Since when: what the vendor says, or when we heard of it.
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
    /// Names it, for lifting it.
    #[schema(value_type = String, examples("email-5b0f2c9e6c1f4a529d0a1f0d3d0f6d11"))]
    #[serde(serialize_with = "written")]
    pub id: SuppressionId,
    /// How the address is reached.
    pub channel: Channel,
    /// What is kept away from it.
    pub scope: Scope,
    /// Why, each reason once.
    pub causes: Vec<Cause>,
    /// Which vendor reported it first; `null` where none did.
    pub provider: Option<Name>,
    /// Since when nothing is sent.
    pub created_at: Timestamp,
    /// What staff wrote down.
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
    use crate::{notifications::domain::barring, templates::Template};

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
    fn the_claim_of_a_message_looks_at_these_items() {
        for &channel in Channel::VARIANTS {
            for &template in Template::VARIANTS {
                let both = SuppressionId::both(channel, [0x0a; 16]).map(|id| id.item_key());
                let looked_at = if template.is_transactional() { 1 } else { 2 };
                assert_eq!(barring(channel, [0x0a; 16], template), both[..looked_at]);
            }
        }
        assert_eq!(Reason::Unsubscribed.scope(), Scope::Announcements);
    }
}
