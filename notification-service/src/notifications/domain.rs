//! What another service asks to have told, and to whom.

use std::{fmt, str::FromStr};

use common::{
    contact::{Email, Phone},
    input::{Fields, FromFields, Refusal},
    locale::LanguageTag,
    timestamp::Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

pub use self::{
    limits::{Caps, Count, CountBy, Reason, barring},
    record::{Delivery, LastEvent, RecipientKey, Record, Stands},
};
use crate::{
    event::{Channel, EventId},
    providers::Name,
    templates::{Message, Template},
};

mod limits;
mod record;

/// Who is told.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct Recipient {
    /// Where mail reaches them; needed where they are told by mail. A message for the channel `sms` alone goes there by mail, too,
    /// where texts never go to their number.
    pub email: Option<Email>,
    /// Where texts reach them; needed where they are told by SMS.
    pub phone: Option<Phone>,
    /// Which language they read, and how they write money and dates. Absent, or not known in any way: `en-US`.
    #[schema(value_type = Option<LanguageTag>)]
    pub locale: LanguageTag,
}

/// Shows no address.
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

/// A wish to have somebody told something, once on each channel.
#[derive(Clone, PartialEq)]
pub struct Notification {
    /// Names the event for ever; what is told of it is told once.
    pub event_id: EventId,
    /// Who is told.
    pub recipient: Recipient,
    /// How they are told: each channel once, at least one.
    pub channels: Vec<Channel>,
    /// What they are told.
    pub message: Message,
    /// The data of the message as they were written.
    pub data: Value,
    /// The event of which staff have it sent again.
    pub resend_of: Option<EventId>,
}

/// Shows no address.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification({} {})", self.event_id, self.message.template().as_str())
    }
}

impl Notification {
    /// With mail as a second channel where a text is all that is asked for, none ever goes to that number, and the address is
    /// known: its recipient would hear nothing.
    #[must_use]
    pub fn or_by_mail(mut self, caps: &Caps) -> Self {
        let never = self.recipient.phone.as_ref().is_some_and(|phone| caps.country(phone).is_err());
        if never && self.channels == [Channel::Sms] && self.recipient.email.is_some() {
            self.channels.insert(0, Channel::Email);
        }
        self
    }

    /// What is kept of it, so that staff can have it sent again on this channel; `None` where it holds a secret, or is
    /// larger than what the table should hold for that.
    pub fn kept(&self, channel: Channel) -> Option<String> {
        const MOST: usize = 64 * 1024;
        let template = self.message.template();
        let recipient = match channel {
            Channel::Email => json!({ "email": self.recipient.email, "locale": self.recipient.locale }),
            Channel::Sms => json!({ "phone": self.recipient.phone, "locale": self.recipient.locale }),
        };
        let kept = json!({
            "template": template.as_str(), "recipient": recipient, "channels": [channel], "data": self.data
        });
        template.may_be_kept().then(|| kept.to_string()).filter(|kept| kept.len() <= MOST)
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
            // Nothing can be said against them.
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

/// The channels, of which each is named once; mail where none is.
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

/// What a message says: its template, and the data for it as the request gave them.
fn message(fields: &mut Fields<'_>, template: Template) -> Option<(Message, Value)> {
    let data = fields.raw("data").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    fields.object_by("data", |data| Message::read(template, data)).map(|message| (message, data))
}

/// What became of an event on a channel. `sending`: a request is handing it over; or one began to, and did not come to its end:
/// half a minute later another may try.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Display, IntoStaticStr, VariantArray, strum::VariantNames,
)]
#[schema(as = DeliveryState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Not handed over yet: no provider took it. Asked for again, it is tried again.
    Waiting,
    /// A request is handing it over. Or one began to, and did not come to its end: half a minute later another may try.
    Sending,
    /// A provider took it.
    Sent,
    /// A limit stands against it; it is not sent, now or later.
    Withheld,
    /// Its address is suppressed (it bounced, or its owner wants nothing more); it is not sent, now or later.
    Suppressed,
    /// The provider refuses it for good: the address is bad. Or no provider took it for as long as that is tried.
    Refused,
}

impl State {
    /// As in the table.
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

/// What a provider tells of a message that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, IntoStaticStr, VariantArray)]
#[schema(as = DeliveryEventKind)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    /// It is on its way.
    Accepted,
    /// The recipient's side wants it later.
    Delayed,
    /// The recipient's side took it.
    Delivered,
    /// The recipient opened it.
    Read,
    /// It came back; the same address may accept a later one.
    SoftBounced,
    /// It came back for good: there is no such address.
    HardBounced,
    /// The provider gave it up.
    Failed,
    /// The recipient unsubscribed.
    Unsubscribed,
    /// The recipient calls it spam.
    Complained,
}

impl EventKind {
    /// As in the table.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Its place among all of them, in the order above; it is stored.
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

/// Something that a provider tells of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryEvent {
    /// What happened.
    pub kind: EventKind,
    /// When, as the provider says; where it says nothing of times, when it reached us.
    pub at: Timestamp,
    /// Who says so.
    pub provider: Name,
}

impl DeliveryEvent {
    /// Whether its provider says when things happened. Twilio does not: an event that comes again seems to be a new one.
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
