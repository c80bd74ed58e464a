//! What staff see of a message, and what they ask for.

use std::str::FromStr;

use common::{
    idempotency::IdempotencyKey,
    input::{Fields, FromFields, Refusal, line},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use time::{Date, format_description::StaticFormatDescription, macros::format_description};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    event::{Channel, EventId},
    listing::ListedAt,
    notifications::domain::{Delivery, State},
    templates::Template,
};

/// How often a message may be sent again on purpose.
pub const MAX_RESENDS: usize = 20;

const DAY: StaticFormatDescription = format_description!("[year]-[month]-[day]");

/// A day of UTC, such as `2026-11-30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(Date);

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Day {
    /// The day of a moment.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.to_offset().date())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.format(DAY).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Day {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let day = Date::parse(text, DAY).ok().filter(|day| (0..=9999).contains(&day.year()));
        day.map(Self).ok_or_else(|| Refusal::new("invalid_day", "must be a day such as 2026-11-30"))
    }
}

impl TryFrom<String> for Day {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

/// A word of the table, in a query.
macro_rules! from_query {
    ($($name:ident of $word:ty),+) => {$(
        /// As it stands in a query.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(pub $word);

        impl TryFrom<String> for $name {
            type Error = Refusal;

            fn try_from(text: String) -> Result<Self, Refusal> {
                text.parse().map(Self)
            }
        }
    )+};
}

from_query!(WantedState of State, WantedTemplate of Template, WantedChannel of Channel);

/// Which messages.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Of which day of UTC; today where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-11-30")]
    pub day: Option<Day>,
    /// Only those in this state.
    #[param(value_type = Option<State>)]
    pub state: Option<WantedState>,
    /// Only those of this template.
    #[param(value_type = Option<Template>, example = "order_confirmation")]
    pub template: Option<WantedTemplate>,
    /// Only those on this channel.
    #[param(value_type = Option<Channel>)]
    pub channel: Option<WantedChannel>,
    /// How many items at most. A page may have fewer, or none, and yet a next one: a filter looks at so many messages a page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    pub limit: Option<u32>,
    /// Where the page starts: `next_cursor` of the page before, unchanged; left out for the first page.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 4096)]
    pub cursor: Option<String>,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// In which day.
    pub day: Day,
    /// Behind which message.
    pub after: ListedAt,
}

/// One time that staff sent a message again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resend {
    /// The event under which it was sent.
    pub event_id: EventId,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it: the subject of their token.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A message, as staff see it: without the address and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "channel": "email", "template": "order_confirmation",
    "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
    "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
    "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}, "can_be_resent": true, "resends": [],
    "resend_of": null
}))]
pub struct MessageView {
    /// The event that it tells of.
    pub event_id: EventId,
    /// Which message it is.
    pub template: String,
    /// How, and what became of it.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Whether its content is kept, so that it can be sent again.
    pub can_be_resent: bool,
    /// When staff had it sent again.
    pub resends: Vec<Resend>,
    /// The event that was sent first, where this message is one that staff had sent again. Its `resends` stand there.
    pub resend_of: Option<EventId>,
}

/// Why staff send something again: one line of up to 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose(String);

impl Purpose {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Purpose {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=200).map(Self)
    }
}

/// A wish to have a message sent again.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"reason": "the shopper says that it never came"}))]
pub struct ResendRequest {
    /// Why; it stands with the message and in the log. No address belongs here.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub reason: Purpose,
    /// Only on this channel; on each that it was meant for where this is left out. Has to be named where the channels were told
    /// different things.
    pub channel: Option<Channel>,
}

impl FromFields for ResendRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (reason, channel) = (fields.text("reason"), fields.optional_text("channel"));
        Some(Self { reason: reason?, channel: channel? })
    }
}

/// The event under which a message is sent again: the same for the same caller and key, so that it is sent once, however
/// often that is asked for. Keys belong to their callers.
pub fn resent_as(event_id: EventId, actor: &str, key: &IdempotencyKey) -> EventId {
    let name = format!("{actor}\n{key}");
    EventId::from(Uuid::new_v5(&event_id.into(), name.as_bytes()))
}
