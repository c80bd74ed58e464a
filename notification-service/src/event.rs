//! The identity of a message, which all rooms share: an event's id, and the event's id with the channel.

use std::{fmt, str::FromStr};

use common::{contact::Channel, id::Id, input::Refusal};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Id of the event that a notification announces. It is sent once on each channel, however often it is requested.
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

/// Identifies a message: an event on a channel. It is sent once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The event's id.
    pub event_id: EventId,
    /// The channel.
    pub channel: Channel,
}

/// The partition key of the table: the event's id for its mail, with `#sms` appended for its text message.
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
