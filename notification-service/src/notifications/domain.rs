//! Requests for notifications, and the states and events of a message.

use std::{fmt, str::FromStr};

use common::{
    contact::{Channel, Email, Phone},
    input::{Fields, FromFields, Refusal},
    locale::LanguageTag,
    timestamp::Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

pub use self::{
    limits::{Caps, Count, CountBy, Reason, suppression_keys},
    record::{Delivery, LastEvent, LeaseStatus, RecipientKey, Record},
};
use crate::{
    event::EventId,
    providers::Name,
    templates::{Message, Template},
};

mod limits;
mod record;

/// The recipient of a notification.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct Recipient {
    /// E-mail address; required for the channel `email`. Also used when `sms` is the only channel and the shop sends no text
    /// messages to the number.
    pub email: Option<Email>,
    /// Telephone number for text messages; required for the channel `sms`.
    pub phone: Option<Phone>,
    /// BCP 47 language tag: decides the language of the message and the format of amounts and dates. `en-US` when absent or unknown.
    #[schema(value_type = Option<LanguageTag>)]
    pub locale: LanguageTag,
}

/// Omits the addresses, since debug output is logged.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.locale)
    }
}

impl FromFields for Recipient {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.optional_text("email");
        let phone = fields.optional_text("phone");
        let locale = fields.optional_text::<LanguageTag>("locale");
        Some(Self { email: email?, phone: phone?, locale: locale?.unwrap_or_default() })
    }
}

impl Recipient {
    fn reaches(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms => self.phone.is_some(),
        }
    }
}

/// A request to send a message to a recipient, once on each channel.
#[derive(Clone, PartialEq)]
pub struct Notification {
    /// Id of the event. It is sent once on each channel.
    pub event_id: EventId,
    /// The recipient.
    pub recipient: Recipient,
    /// The channels: at least one, each once.
    pub channels: Vec<Channel>,
    /// The template with its data.
    pub message: Message,
    /// The data as the request has them.
    pub data: Value,
    /// The event that was sent first, where staff resend it.
    pub resend_of: Option<EventId>,
}

/// Omits the addresses, since debug output is logged.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification({} {})", self.event_id, self.message.template().as_str())
    }
}

impl Notification {
    /// Adds the channel `email` when `sms` is the only channel, the shop sends no texts to that number, and the request has an
    /// e-mail address. The recipient would get no message otherwise.
    #[must_use]
    pub fn with_mail_fallback(mut self, caps: &Caps) -> Self {
        let never = self.recipient.phone.as_ref().is_some_and(|phone| caps.country(phone).is_err());
        if never && self.channels == [Channel::Sms] && self.recipient.email.is_some() {
            self.channels.insert(0, Channel::Email);
        }
        self
    }

    /// The request that is stored, so that staff can resend it on this channel; `None` where it contains a secret or is too
    /// large to store.
    pub fn resendable(&self, channel: Channel) -> Option<String> {
        const MAX_BYTES: usize = 64 * 1024;
        let template = self.message.template();
        let recipient = match channel {
            Channel::Email => json!({ "email": self.recipient.email, "locale": self.recipient.locale }),
            Channel::Sms => json!({ "phone": self.recipient.phone, "locale": self.recipient.locale }),
        };
        let kept = json!({
            "template": template.as_str(), "recipient": recipient, "channels": [channel], "data": self.data
        });
        template.may_be_kept().then(|| kept.to_string()).filter(|kept| kept.len() <= MAX_BYTES)
    }
}

impl FromFields for Notification {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let event_id = fields.text("event_id");
        let recipient = fields.object::<Recipient>("recipient");
        let template = fields.text::<Template>("template");
        let channels = channels(fields, template);
        let message = template.map(|template| message(fields, template));
        if template.is_none() {
            // Data cannot be checked without their template.
            fields.ignore("data");
        }
        let (recipient, channels) = (recipient?, channels?);
        for channel in channels.iter().filter(|channel| !recipient.reaches(**channel)) {
            let member = match channel {
                Channel::Email => "/recipient/email",
                Channel::Sms => "/recipient/phone",
            };
            fields.refuse_below::<()>(member, "missing", format!("is required for the channel {channel}"));
        }
        let (message, data) = message??;
        Some(Self { event_id: event_id?, recipient, channels, message, data, resend_of: None })
    }
}

