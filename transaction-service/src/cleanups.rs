//! Cleanups of interrupted attempts, which run in the background ([`hold`](crate::checkout::hold) adds them). Imports no room.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::JoinHandle;

/// Cleanups that run in the background. The work after an answer waits for them: on Lambda, a frozen instance does not go
/// on.
#[derive(Clone, Default)]
pub struct Cleanups(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl fmt::Debug for Cleanups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleanups")
    }
}

impl Cleanups {
    /// Adds a cleanup that was started.
    pub fn add(&self, cleanup: JoinHandle<()>) {
        let mut cleanups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cleanups.retain(|cleanup| !cleanup.is_finished());
        cleanups.push(cleanup);
    }

    /// Waits until all cleanups have ended. They go on when the wait is cut off.
    pub async fn wait(&self) {
        let cleanups = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for cleanup in cleanups {
            if cleanup.await.is_err() {
                tracing::error!("releasing the stock of a cut-off attempt panicked");
            }
        }
    }
}
