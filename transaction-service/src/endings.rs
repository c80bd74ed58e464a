//! Attempts that were cut off, being ended in the background ([`hold`](crate::checkout::hold) adds them), and waiting for
//! them. Imports no room.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::JoinHandle;

/// Attempts that are being ended in the background. Work after the answer waits for them: in Lambda, nothing goes on once
/// an instance is frozen.
#[derive(Clone, Default)]
pub struct Endings(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl fmt::Debug for Endings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endings")
    }
}

impl Endings {
    /// Adds one that was begun.
    pub fn add(&self, ending: JoinHandle<()>) {
        let mut endings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        endings.retain(|ending| !ending.is_finished());
        endings.push(ending);
    }

    /// Waits until all that were begun are done. Given up half way, they go on by themselves.
    pub async fn wait(&self) {
        let endings = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for ending in endings {
            if ending.await.is_err() {
                tracing::error!("ending an attempt panicked");
            }
        }
    }
}
