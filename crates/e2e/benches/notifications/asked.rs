//! What the first run asked for and did, which its verdict is about.

use std::collections::HashSet;

use common::timestamp::Timestamp;
use uuid::Uuid;

/// What was asked for.
pub(crate) struct Asked {
    /// Each event and its channels.
    pub(crate) events: Vec<(Uuid, Vec<String>)>,
    pub(crate) poisoned: usize,
    pub(crate) twice: usize,
    pub(crate) kills: Vec<Kill>,
}

/// A function that was killed at work.
pub(crate) struct Kill {
    /// What it had in its hands.
    pub(crate) events: HashSet<String>,
    /// When it was handed that.
    pub(crate) from: Timestamp,
    /// When it was surely dead.
    pub(crate) until: Timestamp,
}
