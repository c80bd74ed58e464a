//! Injected faults. No I/O.

use serde::Deserialize;

/// A fault of calls of a vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `POST`, `GET`, or `*`.
    #[serde(default = "any")]
    pub method: String,
    /// How many calls fail; all until healed when absent.
    pub times: Option<usize>,
    /// Which share of the matching calls fails; all when absent.
    pub chance: Option<Chance>,
    /// The kind of fault.
    pub fault: Kind,
}

impl Fault {
    /// A fault of the next call that sends something.
    pub fn next(fault: Kind) -> Self {
        Self { method: "POST".to_owned(), times: Some(1), chance: None, fault }
    }

    /// A fault of every call that sends something, until healed.
    pub fn always(fault: Kind) -> Self {
        Self { times: None, ..Self::next(fault) }
    }
}

/// A share of the calls, the same ones for the same seed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// The share in percent.
    pub percent: u8,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// A kind of fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// The connection is reset without an answer.
    Reset {
        /// Whether the call has its effect, so that only the answer is lost.
        #[serde(default)]
        after_effect: bool,
    },
    /// No answer comes until the caller gives up.
    Hang {
        /// Whether the call has its effect.
        #[serde(default)]
        after_effect: bool,
    },
    /// The call has its effect, and is answered so many milliseconds later.
    Late {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// An error in the vendor's own form.
    Answer(Answer),
}

impl Kind {
    /// The name in the control's routes.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Reset { .. } => "reset",
            Self::Hang { .. } => "hang",
            Self::Late { .. } => "late",
            Self::Answer(_) => "answer",
        }
    }
}

/// An error that a vendor answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Such as 429.
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The vendor's name for it: Twilio's number, SendGrid's `field`, the name of SES's exception.
    pub code: Option<String>,
    /// The vendor's message.
    pub message: Option<String>,
    /// Whether the call has its effect.
    pub after_effect: bool,
}

impl Answer {
    /// An error with a status only.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An error with the vendor's name for it.
    pub fn coded(status: u16, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..Self::status(status) }
    }
}

fn any() -> String {
    "*".to_owned()
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    chances: Option<fastrand::Rng>,
}

/// The injected faults of a vendor.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Planned>);

impl Faults {
    pub(crate) fn plan(&mut self, fault: Fault) {
        let chances = fault.chance.map(|chance| fastrand::Rng::with_seed(chance.seed));
        self.0.push(Planned { fault, chances });
    }

    /// The first fault that applies to this call. Each fault draws a random number for every matching call, so that its sequence does
    /// not depend on other faults.
    pub(crate) fn strike(&mut self, method: &str) -> Option<Kind> {
        let mut struck = None;
        for Planned { fault, chances } in &mut self.0 {
            if fault.method != "*" && !fault.method.eq_ignore_ascii_case(method) {
                continue;
            }
            let is_due = match (fault.chance, chances) {
                (Some(chance), Some(chances)) => chances.u8(0..100) < chance.percent,
                _ => true,
            };
            if is_due && struck.is_none() && fault.times != Some(0) {
                fault.times = fault.times.map(|times| times - 1);
                struck = Some(fault.fault.clone());
            }
        }
        self.0.retain(|planned| planned.fault.times != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Kind = Kind::Reset { after_effect: false };

    #[test]
    fn a_fault_strikes_as_often_as_it_says_and_only_what_it_names() {
        let mut faults = Faults::default();
        faults.plan(Fault { times: Some(2), ..Fault::next(RESET) });
        let struck: Vec<bool> = ["GET", "POST", "POST", "POST"].map(|method| faults.strike(method).is_some()).into();
        assert_eq!(struck, [false, true, true, false]);
        faults.plan(Fault::always(RESET));
        assert!((0..9).all(|_| faults.strike("POST") == Some(RESET)));
        assert_eq!(Faults::default().strike("POST"), None);
    }

    #[test]
    fn a_chance_strikes_its_share_and_the_same_calls_for_the_same_seed() {
        let row = |seed| -> Vec<bool> {
            let mut faults = Faults::default();
            faults.plan(Fault { chance: Some(Chance { percent: 20, seed }), ..Fault::always(RESET) });
            (0..1_000).map(|_| faults.strike("POST").is_some()).collect()
        };
        let struck = row(7).iter().filter(|is_struck| **is_struck).count();
        assert!((150..250).contains(&struck), "{struck}");
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
    }
}
