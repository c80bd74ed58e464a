//! The ledger: the money of each order, in double entry. Entries are added, never changed.

pub mod domain;
pub mod store;