/// The channels, each named once; `email` where the member is absent.
fn channels(fields: &mut Fields<'_>, template: Option<Template>) -> Option<Vec<Channel>> {
    let Some(channels) = fields.optional_texts::<Channel>("channels", Channel::VARIANTS.len())? else {
        return Some(vec![Channel::Email]);
    };
    let is_repeated = |at: usize| channels[..at].contains(&channels[at]);
    if channels.is_empty() {
        return fields.refuse("channels", "too_few", "must have at least one channel");
    }
    if let Some(at) = (0..channels.len()).find(|at| is_repeated(*at)) {
        return fields.refuse_below(&format!("/channels/{at}"), "repeated", "is named before");
    }
    if let (Some(template), Some(at)) = (template, channels.iter().position(|channel| *channel == Channel::Sms))
        && !template.has_sms()
    {
        let words = format!("cannot be sms: {} has no such form", template.as_str());
        return fields.refuse_below(&format!("/channels/{at}"), "no_sms_form", words);
    }
    Some(channels)
}

/// The message with its data, and the data as the request has them.
fn message(fields: &mut Fields<'_>, template: Template) -> Option<(Message, Value)> {
    let data = fields.raw("data").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    fields.object_by("data", |data| Message::read(template, data)).map(|message| (message, data))
}

/// State of an event on a channel: `waiting` and `sending` may still change, all others are final.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Display, IntoStaticStr, VariantArray, strum::VariantNames,
)]
#[schema(as = DeliveryState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// No provider has accepted it yet. A repeated request tries again.
    Waiting,
    /// A request is sending it, or was interrupted while it did; another request may try 30 seconds later.
    Sending,
    /// A provider accepted it.
    Sent,
    /// Not sent, because a limit was reached or the shop sends no texts to the country.
    Withheld,
    /// Not sent, because the address is suppressed: it bounced, or its owner unsubscribed or complained.
    Suppressed,
    /// Not sent, because the provider refuses the address, or no provider accepted it within the time for retries.
    Refused,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for State {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|state| state.as_str() == text);
        let names = || <Self as strum::VariantNames>::VARIANTS.join(", ");
        known.ok_or_else(|| Refusal::new("unknown_state", format!("must be one of {}", names())))
    }
}

/// An event that a provider reports about a message it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, IntoStaticStr, VariantArray)]
#[schema(as = DeliveryEventKind)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    /// The provider queued it for delivery.
    Accepted,
    /// The receiving server deferred it; the provider retries.
    Delayed,
    /// The receiving server or carrier accepted it.
    Delivered,
    /// The recipient opened it.
    Read,
    /// It bounced for a temporary reason; a later message to the address may be delivered.
    SoftBounced,
    /// It bounced permanently: the address does not exist.
    HardBounced,
    /// The provider gave up delivery.
    Failed,
    /// The recipient unsubscribed.
    Unsubscribed,
    /// The recipient reported it as spam.
    Complained,
}

impl EventKind {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Its rank in the order above, which is stored: of two events of the same time, the one of the higher rank counts.
    pub fn rank(self) -> i64 {
        let place = Self::VARIANTS.iter().position(|kind| *kind == self);
        place.and_then(|place| i64::try_from(place).ok()).unwrap_or_default()
    }
}

impl FromStr for EventKind {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_event", "must be an event of a delivery"))
    }
}

/// An event of a message, with its time and provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryEvent {
    /// What happened.
    pub kind: EventKind,
    /// When it happened, as the provider says; when the report arrived, where the provider reports no times.
    pub at: Timestamp,
    /// The provider that reports it.
    pub provider: Name,
}

impl DeliveryEvent {
    /// Whether its provider reports times. Twilio does not: a repeated report looks like a new event.
    pub fn is_timed(&self) -> bool {
        self.provider != Name::Twilio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_events_are_stored_under_the_names_that_answers_have() {
        let states = ["waiting", "sending", "sent", "withheld", "suppressed", "refused"];
        assert_eq!(State::VARIANTS.iter().map(ToString::to_string).collect::<Vec<_>>(), states);
        for &state in State::VARIANTS {
            assert_eq!((state.as_str().parse(), json!(state)), (Ok(state), json!(state.as_str())));
        }
        let events = [
            "accepted",
            "delayed",
            "delivered",
            "read",
            "soft_bounced",
            "hard_bounced",
            "failed",
            "unsubscribed",
            "complained",
        ];
        for (rank, (&event, name)) in (0..).zip(EventKind::VARIANTS.iter().zip(events)) {
            assert_eq!((event.as_str(), event.rank(), json!(event)), (name, rank, json!(name)));
        }
        assert_eq!(EventKind::VARIANTS.len(), events.len());
    }
}
