//! The messages and kills of the first run, which the verdict checks.

use std::collections::HashSet;

use common::timestamp::Timestamp;
use uuid::Uuid;

/// The messages that were put into the queue, and the kills.
pub(crate) struct Asked {
    /// Each event and its channels.
    pub(crate) events: Vec<(Uuid, Vec<String>)>,
    pub(crate) poisoned: usize,
    pub(crate) twice: usize,
    pub(crate) kills: Vec<Kill>,
}

/// A function that was killed at work.
pub(crate) struct Kill {
    /// Events of the messages that it was working on.
    pub(crate) events: HashSet<String>,
    /// When it got them.
    pub(crate) from: Timestamp,
    /// When it was surely dead.
    pub(crate) until: Timestamp,
}
