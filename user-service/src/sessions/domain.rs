//! Sessions and their refresh tokens: when a token is renewed, and when its use gives away that it was stolen.
//!
//! A session's tokens have generations. The newest generation is good until it is used; using it makes the next one.
//! For a short grace after that an older token gets one of the newest generation too: its answer may have been lost on
//! the way, or two tabs refreshed at once. After the grace, using an older token means that two parties have it, and
//! the session ends (RFC 9700, 4.14.2). The same holds for tokens that were issued side by side: the first to be used
//! makes the others old.

use std::time::Duration;

use common::{auth::Subject, id::Id, timestamp::Timestamp};
use uuid::Uuid;

use crate::roles::Role;

/// A session ends when it is not refreshed for this long.
pub const IDLE_LIFE: Duration = Duration::from_hours(30 * 24);
/// A session ends after this, however busy it is.
pub const WHOLE_LIFE: Duration = Duration::from_hours(90 * 24);
/// How long an old token is still taken.
pub const GRACE: Duration = Duration::from_secs(10);

/// What a guest's token allows.
const GUEST_SCOPES: &[&str] = &["cart", "orders"];

/// Marks the id of a session.
#[derive(Debug)]
pub enum SessionMarker {}
/// The id of a session.
pub type SessionId = Id<SessionMarker>;

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody with an account.
    User {
        /// The account.
        id: Uuid,
        /// Its role at the moment.
        role: Role,
    },
    /// Somebody without one.
    Guest(Uuid),
}

impl Holder {
    /// As tokens name them.
    pub fn subject(self) -> Subject {
        match self {
            Self::User { id, .. } => Subject::User(id),
            Self::Guest(id) => Subject::Guest(id),
        }
    }

    /// What their tokens allow, separated by spaces.
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

/// A refresh token that somebody showed us, and what is known of its session.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The session.
    pub session_id: SessionId,
    /// Whose it is.
    pub holder: Holder,
    /// Whether the holder's account was closed.
    pub disabled: bool,
    /// The session's newest generation.
    pub newest: i32,
    /// When the generation after the token's own began, if it did.
    pub superseded_at: Option<Timestamp>,
    /// When the session began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Issue a token, if the session is still where it was.
    Renew(Step),
    /// The token is of no use.
    Refuse,
    /// The token was used long before: end the session.
    Revoke,
}

/// A step of a session, valid only while its newest generation is `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The newest generation the decision was made at.
    pub from: i32,
    /// The newest generation after it, and that of the new token.
    pub to: i32,
    /// When the session ends now.
    pub expires_at: Timestamp,
}

impl Presented {
    /// What to do about the token `now`.
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

    fn presented(superseded_at: Option<Timestamp>) -> Presented {
        Presented {
            session_id: SessionId::new(at(0)),
            holder: Holder::Guest(Uuid::nil()),
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
        let disabled = Presented { disabled: true, ..presented(None) };
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
        let user = Holder::User { id: Uuid::nil(), role: Role::OrderManager };
        assert_eq!(user.scope(), "profile cart orders orders:manage notifications:manage");
        assert_eq!(user.subject().to_string(), format!("user:{}", Uuid::nil()));
        assert_eq!(Holder::Guest(Uuid::nil()).scope(), "cart orders");
    }
}
