//! The ledger: where the money of each order came from and went, in double entry. Entries are added, never changed.

pub mod domain;
pub mod store;
