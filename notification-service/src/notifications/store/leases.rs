//! Leases: which request may send a message.
//!
//! For a new event one transaction inserts the item with a lease, counts it against the limits, and checks the suppressions: all
//! of it or nothing. The lease of a message that waits, or whose last lease expired, is acquired by replacing the lease id that
//! was read; the message was counted by its first lease, and is not counted again.

mod writes;

use std::time::Duration;

use common::timestamp::Timestamp;
use platform::fingerprint::{Fingerprint, hex};
use uuid::Uuid;

use self::writes::Obstacle;
use super::LEASE;
use crate::{
    aws::Failure,
    dynamo::Dynamo,
    event::{EventId, EventKey},
    notifications::domain::{Count, LeaseStatus, Reason, RecipientKey, Record},
    providers::Unclear,
    templates::Template,
};

/// How often acquiring a lease starts over because another request changed the item.
const MAX_ATTEMPTS: usize = 4;

/// A message to send, with all that its record needs.
#[derive(Debug, Clone)]
pub struct OutboundMessage {
    /// The event and the channel.
    pub key: EventKey,
    /// The template.
    pub template: Template,
    /// The keyed hash of the address.
    pub recipient: Fingerprint,
    /// Id of the hash's key.
    pub key_id: String,
    /// The event that was sent first, where staff resend it.
    pub resend_of: Option<EventId>,
    /// The limits that it counts against.
    pub counts: Vec<Count>,
    /// The request to store for resending, as JSON.
    pub request: Option<String>,
}

impl OutboundMessage {
    fn recipient_key(&self) -> RecipientKey {
        RecipientKey { hash: hex(self.recipient), key_id: Some(self.key_id.clone()) }
    }
}

/// The outcome of acquiring a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// The caller may send the message.
    Acquired(Lease),
    /// The message has its final state.
    Ended(Record),
    /// Another request has the lease, for this time at most.
    Held(Duration),
    /// The event's id was used with another template or recipient.
    EventIdReused,
}

/// The right to send one message, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub(super) key: EventKey,
    pub(super) id: String,
    pub(super) until: Timestamp,
    attempts: u32,
    created_at: Option<Timestamp>,
    unclear: Option<Unclear>,
}

impl Lease {
    fn first(key: EventKey, now: Timestamp) -> Self {
        let id = Uuid::new_v4().to_string();
        Self { key, id, until: now.plus(LEASE), attempts: 1, created_at: Some(now), unclear: None }
    }

    fn after(before: &Record, now: Timestamp) -> Self {
        Self {
            attempts: before.attempts.saturating_add(1),
            created_at: before.created_at,
            unclear: before.may_have_been_sent(LEASE),
            ..Self::first(before.key, now)
        }
    }

    /// The message that it is for.
    pub fn key(&self) -> EventKey {
        self.key
    }

    /// The number of this attempt, from 1.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When the message was first requested.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// When it ends.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether the message is so old that this attempt is the last.
    pub fn is_overdue(&self, now: Timestamp, tried_for: Duration) -> bool {
        self.created_at.is_some_and(|created_at| now >= created_at.plus(tried_for))
    }

    /// Set for a text that may have been sent by an earlier attempt.
    pub fn unclear(&self) -> Option<Unclear> {
        self.unclear
    }

    /// Whether work that takes up to `duration` ends before the lease does.
    pub fn covers(&self, now: Timestamp, duration: Duration) -> bool {
        now.plus(duration) < self.until
    }
}

impl Dynamo {
    /// Acquires the lease of a message, unless it is final, leased by another request, beyond a limit or suppressed. Takes one
    /// call for a new event.
    pub async fn acquire_lease(&self, outbound: &OutboundMessage, now: Timestamp) -> Result<LeaseOutcome, Failure> {
        let mut before: Option<Box<Record>> = None;
        for _ in 0..MAX_ATTEMPTS {
            let lease =
                before.as_ref().map_or_else(|| Lease::first(outbound.key, now), |before| Lease::after(before, now));
            let obstacle = match &before {
                None => self.transact(self.first_lease(outbound, &lease, now)?, outbound).await?,
                Some(before) => self.transact(self.renewed_lease(outbound, &lease, before)?, outbound).await?,
            };
            match obstacle {
                None => return Ok(LeaseOutcome::Acquired(lease)),
                // The answer to the first try was lost, and the SDK tried again.
                Some(Obstacle::Record(found)) if found.lease_id == lease.id => {
                    return Ok(LeaseOutcome::Acquired(lease));
                }
                Some(Obstacle::Record(found)) if found.is_another(outbound.template, &outbound.recipient_key()) => {
                    return Ok(LeaseOutcome::EventIdReused);
                }
                Some(Obstacle::Record(found)) => match found.lease_status(now) {
                    LeaseStatus::Ended => return Ok(LeaseOutcome::Ended(*found)),
                    LeaseStatus::Held(left) => return Ok(LeaseOutcome::Held(left)),
                    LeaseStatus::Available => before = Some(found),
                },
                Some(Obstacle::Changed) => before = None,
                Some(Obstacle::Barred(reason)) => return self.end(outbound, reason, before, now).await,
            }
        }
        Err(Failure::Unavailable("other requests keep changing the event".into()))
    }

