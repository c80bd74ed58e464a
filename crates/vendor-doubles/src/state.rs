//! What the doubles remember. No I/O: the server locks it, never while it waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    faults::Faults,
    records::{Call, Record},
    vendor::Vendor,
};

/// Everything that changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: Vec<Record>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: BTreeMap<Vendor, Faults>,
    pub(crate) suppressed: BTreeSet<(Vendor, String)>,
}

impl State {
    /// Whether the vendor itself sends to this recipient no more.
    pub(crate) fn is_suppressed(&self, vendor: Vendor, recipient: &str) -> bool {
        self.suppressed.contains(&(vendor, recipient.to_ascii_lowercase()))
    }
}
