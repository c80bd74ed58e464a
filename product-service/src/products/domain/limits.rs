//! How many of each thing a product may have.

/// How many variants a product may have.
pub const MAX_VARIANTS: usize = 100;
/// How many options a product may have.
pub(super) const MAX_OPTIONS: usize = 3;
/// How many values an option may have.
pub(super) const MAX_OPTION_VALUES: usize = 50;
/// How many categories a product may be in.
pub(super) const MAX_CATEGORIES: usize = 20;
/// How many tags a product may have.
pub(super) const MAX_TAGS: usize = 30;
