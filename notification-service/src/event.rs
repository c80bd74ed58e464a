//! How every room names a message: the event that it tells of, the channel, and both together. Knows no other room.

use std::{fmt, str::FromStr};

use common::{id::Id, input::Refusal};
use serde::Serialize;
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;
use uuid::Uuid;

/// An event of another service. It is sent once on each channel, however often that is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(value_type = String, format = Uuid, examples("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"))]
pub struct EventId(Uuid);

impl FromStr for EventId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(|id: Id<Self>| Self(id.uuid()))
    }
}

impl From<Uuid> for EventId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<EventId> for Uuid {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A way to reach people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema, Display, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    /// A mail.
    Email,
    /// A text to a telephone.
    Sms,
}

impl Channel {
    /// As written in a request.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for Channel {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|channel| channel.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_channel", "must be email or sms"))
    }
}

/// What is sent once: an event on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The event.
    pub event_id: EventId,
    /// How it is told.
    pub channel: Channel,
}

/// As in the table: the event's id for its mail, and `#sms` behind it for its text.
impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channel {
            Channel::Email => self.event_id.fmt(f),
            Channel::Sms => write!(f, "{}#sms", self.event_id),
        }
    }
}

impl FromStr for EventKey {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (id, channel) = match text.strip_suffix("#sms") {
            Some(id) => (id, Channel::Sms),
            None => (text, Channel::Email),
        };
        Ok(Self { event_id: id.parse()?, channel })
    }
}
