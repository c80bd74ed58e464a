//! What Schemathesis is let loose on.

use e2e::Shop;

/// A shop that has what the description's examples name.
pub(crate) struct Stage {
    pub(crate) shop: Shop,
    /// What the service's `.toml` has in `${...}`.
    pub(crate) names: Vec<(&'static str, String)>,
}
