//! What is remembered of an event on a channel.

use std::time::Duration;

use common::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{EventKind, State};
use crate::{
    event::{Channel, EventId, EventKey},
    providers::{Name, Unclear},
    templates::Template,
};

/// Whom a message goes to: the keyed hash of the address, in hexadecimal, and which key that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKey {
    /// The hash.
    pub hash: String,
    /// Names the key. Not known of what an older release wrote.
    pub key_id: Option<String>,
}

impl RecipientKey {
    /// Whether they are surely two addresses. Hashes under two keys say nothing of each other.
    fn is_another_than(&self, other: &Self) -> bool {
        self.key_id.is_some() && self.key_id == other.key_id && self.hash != other.hash
    }
}

/// What the table has of an event on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The event and the channel.
    pub key: EventKey,
    /// What is told; not known of what an older release wrote.
    pub template: Option<String>,
    /// Who is told; not known of what an older release wrote.
    pub recipient: Option<RecipientKey>,
    /// The event of which staff had it sent again.
    pub resend_of: Option<EventId>,
    /// What became of it.
    pub state: State,
    /// Who claimed it last.
    pub claim: String,
    /// Until when they may send alone.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it was first asked for; not known of what an older release wrote.
    pub created_at: Option<Timestamp>,
    /// When a provider took it.
    pub sent_at: Option<Timestamp>,
    /// Who took it.
    pub provider: Option<Name>,
    /// What they call it.
    pub provider_message_id: Option<String>,
    /// Why the last try failed, or why it is never sent.
    pub last_error: Option<String>,
    /// A text that may have been sent.
    pub unclear: Option<Unclear>,
    /// What the provider told last of it.
    pub last_event: Option<LastEvent>,
}

/// What a record means for whoever wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Nothing is left to do.
    Ended,
    /// It is another's to send, for so long at most.
    Theirs(Duration),
    /// It may be claimed.
    Free,
}

impl Record {
    /// Whether the stored message has another template or recipient than the request that names its event id.
    pub fn is_another(&self, template: Template, recipient: &RecipientKey) -> bool {
        self.template.as_deref().is_some_and(|told| told != template.as_str())
            || self.recipient.as_ref().is_some_and(|told| told.is_another_than(recipient))
    }

    /// What it means at this moment.
    pub fn stands(&self, now: Timestamp) -> Stands {
        match self.state {
            State::Sent | State::Withheld | State::Suppressed | State::Refused => Stands::Ended,
            State::Waiting => Stands::Free,
            State::Sending => match self.lease_until.filter(|until| *until > now) {
                Some(until) => {
                    let left = until.unix_millis().saturating_sub(now.unix_millis());
                    Stands::Theirs(Duration::from_millis(u64::try_from(left).unwrap_or_default()))
                }
                None => Stands::Free,
            },
        }
    }

    /// A text whose last sender did not say how it ended may have been sent since that claim was made, or since an earlier
    /// one of which the same is so.
    pub fn may_have_been_sent(&self, lease: Duration) -> Option<Unclear> {
        let claimed_at = self.lease_until.filter(|_| self.state == State::Sending).map(|until| until.minus(lease));
        let of_the_last = claimed_at.map(|since| Unclear { provider: Name::Twilio, since });
        match self.key.channel {
            Channel::Email => None,
            Channel::Sms => self.unclear.or(of_the_last),
        }
    }

    /// What is told of it.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            channel: self.key.channel,
            state: self.state,
            provider: self.provider,
            provider_message_id: self.provider_message_id.clone(),
            attempts: self.attempts,
            created_at: self.created_at,
            sent_at: self.sent_at,
            last_error: self.last_error.clone(),
            last_event: self.last_event,
        }
    }
}

/// Something that a provider told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LastDeliveryEvent)]
pub struct LastEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When, as the provider says.
    pub at: Timestamp,
}

