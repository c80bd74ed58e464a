//! Claiming: who sends.
//!
//! An event that is asked for the first time is claimed, counted, and looked up among the suppressed addresses in one
//! transaction: it becomes ours with everything that this takes, or nothing is changed. One that was given back, or whose
//! claimant did not come back within its lease, is claimed by exchanging the claim that was seen for our own; it was counted
//! when it was claimed first, and is not counted again.

mod writes;

use std::time::Duration;

use common::timestamp::Timestamp;
use platform::fingerprint::{Fingerprint, hex};
use uuid::Uuid;

use self::writes::Hurdle;
use super::LEASE;
use crate::{
    aws::Failure,
    dynamo::Store,
    event::{EventId, EventKey},
    notifications::domain::{Count, Reason, RecipientKey, Record, Stands},
    providers::Unclear,
    templates::Template,
};

/// How often a claim looks again at what another request changed under it.
const ROUNDS: usize = 4;

/// A wish to send one message.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Which.
    pub key: EventKey,
    /// What it says.
    pub template: Template,
    /// The keyed hash of its address.
    pub recipient: Fingerprint,
    /// Which key that is.
    pub key_id: String,
    /// The event of which staff have it sent again.
    pub resend_of: Option<EventId>,
    /// What it counts against.
    pub counts: Vec<Count>,
    /// What is kept for sending it again.
    pub request: Option<String>,
}

impl Wish {
    fn recipient_key(&self) -> RecipientKey {
        RecipientKey { hash: hex(self.recipient), key_id: Some(self.key_id.clone()) }
    }
}

/// What became of the wish to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours to send.
    Ours(Claim),
    /// Nothing is left to do.
    Ended(Record),
    /// Another request is sending it, for so long at most.
    Theirs(Duration),
    /// The event's id was used before for something else, or for somebody else.
    Reused,
}

/// The right to send one message, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub(super) key: EventKey,
    pub(super) id: String,
    pub(super) until: Timestamp,
    attempts: u32,
    created_at: Option<Timestamp>,
    unclear: Option<Unclear>,
}

impl Claim {
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

    /// What is claimed.
    pub fn key(&self) -> EventKey {
        self.key
    }

    /// Which try this is, from 1.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When it was asked for first.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// Until when it is ours.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether it was asked for first so long ago that this try is the last.
    pub fn is_overdue(&self, now: Timestamp, tried_for: Duration) -> bool {
        self.created_at.is_some_and(|created_at| now >= created_at.plus(tried_for))
    }

    /// A text that may have been sent by an earlier try.
    pub fn unclear(&self) -> Option<Unclear> {
        self.unclear
    }

    /// Whether something that may take so long ends before the lease does.
    pub fn covers(&self, now: Timestamp, duration: Duration) -> bool {
        now.plus(duration) < self.until
    }
}

impl Store {
    /// Claims what is to be sent, unless it is ended, another's, or barred. Takes one call, the first time it is asked for.
    pub async fn claim(&self, wish: &Wish, now: Timestamp) -> Result<Claimed, Failure> {
        let mut before: Option<Box<Record>> = None;
        for _ in 0..ROUNDS {
            let claim = before.as_ref().map_or_else(|| Claim::first(wish.key, now), |before| Claim::after(before, now));
            let hurdle = match &before {
                None => self.transact(self.first_claim(wish, &claim, now)?, wish).await?,
                Some(before) => self.transact(self.later_claim(wish, &claim, before)?, wish).await?,
            };
            match hurdle {
                None => return Ok(Claimed::Ours(claim)),
                // The answer to the first try was lost, and the SDK tried again.
                Some(Hurdle::Record(found)) if found.claim == claim.id => return Ok(Claimed::Ours(claim)),
                Some(Hurdle::Record(found)) if found.is_another(wish.template, &wish.recipient_key()) => {
                    return Ok(Claimed::Reused);
                }
                Some(Hurdle::Record(found)) => match found.stands(now) {
                    Stands::Ended => return Ok(Claimed::Ended(*found)),
                    Stands::Theirs(left) => return Ok(Claimed::Theirs(left)),
                    Stands::Free => before = Some(found),
                },
                Some(Hurdle::Changed) => before = None,
                Some(Hurdle::Barred(reason)) => return self.conclude(wish, reason, before, now).await,
            }
        }
        Err(Failure::Unavailable("other requests keep claiming the event".into()))
    }

    /// Notes for good that it is not sent, unless it is ended or another's. What another request gave back ends, too.
    pub async fn never(&self, wish: &Wish, reason: Reason, now: Timestamp) -> Result<Claimed, Failure> {
        self.conclude(wish, reason, None, now).await
    }

    async fn conclude(
        &self,
        wish: &Wish,
        reason: Reason,
        before: Option<Box<Record>>,
        now: Timestamp,
    ) -> Result<Claimed, Failure> {
        let mut before = before;
        for _ in 0..ROUNDS {
            let claim = before.as_ref().map_or_else(|| Claim::first(wish.key, now), |before| Claim::after(before, now));
            let hurdle = match &before {
                None => self.put_end(wish, &claim, reason, now).await?,
                Some(before) => self.exchange_end(&claim, before, reason).await?,
            };
            match hurdle {
                None => return Ok(Claimed::Ended(ended(&claim, wish, reason, before.as_deref()))),
                Some(Hurdle::Record(found)) if found.is_another(wish.template, &wish.recipient_key()) => {
                    return Ok(Claimed::Reused);
                }
                Some(Hurdle::Record(found)) => match found.stands(now) {
                    Stands::Ended => return Ok(Claimed::Ended(*found)),
                    Stands::Theirs(left) => return Ok(Claimed::Theirs(left)),
                    Stands::Free => before = Some(found),
                },
                Some(Hurdle::Changed | Hurdle::Barred(_)) => before = None,
            }
        }
        Err(Failure::Unavailable("other requests keep claiming the event".into()))
    }
}

/// The record of a message that is not sent.
fn ended(claim: &Claim, wish: &Wish, reason: Reason, before: Option<&Record>) -> Record {
    Record {
        key: claim.key,
        template: Some(wish.template.as_str().to_owned()),
        recipient: Some(wish.recipient_key()),
        resend_of: wish.resend_of,
        state: reason.state(),
        claim: claim.id.clone(),
        lease_until: None,
        attempts: before.map_or(0, |before| before.attempts),
        created_at: claim.created_at,
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
        let claim = Claim::first(key(), now);
        let takes = Duration::from_secs(2);
        assert!(claim.covers(now, takes));
        assert!(claim.covers(now.plus(LEASE).minus(takes).minus(Duration::from_millis(1)), takes));
        assert!(!claim.covers(now.plus(LEASE).minus(takes), takes));
        assert!(!claim.covers(now.plus(LEASE * 2), takes));
    }

    #[test]
    fn a_try_is_the_last_once_the_message_is_as_old_as_it_may_become() {
        let (first, hours) = (Timestamp::now(), |hours| Duration::from_hours(hours));
        let claim = Claim { created_at: Some(first), ..Claim::first(key(), first.plus(hours(80))) };
        assert!(!claim.is_overdue(first.plus(hours(72)).minus(Duration::from_millis(1)), hours(72)));
        assert!(claim.is_overdue(first.plus(hours(72)), hours(72)));
        let of_before = Claim { created_at: None, ..claim };
        assert!(!of_before.is_overdue(first.plus(hours(999)), hours(72)), "an older release did not write when");
    }
}
