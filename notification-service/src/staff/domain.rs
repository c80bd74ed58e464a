//! Messages as staff see them, and the requests of staff.

use std::str::FromStr;

use common::{
    contact::Channel,
    idempotency::IdempotencyKey,
    input::{Fields, FromFields, Refusal, line},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use time::{Date, format_description::StaticFormatDescription, macros::format_description};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    event::EventId,
    listing::ListedAt,
    notifications::domain::{Delivery, State},
    templates::Template,
};

/// How often a message may be resent.
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
    /// The day of UTC of a moment.
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

/// Query parameters with the words of the table.
macro_rules! from_query {
    ($($name:ident of $word:ty),+) => {$(
        /// The value of a query parameter.
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

from_query!(StateParam of State, TemplateParam of Template, ChannelParam of Channel);

/// Which messages are listed.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Day of UTC on which the messages were requested; today when absent.
    #[param(value_type = Option<String>, format = Date, example = "2026-11-30")]
    pub day: Option<Day>,
    /// Only messages in this state.
    #[param(value_type = Option<State>)]
    pub state: Option<StateParam>,
    /// Only messages of this template.
    #[param(value_type = Option<Template>, example = "order_confirmation")]
    pub template: Option<TemplateParam>,
    /// Only messages on this channel.
    #[param(value_type = Option<Channel>)]
    pub channel: Option<ChannelParam>,
    /// Maximum number of items. A page can have fewer items, or none, although there are more pages: a filter reads a limited number
    /// of messages for each page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before, unchanged; absent for the first page.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 4096)]
    pub cursor: Option<String>,
}

/// The position at which the next page of a list begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The day of the list.
    pub day: Day,
    /// The last message of the page before.
    pub after: ListedAt,
}

/// A resend of a message by staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resend {
    /// Id of the event as which it was resent.
    pub event_id: EventId,
    /// When it was requested.
    pub at: Timestamp,
    /// The caller who requested it: `sub` of the access token.
    pub by: String,
    /// The reason that the caller gave.
    pub reason: String,
}

/// A message as staff see it, without address and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "channel": "email", "template": "order_confirmation",
    "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
    "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
    "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}, "can_be_resent": true, "resends": [],
    "resend_of": null
}))]
pub struct MessageView {
    /// Id of the event.
    pub event_id: EventId,
    /// Name of the template.
    pub template: String,
    /// Channel and result.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Whether the content is stored, so that the message can be resent.
    pub can_be_resent: bool,
    /// Its resends by staff.
    pub resends: Vec<Resend>,
    /// Id of the event that was sent first, where this message is a resend. That event has the list `resends`.
    pub resend_of: Option<EventId>,
}

/// The reason of a resend: one line of up to 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendReason(String);

impl ResendReason {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResendReason {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=200).map(Self)
    }
}

/// A request to resend the messages of an event.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"reason": "the shopper says that it never came"}))]
pub struct ResendRequest {
    /// The reason, which is stored with the message and logged. Must not contain addresses.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub reason: ResendReason,
    /// The channel to resend on; all channels of the event when absent. Required when the messages of the channels differ.
    pub channel: Option<Channel>,
}

impl FromFields for ResendRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (reason, channel) = (fields.text("reason"), fields.optional_text("channel"));
        Some(Self { reason: reason?, channel: channel? })
    }
}

/// The id of a resend, derived from the event, the caller and the key: a repeated request gets the same id, so that the message is
/// resent once. Keys belong to their callers.
pub fn resend_event_id(event_id: EventId, actor: &str, key: &IdempotencyKey) -> EventId {
    let name = format!("{actor}\n{key}");
    EventId::from(Uuid::new_v5(&event_id.into(), name.as_bytes()))
}