    /// Records that a message is not sent, unless it is final or leased by another request.
    pub async fn record_not_sent(
        &self,
        outbound: &OutboundMessage,
        reason: Reason,
        now: Timestamp,
    ) -> Result<LeaseOutcome, Failure> {
        self.end(outbound, reason, None, now).await
    }

    async fn end(
        &self,
        outbound: &OutboundMessage,
        reason: Reason,
        before: Option<Box<Record>>,
        now: Timestamp,
    ) -> Result<LeaseOutcome, Failure> {
        let mut before = before;
        for _ in 0..MAX_ATTEMPTS {
            let lease =
                before.as_ref().map_or_else(|| Lease::first(outbound.key, now), |before| Lease::after(before, now));
            let obstacle = match &before {
                None => self.insert_ended(outbound, &lease, reason, now).await?,
                Some(before) => self.replace_with_ended(&lease, before, reason).await?,
            };
            match obstacle {
                None => return Ok(LeaseOutcome::Ended(ended(&lease, outbound, reason, before.as_deref()))),
                Some(Obstacle::Record(found)) if found.is_another(outbound.template, &outbound.recipient_key()) => {
                    return Ok(LeaseOutcome::EventIdReused);
                }
                Some(Obstacle::Record(found)) => match found.lease_status(now) {
                    LeaseStatus::Ended => return Ok(LeaseOutcome::Ended(*found)),
                    LeaseStatus::Held(left) => return Ok(LeaseOutcome::Held(left)),
                    LeaseStatus::Available => before = Some(found),
                },
                Some(Obstacle::Changed | Obstacle::Barred(_)) => before = None,
            }
        }
        Err(Failure::Unavailable("other requests keep changing the event".into()))
    }
}

/// The record of a message that is not sent.
fn ended(lease: &Lease, outbound: &OutboundMessage, reason: Reason, before: Option<&Record>) -> Record {
    Record {
        key: lease.key,
        template: Some(outbound.template.as_str().to_owned()),
        recipient: Some(outbound.recipient_key()),
        resend_of: outbound.resend_of,
        state: reason.state(),
        lease_id: lease.id.clone(),
        lease_until: None,
        attempts: before.map_or(0, |before| before.attempts),
        created_at: lease.created_at,
        sent_at: None,
        provider: None,
        provider_message_id: None,
        last_error: Some(reason.as_str().to_owned()),
        unclear: None,
        last_event: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EventKey {
        "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap()
    }

    #[test]
    fn a_message_is_begun_only_if_it_ends_within_the_lease() {
        let now = Timestamp::now();
        let lease = Lease::first(key(), now);
        let takes = Duration::from_secs(2);
        assert!(lease.covers(now, takes));
        assert!(lease.covers(now.plus(LEASE).minus(takes).minus(Duration::from_millis(1)), takes));
        assert!(!lease.covers(now.plus(LEASE).minus(takes), takes));
        assert!(!lease.covers(now.plus(LEASE * 2), takes));
    }

    #[test]
    fn an_attempt_is_the_last_once_the_message_is_as_old_as_it_may_become() {
        let (first, hours) = (Timestamp::now(), |hours| Duration::from_hours(hours));
        let lease = Lease { created_at: Some(first), ..Lease::first(key(), first.plus(hours(80))) };
        assert!(!lease.is_overdue(first.plus(hours(72)).minus(Duration::from_millis(1)), hours(72)));
        assert!(lease.is_overdue(first.plus(hours(72)), hours(72)));
        let of_before = Lease { created_at: None, ..lease };
        assert!(!of_before.is_overdue(first.plus(hours(999)), hours(72)), "an older release did not store when");
    }
}
