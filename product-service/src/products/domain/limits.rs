//! How many of each thing a product may have.

/// How many variants a product may have.
pub const MAX_VARIANTS: usize = 100;
/// In how many ways its variants may differ.
pub(super) const MAX_OPTIONS: usize = 3;
/// How many values an option may have.
pub(super) const MAX_OPTION_VALUES: usize = 50;
/// In how many categories it may be.
pub(super) const MAX_CATEGORIES: usize = 20;
/// How many tags it may have.
pub(super) const MAX_TAGS: usize = 30;
