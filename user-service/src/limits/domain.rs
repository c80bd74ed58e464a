//! The kinds of attempts that are counted, their limits, and how long a refused client waits.

use std::time::Duration;

use common::timestamp::Timestamp;
use strum::{IntoStaticStr, VariantNames};

/// Most counters of one attempt: its source address, a mailbox, an account.
pub const MOST_COUNTERS: usize = 3;

/// A kind of attempt. Each has a window of its own, which begins with the first attempt after the previous window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Login attempts with a mailbox (NIST SP 800-63B-4, 3.2.2: limit them). A successful login resets the count.
    LoginOfRecipient,
    /// Login attempts from a source address, successful ones too: attackers try one password at many mailboxes.
    LoginFromSource,
    /// Registrations of a mailbox: each sends a mail. They have a count of their own, because a successful login resets
    /// the count of logins: an attacker with an account at a stranger's address could reset it and go on sending mail.
    RegistrationOfRecipient,
    /// Registrations from a source address: each costs a hash.
    RegistrationFromSource,
    /// Guests from a source address.
    GuestFromSource,
    /// Cards that an account began to save: attackers test stolen card numbers this way.
    SetupOfAccount,
    /// Cards that accounts with this mailbox began to save.
    SetupOfRecipient,
    /// Cards that were begun to be saved from a source address.
    SetupFromSource,
}

impl Kind {
    /// The stored name; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The length of its window.
    pub fn window(self) -> Duration {
        match self {
            Self::LoginOfRecipient
            | Self::LoginFromSource
            | Self::RegistrationOfRecipient
            | Self::RegistrationFromSource
            | Self::GuestFromSource => Duration::from_mins(15),
            Self::SetupOfAccount | Self::SetupOfRecipient | Self::SetupFromSource => Duration::from_hours(1),
        }
    }
}

/// The most attempts of each kind in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Login attempts with one mailbox.
    pub logins: i32,
    /// Login attempts from one source address.
    pub logins_from_source: i32,
    /// Registrations of one mailbox.
    pub registrations: i32,
    /// Registrations from one source address.
    pub registrations_from_source: i32,
    /// Guests from one source address.
    pub guests_from_source: i32,
    /// Cards begun to be saved, for each of one account and one mailbox.
    pub setups: i32,
    /// Cards begun to be saved from one source address.
    pub setups_from_source: i32,
}

/// The limits of source addresses are higher: an office or a mobile network can share one.
impl Default for Limits {
    fn default() -> Self {
        Self {
            logins: 10,
            logins_from_source: 300,
            registrations: 10,
            registrations_from_source: 60,
            guests_from_source: 300,
            setups: 10,
            setups_from_source: 30,
        }
    }
}

impl Limits {
    /// The most attempts of this kind in one window.
    pub fn most(&self, kind: Kind) -> i32 {
        match kind {
            Kind::LoginOfRecipient => self.logins,
            Kind::LoginFromSource => self.logins_from_source,
            Kind::RegistrationOfRecipient => self.registrations,
            Kind::RegistrationFromSource => self.registrations_from_source,
            Kind::GuestFromSource => self.guests_from_source,
            Kind::SetupOfAccount | Kind::SetupOfRecipient => self.setups,
            Kind::SetupFromSource => self.setups_from_source,
        }
    }
}

/// One counter of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The kind of attempt.
    pub kind: Kind,
    /// The key: a keyed hash of a mailbox or a source address, or an account's id.
    pub key: [u8; 16],
    /// The most attempts in one window.
    pub most: i32,
}

/// An attempt with its counters, in order: the first counter that is full refuses it, and it is not counted under those
/// that follow. So a source address that is refused already uses up no attempts of the mailboxes and accounts that it
/// tries. Sources come first and accounts last, so that attempts cannot deadlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt([Option<Counter>; MOST_COUNTERS]);

impl Attempt {
    /// An attempt with each counter that is `Some`.
    pub fn new<const N: usize>(counters: [Option<Counter>; N]) -> Self {
        let mut known = counters.into_iter().flatten();
        Self(std::array::from_fn(|_| known.next()))
    }

    /// The counters in order; the last can be `None`.
    pub fn counters(&self) -> &[Option<Counter>; MOST_COUNTERS] {
        &self.0
    }

    /// The counter of this kind.
    pub fn of(&self, kind: Kind) -> Option<&Counter> {
        self.0.iter().flatten().find(|counter| counter.kind == kind)
    }

    /// Whether the attempt has no counter.
    pub fn is_uncounted(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// The attempt exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; wait {} s", .wait.as_secs())]
pub struct TooMany {
    /// The time until the window ends.
    pub wait: Duration,
}

/// Admits an attempt, unless a counter refuses it; then the client waits until the window of that counter ends.
pub fn admit(refused_until: Option<Timestamp>, now: Timestamp) -> Result<(), TooMany> {
    let Some(until) = refused_until else { return Ok(()) };
    let millis = until.unix_millis().saturating_sub(now.unix_millis());
    Err(TooMany { wait: Duration::from_millis(millis.max(0).unsigned_abs()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(kind: Kind) -> Counter {
        Counter { kind, key: [7; 16], most: 10 }
    }

    #[test]
    fn an_attempt_that_no_counter_refuses_goes_on_and_another_waits_until_the_window_ends() {
        let now = Timestamp::from_unix_millis(1_700_000_000_000).unwrap();
        assert_eq!(admit(None, now), Ok(()));
        let minute = Duration::from_mins(1);
        assert_eq!(admit(Some(now.plus(minute)), now), Err(TooMany { wait: minute }));
        // By another clock than the one that began the window.
        assert_eq!(admit(Some(now.minus(minute)), now), Err(TooMany { wait: Duration::ZERO }));
    }

    #[test]
    fn an_attempt_without_a_source_address_is_counted_under_the_rest() {
        let attempt = Attempt::new([None, Some(counter(Kind::LoginOfRecipient))]);
        assert_eq!(attempt.counters(), &[Some(counter(Kind::LoginOfRecipient)), None, None]);
        assert_eq!(attempt.of(Kind::LoginOfRecipient), Some(&counter(Kind::LoginOfRecipient)));
        assert_eq!(attempt.of(Kind::LoginFromSource), None);
        assert!(!attempt.is_uncounted() && Attempt::new([None]).is_uncounted());
    }

    #[test]
    fn a_source_address_has_room_for_several_people() {
        let limits = Limits::default();
        assert!(limits.most(Kind::LoginFromSource) > limits.most(Kind::LoginOfRecipient));
        assert!(limits.most(Kind::RegistrationFromSource) > limits.most(Kind::RegistrationOfRecipient));
        assert!(limits.most(Kind::SetupFromSource) > limits.most(Kind::SetupOfAccount));
    }

    #[test]
    fn kinds_are_named_as_the_constraint_of_the_table_has_them() {
        let names = [
            "login_of_recipient",
            "login_from_source",
            "registration_of_recipient",
            "registration_from_source",
            "guest_from_source",
            "setup_of_account",
            "setup_of_recipient",
            "setup_from_source",
        ];
        assert_eq!(Kind::VARIANTS, names);
        assert_eq!(Kind::SetupOfRecipient.as_str(), "setup_of_recipient");
    }
}
