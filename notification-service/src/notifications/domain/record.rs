//! The stored record of an event on a channel.

use std::time::Duration;

use common::{contact::Channel, timestamp::Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{EventKind, State};
use crate::{
    event::{EventId, EventKey},
    providers::{Name, Unclear},
    templates::Template,
};

/// The recipient of a message: the keyed hash of the address in hexadecimal, with the id of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKey {
    /// The hash.
    pub hash: String,
    /// Id of the key; `None` in items of an older release.
    pub key_id: Option<String>,
}

impl RecipientKey {
    /// Whether the addresses are known to differ. Hashes under two keys cannot be compared.
    fn differs_from(&self, other: &Self) -> bool {
        self.key_id.is_some() && self.key_id == other.key_id && self.hash != other.hash
    }
}

/// The record of an event on a channel, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The event and the channel.
    pub key: EventKey,
    /// Name of the template; `None` in items of an older release.
    pub template: Option<String>,
    /// The recipient; `None` in items of an older release.
    pub recipient: Option<RecipientKey>,
    /// The event that was sent first, where staff resent it.
    pub resend_of: Option<EventId>,
    /// The state.
    pub state: State,
    /// Id of the last lease.
    pub lease_id: String,
    /// When the last lease ends.
    pub lease_until: Option<Timestamp>,
    /// How many leases it had.
    pub attempts: u32,
    /// When it was first requested; `None` in items of an older release.
    pub created_at: Option<Timestamp>,
    /// When a provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// The provider that accepted it.
    pub provider: Option<Name>,
    /// The provider's id of it.
    pub provider_message_id: Option<String>,
    /// Why the last attempt failed, or why it is not sent.
    pub last_error: Option<String>,
    /// Set for a text that may have been sent.
    pub unclear: Option<Unclear>,
    /// The last event that the provider reported.
    pub last_event: Option<LastEvent>,
}

/// What a record means for a request that wants to send its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The message has its final state.
    Ended,
    /// Another request has the lease, for this time at most.
    Held(Duration),
    /// The lease can be acquired.
    Available,
}

impl Record {
    /// Whether the stored message has another template or recipient than the request that names its event id.
    pub fn is_another(&self, template: Template, recipient: &RecipientKey) -> bool {
        self.template.as_deref().is_some_and(|sent| sent != template.as_str())
            || self.recipient.as_ref().is_some_and(|sent| sent.differs_from(recipient))
    }

    /// Whether a request may send the message now.
    pub fn lease_status(&self, now: Timestamp) -> LeaseStatus {
        match self.state {
            State::Sent | State::Withheld | State::Suppressed | State::Refused => LeaseStatus::Ended,
            State::Waiting => LeaseStatus::Available,
            State::Sending => match self.lease_until.filter(|until| *until > now) {
                Some(until) => {
                    let left = until.unix_millis().saturating_sub(now.unix_millis());
                    LeaseStatus::Held(Duration::from_millis(u64::try_from(left).unwrap_or_default()))
                }
                None => LeaseStatus::Available,
            },
        }
    }

    /// Whether a text may have been sent: since the last lease was acquired, when its holder did not record a result, or since an
    /// earlier lease that ended so. Mail is `None`: it is sent again in doubt.
    pub fn may_have_been_sent(&self, lease: Duration) -> Option<Unclear> {
        let acquired_at = self.lease_until.filter(|_| self.state == State::Sending).map(|until| until.minus(lease));
        let of_the_last = acquired_at.map(|since| Unclear { provider: Name::Twilio, since });
        match self.key.channel {
            Channel::Email => None,
            Channel::Sms => self.unclear.or(of_the_last),
        }
    }

    /// The record as callers see it.
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

/// The last event that a provider reported about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LastDeliveryEvent)]
pub struct LastEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened, as the provider says.
    pub at: Timestamp,
}

/// The result of an event on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "channel": "email", "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
    "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
    "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}
}))]
pub struct Delivery {
    /// The channel.
    pub channel: Channel,
    /// The state of the message.
    pub state: State,
    /// The provider that accepted or refused it; `null` before.
    pub provider: Option<Name>,
    /// The provider's id of the message, to find it in the provider's console.
    pub provider_message_id: Option<String>,
    /// Number of attempts to send it; 0 when a limit or suppression withheld it at once.
    #[schema(minimum = 0)]
    pub attempts: u32,
    /// When it was first requested.
    pub created_at: Option<Timestamp>,
    /// When a provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// Why the last attempt failed, or why the message is not sent; in English, for staff.
    pub last_error: Option<String>,
    /// The last event that the provider reported.
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
            lease_id: "theirs".into(),
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
    fn a_lease_can_be_acquired_while_a_message_waits_or_once_its_lease_expired() {
        let now = Timestamp::now();
        let second = Duration::from_secs(1);
        let lease_status = |state, until| record(state, until, MAIL).lease_status(now);
        assert_eq!(lease_status(State::Waiting, None), LeaseStatus::Available);
        assert_eq!(lease_status(State::Sending, Some(now.plus(second))), LeaseStatus::Held(second));
        assert_eq!(lease_status(State::Sending, Some(now)), LeaseStatus::Available);
        assert_eq!(lease_status(State::Sending, None), LeaseStatus::Available);
        for state in [State::Sent, State::Withheld, State::Suppressed, State::Refused] {
            assert_eq!(lease_status(state, Some(now.plus(second))), LeaseStatus::Ended);
        }
    }

    #[test]
    fn an_event_is_another_one_by_its_template_or_by_its_address_under_one_key() {
        let recipient =
            |hash: &str, key_id: Option<&str>| RecipientKey { hash: hash.into(), key_id: key_id.map(str::to_owned) };
        let stored = Record {
            template: Some("order_confirmation".into()),
            recipient: Some(recipient("aa", Some("1"))),
            ..record(State::Sent, None, MAIL)
        };
        let is_another = |stored: &Record, template, hash, key| stored.is_another(template, &recipient(hash, key));
        assert!(!is_another(&stored, Template::OrderConfirmation, "aa", Some("1")));
        assert!(is_another(&stored, Template::OrderCancelled, "aa", Some("1")));
        assert!(is_another(&stored, Template::OrderConfirmation, "bb", Some("1")));
        assert!(!is_another(&stored, Template::OrderConfirmation, "bb", Some("2")), "the key was replaced meanwhile");
        let of_before = Record { recipient: Some(recipient("aa", None)), ..stored };
        assert!(!is_another(&of_before, Template::OrderConfirmation, "bb", Some("1")));
        assert!(!is_another(&record(State::Sent, None, MAIL), Template::Direct, "bb", Some("1")));
    }

    #[test]
    fn a_text_whose_sender_died_may_have_been_sent_since_its_lease_was_acquired() {
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