/// What became of an event on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "channel": "email", "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
    "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
    "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}
}))]
pub struct Delivery {
    /// How it is told.
    pub channel: Channel,
    /// What became of it.
    pub state: State,
    /// Who took it.
    pub provider: Option<Name>,
    /// What they call it.
    pub provider_message_id: Option<String>,
    /// How often it was tried.
    #[schema(minimum = 0)]
    pub attempts: u32,
    /// When it was first asked for.
    pub created_at: Option<Timestamp>,
    /// When a provider took it.
    pub sent_at: Option<Timestamp>,
    /// Why the last try failed, or why it is never sent.
    pub last_error: Option<String>,
    /// What the provider told last of it.
    pub last_event: Option<LastEvent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: State, lease_until: Option<Timestamp>, key: &str) -> Record {
        Record {
            key: key.parse().unwrap(),
            template: None,
            recipient: None,
            resend_of: None,
            state,
            claim: "theirs".into(),
            lease_until,
            attempts: 1,
            created_at: None,
            sent_at: None,
            provider: None,
            provider_message_id: None,
            last_error: None,
            unclear: None,
            last_event: None,
        }
    }

    const MAIL: &str = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
    const TEXT: &str = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d#sms";

    #[test]
    fn what_is_waiting_or_whose_lease_ran_out_may_be_claimed() {
        let now = Timestamp::now();
        let second = Duration::from_secs(1);
        let stands = |state, until| record(state, until, MAIL).stands(now);
        assert_eq!(stands(State::Waiting, None), Stands::Free);
        assert_eq!(stands(State::Sending, Some(now.plus(second))), Stands::Theirs(second));
        assert_eq!(stands(State::Sending, Some(now)), Stands::Free);
        assert_eq!(stands(State::Sending, None), Stands::Free);
        for state in [State::Sent, State::Withheld, State::Suppressed, State::Refused] {
            assert_eq!(stands(state, Some(now.plus(second))), Stands::Ended);
        }
    }

    #[test]
    fn an_event_is_another_one_by_its_template_or_by_its_address_under_one_key() {
        let recipient =
            |hash: &str, key_id: Option<&str>| RecipientKey { hash: hash.into(), key_id: key_id.map(str::to_owned) };
        let told = Record {
            template: Some("order_confirmation".into()),
            recipient: Some(recipient("aa", Some("1"))),
            ..record(State::Sent, None, MAIL)
        };
        let is_another = |told: &Record, template, hash, key| told.is_another(template, &recipient(hash, key));
        assert!(!is_another(&told, Template::OrderConfirmation, "aa", Some("1")));
        assert!(is_another(&told, Template::OrderCancelled, "aa", Some("1")));
        assert!(is_another(&told, Template::OrderConfirmation, "bb", Some("1")));
        assert!(!is_another(&told, Template::OrderConfirmation, "bb", Some("2")), "the key was replaced meanwhile");
        let of_before = Record { recipient: Some(recipient("aa", None)), ..told };
        assert!(!is_another(&of_before, Template::OrderConfirmation, "bb", Some("1")));
        assert!(!is_another(&record(State::Sent, None, MAIL), Template::Direct, "bb", Some("1")));
    }

    #[test]
    fn a_text_whose_sender_died_may_have_been_sent_since_it_was_claimed() {
        let (now, lease) = (Timestamp::now(), Duration::from_secs(30));
        let dead = record(State::Sending, Some(now), TEXT);
        let expected = Unclear { provider: Name::Twilio, since: now.minus(lease) };
        assert_eq!(dead.may_have_been_sent(lease), Some(expected));
        let earlier = Unclear { provider: Name::Twilio, since: now.minus(lease * 9) };
        assert_eq!(Record { unclear: Some(earlier), ..dead.clone() }.may_have_been_sent(lease), Some(earlier));
        assert_eq!(record(State::Waiting, None, TEXT).may_have_been_sent(lease), None);
        assert_eq!(record(State::Sending, Some(now), MAIL).may_have_been_sent(lease), None);
    }
}
