//! The deadline for calls of providers.

use std::time::{Duration, Instant};

use common::timestamp::Timestamp;

/// The earlier of two times: the request's deadline on the monotonic clock, and the end of the message's lease on the wall clock.
/// The monotonic clock stops while a function is frozen, and another request may have the lease when it resumes; so the lease is
/// checked before every call.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    lease_until: Timestamp,
}

impl Deadline {
    /// Ends after `limit`, or with the lease.
    pub fn within(limit: Duration, lease_until: Timestamp) -> Self {
        Self { at: Instant::now() + limit, lease_until }
    }

    /// The time left; `None` when it is over.
    pub(super) fn left(self) -> Option<Duration> {
        self.left_at(Instant::now(), Timestamp::now())
    }

    /// An earlier deadline, for one call: `of` computes its share of the time left.
    pub(super) fn part(self, of: impl Fn(Duration) -> Duration) -> Self {
        let at = self.left().map_or(self.at, |left| Instant::now() + of(left));
        Self { at: at.min(self.at), ..self }
    }

    fn left_at(self, now: Instant, wall: Timestamp) -> Option<Duration> {
        let of_the_lease = self.lease_until.unix_millis().saturating_sub(wall.unix_millis());
        let of_the_lease = Duration::from_millis(u64::try_from(of_the_lease).unwrap_or_default());
        let left = self.at.saturating_duration_since(now).min(of_the_lease);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn of_the_two_moments_the_first_to_come_counts() {
        let (now, wall) = (Instant::now(), Timestamp::EPOCH.plus(SECOND * 60));
        let left =
            |limit, lease: Duration| Deadline { at: now + limit, lease_until: wall.plus(lease) }.left_at(now, wall);
        assert_eq!(left(SECOND, SECOND * 9), Some(SECOND));
        assert_eq!(left(SECOND * 9, SECOND), Some(SECOND));
        assert_eq!(left(Duration::ZERO, SECOND), None);
        assert_eq!(left(SECOND, Duration::ZERO), None);
        // Frozen: the monotonic clock has not moved, and the lease has ended.
        let frozen = Deadline { at: now + SECOND, lease_until: wall };
        assert_eq!(frozen.left_at(now, wall.plus(SECOND * 60)), None);
    }
}
