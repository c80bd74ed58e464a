//! The shop that Schemathesis tests.

use e2e::Shop;

/// A shop with the products, tokens and messages that examples of the description name.
pub(crate) struct Fixture {
    pub(crate) shop: Shop,
    /// Values for the variables `${...}` of the service's `.toml`.
    pub(crate) names: Vec<(&'static str, String)>,
}
