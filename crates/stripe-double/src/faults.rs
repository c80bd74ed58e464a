//! Injected faults of calls and of deliveries. No I/O.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A fault of the next matching calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `POST`, `GET`, or `*`.
    #[serde(default = "any")]
    pub method: String,
    /// The path; `*` stands for anything.
    #[serde(default = "any")]
    pub path: String,
    /// Only calls with this idempotency key.
    pub key: Option<String>,
    /// The first matching call that fails, from 1.
    #[serde(default = "once")]
    pub nth: usize,
    /// How many calls fail from there on.
    #[serde(default = "once")]
    pub times: usize,
    /// The kind of fault.
    pub fault: CallFault,
}

/// A kind of fault of a call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CallFault {
    /// Its effect is delayed by so many milliseconds; its key is in use from the start.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection breaks before any effect.
    Drop,
    /// It has its effect, and the connection breaks without an answer.
    DropAfter,
    /// It fails, and the failure is saved under its key.
    Error {
        /// Such as 500.
        status: u16,
        /// Whether it has its effect.
        #[serde(default)]
        after_effect: bool,
    },
    /// No answer comes until the caller gives up.
    Hang {
        /// Whether it has its effect.
        #[serde(default)]
        after_effect: bool,
    },
    /// 429, saved under no key.
    RateLimit,
    /// It is refused before it has any effect, and the refusal is saved under no key: `lock_timeout` with 429,
    /// `rate_limit` with 400, ...
    Refuse {
        /// Such as 429.
        status: u16,
        /// The error's code, such as `lock_timeout`.
        code: Option<String>,
        /// Value of the header `Stripe-Should-Retry`, which is left out when absent.
        should_retry: Option<bool>,
    },
    /// It has its effect, and the object that it creates or changes gets these members, also in the answer and in events: values that
    /// Stripe may add, or null where Stripe's types allow it.
    Alter {
        /// Such as `{"status": null}`.
        members: Map<String, Value>,
    },
}

/// A fault of the next deliveries of a type of event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFault {
    /// The event's type; `*` stands for anything.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many deliveries fail.
    #[serde(default = "once")]
    pub times: usize,
    /// The kind of fault.
    pub fault: Delivery,
}

/// A kind of fault of a delivery. The event is in `/v1/events` nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Delivery {
    /// It is never delivered.
    Drop,
    /// It is delivered twice.
    Duplicate,
    /// It is delivered so many milliseconds later; those that follow do not wait for it.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// It is held until the event that follows has been delivered.
    Reorder,
}

fn any() -> String {
    "*".to_owned()
}

fn once() -> usize {
    1
}

/// All injected faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    calls: Vec<Fault>,
    events: Vec<EventFault>,
}

impl Faults {
    pub(crate) fn set(&mut self, fault: Fault) {
        self.calls.push(fault);
    }

    pub(crate) fn set_for_events(&mut self, fault: EventFault) {
        self.events.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault of this call. Each fault counts its matching calls.
    pub(crate) fn of_call(&mut self, method: &str, path: &str, key: Option<&str>) -> Option<CallFault> {
        let mut struck = None;
        for fault in self.calls.iter_mut().filter(|fault| fault.fits(method, path, key)) {
            if fault.nth > 1 {
                fault.nth -= 1;
            } else if struck.is_none() && fault.times > 0 {
                fault.times -= 1;
                struck = Some(fault.fault.clone());
            }
        }
        self.calls.retain(|fault| fault.times > 0);
        struck
    }

    /// The fault of this event's delivery.
    pub(crate) fn of_event(&mut self, kind: &str) -> Option<Delivery> {
        let fault = self.events.iter_mut().find(|fault| fault.times > 0 && is_like(kind, &fault.kind))?;
        fault.times -= 1;
        Some(fault.fault)
    }
}

impl Fault {
    fn fits(&self, method: &str, path: &str, key: Option<&str>) -> bool {
        (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && is_like(path, &self.path)
            && self.key.as_deref().is_none_or(|wanted| Some(wanted) == key)
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            rest.is_empty() || (0..=left.len()).any(|at| left.is_char_boundary(at) && is_like(&left[at..], rest))
        }),
    }
}

/// An event to deliver, with the fault of its delivery.
#[derive(Debug)]
pub(crate) struct QueuedEvent {
    pub(crate) event: Value,
    pub(crate) fault: Option<Delivery>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(path: &str, nth: usize, times: usize, fault: CallFault) -> Fault {
        Fault { method: any(), path: path.to_owned(), key: None, nth, times, fault }
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (path, pattern) in [
            ("/v1/payment_intents/pi_1/confirm", "/v1/payment_intents/*/confirm"),
            ("/v1/payment_intents", "/v1/*"),
            ("/v1/refunds", "*"),
            ("/v1/refunds", "/v1/refunds"),
        ] {
            assert!(is_like(path, pattern), "{path} {pattern}");
        }
        assert!(!is_like("/v1/payment_intents/pi_1/cancel", "/v1/payment_intents/*/confirm"));
        assert!(!is_like("/v1/payment_intents/pi_1", "/v1/payment_intents"));
    }

    #[test]
    fn a_fault_strikes_from_the_nth_call_that_fits_and_so_many_times() {
        let mut faults = Faults::default();
        faults.set(fault("/a", 2, 2, CallFault::Drop));
        let struck: Vec<bool> = (0..5).map(|_| faults.of_call("POST", "/a", None).is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
    }

    #[test]
    fn each_fault_counts_the_calls_that_fit_it() {
        let mut faults = Faults::default();
        faults.set(fault("/a", 1, 1, CallFault::Drop));
        faults.set(fault("/a", 2, 1, CallFault::RateLimit));
        let struck: Vec<_> = (0..3).map(|_| faults.of_call("POST", "/a", None)).collect();
        assert_eq!(struck, [Some(CallFault::Drop), Some(CallFault::RateLimit), None]);
    }
}
