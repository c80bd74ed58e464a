//! Holding a process to a part of a processor, as Lambda does by a function's memory: in each period it may run for so
//! long, and then waits for the next period. By a control group where one can be made, else by signals.

mod group;
mod signals;

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use self::group::{Group, Groups};
use self::signals::Scheduler;

/// The period of a quota.
const PERIOD: Duration = Duration::from_millis(20);

/// A part of one processor, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(u32);

impl Share {
    /// The share of a function of 256 MB: 1,769 MB are a whole processor.
    pub(super) const SMALL: Self = Self(14);
    /// The share of a function of 512 MB.
    const MEDIUM: Self = Self(29);
    const WHOLE: Self = Self(100);

    fn quota(self) -> Duration {
        PERIOD * self.0 / 100
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// The share of a processor until a process asks for its first event, and after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) init: Share,
    pub(super) answer: Share,
}

impl Hold {
    /// All that are measured: three shares, and what Lambda does, which starts a function on a whole processor.
    pub(super) const ALL: [Self; 4] = [
        Self::throughout(Share::SMALL),
        Self::throughout(Share::MEDIUM),
        Self::throughout(Share::WHOLE),
        Self { init: Share::WHOLE, answer: Share::SMALL },
    ];

    const fn throughout(share: Share) -> Self {
        Self { init: share, answer: share }
    }

    /// Whether this is the share that the targets are for, from the start to the answer.
    pub(super) fn is_small(self) -> bool {
        self == Self::throughout(Share::SMALL)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { init, answer } = self;
        if init == answer {
            write!(f, "{init} of a processor")
        } else {
            write!(f, "{init} of a processor until the first poll, then {answer}")
        }
    }
}

/// The way in which this machine holds processes.
#[derive(Debug)]
pub(super) enum Holder {
    Groups(Groups),
    Signals,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups(groups) => write!(f, "{groups}"),
            Self::Signals => f.write_str("SIGSTOP and SIGCONT, as no control group with a quota can be made here"),
        }
    }
}

impl Holder {
    /// The best that this machine and this account allow.
    pub(super) fn find() -> Self {
        Groups::find().map_or(Self::Signals, Self::Groups)
    }

    /// Holds a process, and what it will start, from now on.
    pub(super) fn hold(&mut self, process: u32, share: Share) -> Result<Held> {
        match self {
            Self::Groups(groups) => {
                let group = groups.make(share.quota())?;
                group.enter(process)?;
                Ok(Held::Group(group))
            }
            Self::Signals => Ok(Held::Signals(Scheduler::start(process, share.quota())?)),
        }
    }
}

/// A process that is held. Dropping this ends the hold.
#[derive(Debug)]
pub(super) enum Held {
    Group(Group),
    Signals(Scheduler),
}

impl Held {
    /// Changes the share.
    pub(super) fn change(&self, share: Share) -> Result<()> {
        match self {
            Self::Group(group) => group.limit(share.quota()),
            Self::Signals(scheduler) => {
                scheduler.limit(share.quota());
                Ok(())
            }
        }
    }

    /// Ends the hold of a process that has ended, or does so within a moment.
    pub(super) async fn end(self) -> Result<()> {
        match self {
            Self::Group(group) => group.remove().await,
            Self::Signals(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_quota_of_each_period() {
        assert_eq!(Share::SMALL.quota(), Duration::from_micros(2_800));
        assert_eq!(Share::MEDIUM.quota(), Duration::from_micros(5_800));
        assert_eq!(Share::WHOLE.quota(), PERIOD);
    }

    #[test]
    fn holds_are_named_by_their_shares() {
        let names = Hold::ALL.map(|hold| hold.to_string());
        assert_eq!(names[0], "0.14 of a processor");
        assert_eq!(names[2], "1.00 of a processor");
        assert_eq!(names[3], "1.00 of a processor until the first poll, then 0.14");
        assert_eq!(Hold::ALL.map(Hold::is_small), [true, false, false, false]);
    }
}
