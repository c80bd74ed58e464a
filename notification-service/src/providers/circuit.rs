//! Circuit breaker: a provider that failed several times in a row is skipped for a while, so that messages do not wait for its
//! timeout before the next one is tried. Rules only: no clock, no lock.

use std::time::Duration;

use common::timestamp::Timestamp;

/// How many failures in a row open a circuit.
pub const FAILURES: u32 = 5;
/// How long an open circuit allows no calls.
pub const OPEN_FOR: Duration = Duration::from_secs(15);
/// How long a half-open circuit waits for its trial call. If that never ends (its task was dropped), another is allowed.
pub const HALF_OPEN_FOR: Duration = Duration::from_secs(5);

/// The state of a provider's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Calls are allowed.
    Closed {
        /// Number of failures in a row, below [`FAILURES`].
        failures: u32,
    },
    /// No calls are allowed.
    Open {
        /// When a trial call is allowed.
        until: Timestamp,
    },
    /// A trial call is running; no other is allowed.
    HalfOpen {
        /// When another trial call is allowed.
        until: Timestamp,
    },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// Whether a call is allowed now. Its caller must report the result by [`Circuit::succeeded`] or [`Circuit::failed`].
    #[must_use]
    pub fn allows_call(&mut self, now: Timestamp) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until } | Self::HalfOpen { until } => {
                let is_due = now >= until;
                if is_due {
                    *self = Self::HalfOpen { until: now.plus(HALF_OPEN_FOR) };
                }
                is_due
            }
        }
    }

    /// Records that the provider works; also when it refused a message. `true` when this closes the circuit.
    pub fn succeeded(&mut self) -> bool {
        let was_open = !matches!(self, Self::Closed { .. });
        *self = Self::default();
        was_open
    }

    /// Records that the provider failed. `true` when this opens the circuit.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        let (next, opens) = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => (Self::Closed { failures: failures + 1 }, false),
            Self::Closed { .. } | Self::HalfOpen { .. } => (Self::Open { until: now.plus(OPEN_FOR) }, true),
            // A call that began before the circuit opened.
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
                assert!(circuit.allows_call(at(0)));
                assert!(!circuit.failed(at(0)));
            }
            assert!(!circuit.succeeded());
        }
        assert!(circuit.allows_call(at(0)));
        assert!(!open_since(at(0)).allows_call(at(0)));
    }

    #[test]
    fn an_open_circuit_lets_one_try_through_after_a_while_and_closes_when_that_succeeds() {
        let mut circuit = open_since(at(0));
        assert!(!circuit.allows_call(at(14)));
        assert!(circuit.allows_call(at(15)));
        assert!(!circuit.allows_call(at(15)), "one try, not two");
        assert!(circuit.succeeded());
        assert_eq!(circuit, Circuit::default());
        assert!(circuit.allows_call(at(15)) && circuit.allows_call(at(15)));
    }

    #[test]
    fn a_try_that_fails_opens_the_circuit_for_as_long_again() {
        let mut circuit = open_since(at(0));
        assert!(circuit.allows_call(at(20)));
        assert!(circuit.failed(at(21)));
        assert!(!circuit.allows_call(at(35)));
        assert!(circuit.allows_call(at(36)));
    }

    #[test]
    fn a_try_that_never_ends_is_followed_by_another() {
        let mut circuit = open_since(at(0));
        assert!(circuit.allows_call(at(15)));
        assert!(!circuit.allows_call(at(19)));
        assert!(circuit.allows_call(at(20)));
    }

    #[test]
    fn a_late_failure_does_not_keep_a_circuit_open_for_longer_and_a_late_success_closes_it() {
        let mut circuit = open_since(at(0));
        assert!(!circuit.failed(at(10)));
        assert_eq!(circuit, Circuit::Open { until: at(15) });
        assert!(circuit.succeeded());
        assert!(circuit.allows_call(at(10)));
    }
}
