//! A provider that failed several times in a row is left alone for a while, so that those behind it in the list need not
//! wait for it each time. Rules only: no clock, no lock.

use std::time::Duration;

use common::timestamp::Timestamp;

/// How many failures in a row open a circuit.
pub const FAILURES: u32 = 5;
/// How long an open circuit lets nothing through.
pub const OPEN_FOR: Duration = Duration::from_secs(15);
/// How long the one try is waited for. If it never ends (its task was dropped), another is let through.
pub const TRY_FOR: Duration = Duration::from_secs(5);

/// Whether a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// It is asked; so many calls in a row failed.
    Closed {
        /// Fewer than [`FAILURES`].
        failures: u32,
    },
    /// It is not asked.
    Open {
        /// From then on, one call tries whether it is back.
        until: Timestamp,
    },
    /// One call tries whether it is back; no other is let through.
    Trying {
        /// From then on, another may try.
        until: Timestamp,
    },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// Whether a call may be made now; it then has to say how it went.
    #[must_use]
    pub fn lets_through(&mut self, now: Timestamp) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until } | Self::Trying { until } => {
                let is_due = now >= until;
                if is_due {
                    *self = Self::Trying { until: now.plus(TRY_FOR) };
                }
                is_due
            }
        }
    }

    /// The provider answered as it should, also when it refused a message. True if the circuit was open until now.
    pub fn succeeded(&mut self) -> bool {
        let was_open = !matches!(self, Self::Closed { .. });
        *self = Self::default();
        was_open
    }

    /// The provider failed. True if the circuit opens by it.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        let (next, opens) = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => (Self::Closed { failures: failures + 1 }, false),
            Self::Closed { .. } | Self::Trying { .. } => (Self::Open { until: now.plus(OPEN_FOR) }, true),
            // A call that began before it opened: it says nothing new.
            open @ Self::Open { .. } => (open, false),
        };
        *self = next;
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.plus(SECOND * u32::try_from(seconds).unwrap())
    }

    fn open_since(now: Timestamp) -> Circuit {
        let mut circuit = Circuit::default();
        let opened: Vec<bool> = (0..FAILURES).map(|_| circuit.failed(now)).collect();
        assert_eq!(opened, [false, false, false, false, true]);
        circuit
    }

    #[test]
    fn a_circuit_opens_after_failures_in_a_row_and_a_success_in_between_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert!(circuit.lets_through(at(0)));
                assert!(!circuit.failed(at(0)));
            }
            assert!(!circuit.succeeded());
        }
        assert!(circuit.lets_through(at(0)));
        assert!(!open_since(at(0)).lets_through(at(0)));
    }

    #[test]
    fn an_open_circuit_lets_one_try_through_after_a_while_and_closes_when_that_succeeds() {
        let mut circuit = open_since(at(0));
        assert!(!circuit.lets_through(at(14)));
        assert!(circuit.lets_through(at(15)));
        assert!(!circuit.lets_through(at(15)), "one try, not two");
        assert!(circuit.succeeded());
        assert_eq!(circuit, Circuit::default());
        assert!(circuit.lets_through(at(15)) && circuit.lets_through(at(15)));
    }

    #[test]
    fn a_try_that_fails_opens_the_circuit_for_as_long_again() {
        let mut circuit = open_since(at(0));
        assert!(circuit.lets_through(at(20)));
        assert!(circuit.failed(at(21)));
        assert!(!circuit.lets_through(at(35)));
        assert!(circuit.lets_through(at(36)));
    }

    #[test]
    fn a_try_that_never_ends_is_followed_by_another() {
        let mut circuit = open_since(at(0));
        assert!(circuit.lets_through(at(15)));
        assert!(!circuit.lets_through(at(19)));
        assert!(circuit.lets_through(at(20)));
    }

    #[test]
    fn a_late_failure_does_not_keep_a_circuit_open_for_longer_and_a_late_success_closes_it() {
        let mut circuit = open_since(at(0));
        assert!(!circuit.failed(at(10)));
        assert_eq!(circuit, Circuit::Open { until: at(15) });
        assert!(circuit.succeeded());
        assert!(circuit.lets_through(at(10)));
    }
}
