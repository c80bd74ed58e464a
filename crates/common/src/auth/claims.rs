//! The words of an access token.

use serde::{Deserialize, Serialize};

/// What an access token says (RFC 9068).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token.
    pub iss: String,
    /// Which stage it is for.
    pub aud: String,
    /// Whom it speaks for; see [`super::Subject`].
    pub sub: String,
    /// What it allows, separated by spaces.
    pub scope: String,
    /// Unique to this token.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// Not good before, in seconds since 1970.
    pub nbf: i64,
    /// Not good from, in seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// Whether the token carries `scope`.
    pub fn allows(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|carried| carried == scope)
    }
}
