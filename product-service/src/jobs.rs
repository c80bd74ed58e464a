//! Jobs that take longer than a request may: imports and exports. The queue and the sweep run them in steps that can be repeated;
//! one process at a time, which holds the lease of the job.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::error::Error;

/// How long a job belongs to the process that last saved progress on it. A process must save progress within this time, or
/// another one may acquire the lease.
pub const LEASE: Duration = Duration::from_mins(1);
/// How many jobs of a kind one sweep runs.
pub const SWEEP_LIMIT: i64 = 10;
/// How long one sweep runs jobs of a kind; it may exceed this by one step.
const SWEEP_BUDGET: Duration = Duration::from_secs(10);

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Jobs that ended.
    pub finished: usize,
    /// Jobs that the next sweep continues.
    pub unfinished: usize,
    /// Jobs that failed; each failure is logged, and a later sweep tries again.
    pub failed: usize,
}

/// Runs the waiting jobs of a kind, within a limit of time. `work` answers whether the job has ended.
pub(crate) async fn sweep<'a, T: Copy + Display>(
    kind: &str,
    waiting: Vec<T>,
    work: impl Fn(T, Instant) -> BoxFuture<'a, Result<bool, Error>>,
) -> Swept {
    let until = Instant::now() + SWEEP_BUDGET;
    let mut report = Swept::default();
    for id in waiting {
        if Instant::now() >= until {
            report.unfinished += 1;
            continue;
        }
        match work(id, until).await {
            Ok(true) => report.finished += 1,
            Ok(false) => report.unfinished += 1,
            Err(error) => {
                tracing::error!(%error, kind, %id, "job failed; a later sweep tries again");
                report.failed += 1;
            }
        }
    }
    report
}
