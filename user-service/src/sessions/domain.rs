//! Sessions and their refresh tokens: when a token is renewed, and when its use shows that it was stolen.
//!
//! A session's tokens have generations. The newest generation is valid until it is used; using it begins the next one.
//! For a short grace period after that, an older token is exchanged for one of the newest generation too: its answer
//! may have been lost, or two browser tabs refreshed at once. After the grace period, using an older token means that
//! two parties have it, and the session ends (RFC 9700, 4.14.2). The same holds for tokens of one generation: the first
//! to be used makes the others old.

use std::time::Duration;

use common::{auth::Subject, id::Id, timestamp::Timestamp};
use uuid::Uuid;

use crate::roles::Role;

/// A session ends when it is not refreshed for this long.
pub const IDLE_LIFE: Duration = Duration::from_hours(30 * 24);
/// A session ends after this in any case.
pub const WHOLE_LIFE: Duration = Duration::from_hours(90 * 24);
/// The grace period: how long an older token is still accepted.
pub const GRACE: Duration = Duration::from_secs(10);

/// The scopes of a guest's token.
const GUEST_SCOPES: &[&str] = &["cart", "orders"];

/// Marks the id of a session.
#[derive(Debug)]
pub enum SessionMarker {}
/// The id of a session.
pub type SessionId = Id<SessionMarker>;

/// The user or guest that a session belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// A shopper with an account.
    User {
        /// The account's id.
        id: Uuid,
        /// The account's current role.
        role: Role,
    },
    /// A shopper without an account, by the id in their tokens.
    Guest(Uuid),
}

impl Principal {
    /// The subject of their tokens.
    pub fn subject(self) -> Subject {
        match self {
            Self::User { id, .. } => Subject::User(id),
            Self::Guest(id) => Subject::Guest(id),
        }
    }

    /// The scopes of their tokens, separated by spaces.
    pub fn scope(self) -> String {
        match self {
            Self::User { role, .. } => role.scopes().join(" "),
            Self::Guest(_) => GUEST_SCOPES.join(" "),
        }
    }
}

/// When a session that was begun at `created_at` ends unless it is refreshed again after `now`.
pub fn expiry(created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus(IDLE_LIFE).min(created_at.plus(WHOLE_LIFE))
}

/// A refresh token that a client sent, with the state of its session.
#[derive(Debug, Clone)]
pub struct PresentedToken {
    /// The session.
    pub session_id: SessionId,
    /// The user or guest that the session belongs to.
    pub principal: Principal,
    /// Whether the principal's account was closed.
    pub disabled: bool,
    /// The session's newest generation.
    pub newest: i32,
    /// When the generation after the token's own began, if it did.
    pub superseded_at: Option<Timestamp>,
    /// When the session began.
    pub created_at: Timestamp,
    /// When the session ends.
    pub expires_at: Timestamp,
}

/// The decision about a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Issue a new token, if the session is still at the same generation.
    Renew(Step),
    /// Refuse the token: the session expired, or the account was closed.
    Refuse,
    /// End the session: the token was used before, and its grace period is over.
    Revoke,
}

/// A step of a session, valid only while its newest generation is `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The newest generation when the decision was made.
    pub from: i32,
    /// The newest generation afterwards, which is that of the new token.
    pub to: i32,
    /// When the session ends after this step.
    pub expires_at: Timestamp,
}

impl PresentedToken {
    /// Decides about the token at the time `now`.
    pub fn decide(&self, now: Timestamp) -> Decision {
        if self.disabled || now >= self.expires_at {
            return Decision::Refuse;
        }
        let expires_at = expiry(self.created_at, now);
        match self.superseded_at {
            None => Decision::Renew(Step { from: self.newest, to: self.newest.saturating_add(1), expires_at }),
            Some(at) if now < at.plus(GRACE) => {
                Decision::Renew(Step { from: self.newest, to: self.newest, expires_at })
            }
            Some(_) => Decision::Revoke,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_700_000_000_000).unwrap().plus(Duration::from_secs(seconds))
    }

    fn presented(superseded_at: Option<Timestamp>) -> PresentedToken {
        PresentedToken {
            session_id: SessionId::new(at(0)),
            principal: Principal::Guest(Uuid::nil()),
            disabled: false,
            newest: 4,
            superseded_at,
            created_at: at(0),
            expires_at: at(0).plus(IDLE_LIFE),
        }
    }

    #[test]
    fn the_newest_token_begins_the_next_generation() {
        let step = Step { from: 4, to: 5, expires_at: at(60).plus(IDLE_LIFE) };
        assert_eq!(presented(None).decide(at(60)), Decision::Renew(step));
    }

    #[test]
    fn an_older_token_gets_one_of_the_newest_generation_during_the_grace_only() {
        let used = presented(Some(at(60)));
        let step = Step { from: 4, to: 4, expires_at: at(69).plus(IDLE_LIFE) };
        assert_eq!(used.decide(at(69)), Decision::Renew(step));
        assert_eq!(used.decide(at(70)), Decision::Revoke);
    }

    #[test]
    fn a_clock_that_lags_behind_is_within_the_grace() {
        assert!(matches!(presented(Some(at(60))).decide(at(59)), Decision::Renew(_)));
    }

    #[test]
    fn an_expired_session_or_a_closed_account_gets_nothing() {
        let end = at(0).plus(IDLE_LIFE);
        assert_eq!(presented(None).decide(end), Decision::Refuse);
        assert_eq!(presented(Some(at(60))).decide(end), Decision::Refuse);
        let disabled = PresentedToken { disabled: true, ..presented(None) };
        assert_eq!(disabled.decide(at(1)), Decision::Refuse);
    }

    #[test]
    fn a_session_rests_for_thirty_days_at_most_and_ends_after_ninety() {
        assert_eq!(expiry(at(0), at(0)), at(0).plus(30 * DAY));
        assert_eq!(expiry(at(0), at(0).plus(59 * DAY)), at(0).plus(89 * DAY));
        assert_eq!(expiry(at(0), at(0).plus(80 * DAY)), at(0).plus(90 * DAY));
    }

    #[test]
    fn a_token_carries_the_scopes_of_its_holder_now() {
        let user = Principal::User { id: Uuid::nil(), role: Role::OrderManager };
        assert_eq!(user.scope(), "profile cart orders orders:manage notifications:manage");
        assert_eq!(user.subject().to_string(), format!("user:{}", Uuid::nil()));
        assert_eq!(Principal::Guest(Uuid::nil()).scope(), "cart orders");
    }
}
