//! What is counted, how often is too often, and how long to wait then.

use std::time::Duration;

use common::timestamp::Timestamp;
use strum::{IntoStaticStr, VariantNames};

/// Most that one attempt is counted under: its source address, a mailbox, an account.
pub const MOST_COUNTERS: usize = 3;

/// What is counted. Each has a window of its own, which begins with the first attempt after the window before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Logins tried at a mailbox (NIST SP 800-63B-4, 3.2.2: limit them). A login that succeeds forgets those before it.
    LoginOfRecipient,
    /// Logins tried from a source address, right ones too: one password is tried at many mailboxes.
    LoginFromSource,
    /// Registrations of a mailbox: each sends a mail. Not counted as logins, which a success forgets: the registrant of a
    /// stranger's address could otherwise log in now and then, and go on sending mail to it.
    RegistrationOfRecipient,
    /// Registrations from a source address: each costs a hash.
    RegistrationFromSource,
    /// Guests from a source address.
    GuestFromSource,
    /// Cards that an account began to save: this is how stolen numbers are tried out.
    SetupOfAccount,
    /// The same at the account's mailbox.
    SetupOfRecipient,
    /// The same from a source address.
    SetupFromSource,
}

impl Kind {
    /// As it is stored; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How long its attempts are counted together.
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

/// How many attempts of each kind a window has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of logins at one mailbox.
    pub logins: i32,
    /// Of logins from one source address.
    pub logins_from_source: i32,
    /// Of registrations of one mailbox.
    pub registrations: i32,
    /// Of registrations from one source address.
    pub registrations_from_source: i32,
    /// Of guests from one source address.
    pub guests_from_source: i32,
    /// Of saved cards begun, by one account and at one mailbox.
    pub setups: i32,
    /// Of saved cards begun from one source address.
    pub setups_from_source: i32,
}

/// A source address may be an office's or a carrier's, with many people behind it.
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
    /// How many attempts of this kind a window has room for.
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

/// What an attempt is counted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// What is counted.
    pub kind: Kind,
    /// Whose attempts they are: a keyed hash of a mailbox or a source address, or an account's id.
    pub key: [u8; 16],
    /// How many a window has room for.
    pub most: i32,
}

/// An attempt, with all that it is counted under, in the order in which it is: the first that has no room for it refuses
/// it, and it is not counted under those that follow. So a source address that is refused already takes nothing from the
/// mailboxes and accounts that it tries. Sources come first, accounts last, so that attempts never wait for each other in
/// a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt([Option<Counter>; MOST_COUNTERS]);

impl Attempt {
    /// An attempt that is counted under each that is there.
    pub fn new<const N: usize>(counters: [Option<Counter>; N]) -> Self {
        let mut known = counters.into_iter().flatten();
        Self(std::array::from_fn(|_| known.next()))
    }

    /// In order; the last may be none.
    pub fn counters(&self) -> &[Option<Counter>; MOST_COUNTERS] {
        &self.0
    }

    /// The one of this kind.
    pub fn of(&self, kind: Kind) -> Option<&Counter> {
        self.0.iter().flatten().find(|counter| counter.kind == kind)
    }

    /// Whether nothing counts it.
    pub fn is_uncounted(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Too many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; wait {} s", .wait.as_secs())]
pub struct TooMany {
    /// Until the window ends.
    pub wait: Duration,
}

/// Whether an attempt may go on: it may when no counter refuses it, and waits otherwise until that counter's window ends.
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
