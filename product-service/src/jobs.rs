//! Work that takes longer than a request may: imports and exports. It is worked off in steps that can be repeated, by
//! whoever has the lease; the queue and the sweep do so.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::error::Error;

/// How long nobody else takes up a job after the last sign of whoever works on it. A function that works on one must not
/// outlive it without such a sign.
pub const LEASE: Duration = Duration::from_mins(1);
/// How many jobs of a kind one sweep works on.
pub const SWEEP_LIMIT: i64 = 10;
/// How long one sweep works on them, give or take a step.
const SWEEP_BUDGET: Duration = Duration::from_secs(10);

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Jobs that are over now.
    pub finished: usize,
    /// Those that go on with the next sweep.
    pub unfinished: usize,
    /// What could not be done now; each is logged, and found again by a later sweep.
    pub failed: usize,
}

/// Works off the jobs of a kind that wait, within a limit of time. `work` answers whether the job is over.
pub(crate) async fn sweep<'a, T: Copy + Display>(
    kind: &str,
    waiting: Vec<T>,
    work: impl Fn(T, Instant) -> BoxFuture<'a, Result<bool, Error>>,
) -> SweepReport {
    let until = Instant::now() + SWEEP_BUDGET;
    let mut report = SweepReport::default();
    for id in waiting {
        if Instant::now() >= until {
            report.unfinished += 1;
            continue;
        }
        match work(id, until).await {
            Ok(true) => report.finished += 1,
            Ok(false) => report.unfinished += 1,
            Err(error) => {
                tracing::error!(%error, kind, %id, "job not worked off");
                report.failed += 1;
            }
        }
    }
    report
}
