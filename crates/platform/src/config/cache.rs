//! Fetched secrets and their age. No I/O: time comes in as an argument.
//!
//! The clock is the wall clock: an instance is frozen between requests, and no other clock is certain to run then.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long fetched values are used, in seconds, unless configured otherwise.
pub(super) const MAX_AGE: u64 = 300;
/// The pause after a failed fetch, in which old values are not fetched again.
const FAILURE_PAUSE: Duration = Duration::from_mins(1);
/// The least time between two fetches that follow refusals.
const REFUSAL_PAUSE: Duration = Duration::from_secs(5);

/// The wall clock; tests pass their own.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }

    pub(crate) fn of(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The values that were fetched last, and the outcome of later attempts.
#[derive(Debug)]
pub(super) struct SecretCache {
    values: HashMap<String, Arc<str>>,
    max_age: Duration,
    /// When the values were fetched; `None` before the first fetch.
    fetched: Option<SystemTime>,
    /// When a fetch last failed since then, and whether such a failure was logged.
    failed: Option<SystemTime>,
    is_logged: bool,
    /// When a refusal last caused a fetch.
    refetched: Option<SystemTime>,
}

impl Default for SecretCache {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            max_age: Duration::from_secs(MAX_AGE),
            fetched: None,
            failed: None,
            is_logged: false,
            refetched: None,
        }
    }
}

impl SecretCache {
    pub(super) fn set_max_age(&mut self, max_age: Duration) {
        self.max_age = max_age;
    }

    /// Whether nothing was ever fetched.
    pub(super) fn is_empty(&self) -> bool {
        self.fetched.is_none()
    }

    /// Whether the values can be used without a fetch: they are recent, or a fetch failed a moment ago.
    pub(super) fn is_good(&self, now: SystemTime) -> bool {
        is_within(self.fetched, self.max_age, now) || (!self.is_empty() && is_within(self.failed, FAILURE_PAUSE, now))
    }

    /// Whether a refusal may cause a fetch now; if so, the time is recorded.
    pub(super) fn is_refetched(&mut self, now: SystemTime) -> bool {
        let is_worth_it = !is_within(self.refetched, REFUSAL_PAUSE, now);
        if is_worth_it {
            self.refetched = Some(now);
        }
        is_worth_it
    }

    pub(super) fn value(&self, parameter: &str) -> Option<Arc<str>> {
        self.values.get(parameter).cloned()
    }

    /// Stores fetched values. An unchanged value keeps its pointer. A value that is missing now is kept: a parameter
    /// that is being replaced must not stop the shop.
    pub(super) fn take(&mut self, values: HashMap<String, String>, now: SystemTime) {
        for (name, value) in values {
            if self.values.get(&name).is_none_or(|known| **known != *value) {
                self.values.insert(name, value.into());
            }
        }
        self.fetched = Some(now);
        self.failed = None;
        self.is_logged = false;
    }

    pub(super) fn failed(&mut self, now: SystemTime) {
        self.failed = Some(now);
    }

    /// Whether this failure is the first since the last successful fetch.
    pub(super) fn is_first_failure(&mut self) -> bool {
        !std::mem::replace(&mut self.is_logged, true)
    }
}

/// Whether `now` is less than `span` after `since`. A clock that was set back makes everything old.
fn is_within(since: Option<SystemTime>, span: Duration, now: SystemTime) -> bool {
    since.is_some_and(|since| now.duration_since(since).is_ok_and(|age| age < span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(1_000_000 + seconds)
    }

    fn values(value: &str) -> HashMap<String, String> {
        HashMap::from([("/shop/key".to_owned(), value.to_owned())])
    }

    fn kept() -> SecretCache {
        let mut kept = SecretCache::default();
        kept.take(values("old"), at(0));
        kept
    }

    #[test]
    fn values_are_used_for_five_minutes() {
        assert!(!SecretCache::default().is_good(at(0)));
        let kept = kept();
        assert!(kept.is_good(at(0)) && kept.is_good(at(299)));
        assert!(!kept.is_good(at(300)));
        assert!(!kept.is_good(START), "the clock was put back");
    }

    #[test]
    fn a_value_that_did_not_change_is_the_same_pointer_and_one_that_is_gone_stays() {
        let mut kept = kept();
        let before = kept.value("/shop/key").unwrap();
        kept.take(values("old"), at(300));
        assert!(Arc::ptr_eq(&before, &kept.value("/shop/key").unwrap()));
        kept.take(HashMap::new(), at(600));
        assert!(Arc::ptr_eq(&before, &kept.value("/shop/key").unwrap()));
        kept.take(values("new"), at(900));
        assert_eq!(&*kept.value("/shop/key").unwrap(), "new");
        assert!(kept.is_good(at(1_199)) && !kept.is_good(at(1_200)));
    }

    #[test]
    fn after_a_failure_old_values_go_on_for_a_minute_at_a_time_and_one_is_logged_a_period() {
        let mut kept = kept();
        kept.failed(at(300));
        assert!(kept.is_first_failure());
        assert!(kept.is_good(at(300)) && kept.is_good(at(359)) && !kept.is_good(at(360)));
        kept.failed(at(360));
        assert!(!kept.is_first_failure() && kept.is_good(at(419)) && !kept.is_good(at(420)));
        kept.take(values("new"), at(420));
        kept.failed(at(720));
        assert!(kept.is_first_failure(), "a new period");
    }

    #[test]
    fn a_first_fetch_that_failed_is_tried_again_at_once() {
        let mut kept = SecretCache::default();
        kept.failed(at(0));
        assert!(!kept.is_good(at(0)));
    }

    #[test]
    fn refusals_make_us_fetch_at_once_and_then_at_most_every_five_seconds() {
        let mut kept = kept();
        assert!(kept.is_refetched(at(0)));
        assert!(!kept.is_refetched(at(4)));
        assert!(kept.is_refetched(at(5)));
    }
}
