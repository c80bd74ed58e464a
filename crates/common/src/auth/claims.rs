//! The claims of an access token.

use serde::{Deserialize, Serialize};

/// The claims of an access token (RFC 9068).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer of the token.
    pub iss: String,
    /// The audience of the token: the stage.
    pub aud: String,
    /// The subject of the token; see [`super::Subject`].
    pub sub: String,
    /// The scopes of the token, separated by spaces.
    pub scope: String,
    /// Unique to this token.
    pub jti: String,
    /// When the token was issued, in seconds since 1970.
    pub iat: i64,
    /// When the token becomes valid, in seconds since 1970.
    pub nbf: i64,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// Whether the token has `scope`.
    pub fn allows(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|carried| carried == scope)
    }
}
