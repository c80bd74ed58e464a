//! The state of the doubles. No I/O: the server locks it, never across an await.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    faults::Faults,
    records::{Call, Record},
    vendor::Vendor,
};

/// The mutable state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: Vec<Record>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: BTreeMap<Vendor, Faults>,
    pub(crate) suppressed: BTreeSet<(Vendor, String)>,
}

impl State {
    /// Whether the recipient is on the vendor's own suppression list.
    pub(crate) fn is_suppressed(&self, vendor: Vendor, recipient: &str) -> bool {
        self.suppressed.contains(&(vendor, recipient.to_ascii_lowercase()))
    }
}
