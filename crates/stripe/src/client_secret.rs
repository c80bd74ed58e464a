//! Client secrets, with which a frontend confirms payments and setups.

use std::fmt;

use serde::Deserialize;

/// Allows a frontend to confirm one payment or setup. `Debug` leaves it out, so that no log shows it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// The secret, for the shopper's frontend only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}
