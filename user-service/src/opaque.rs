//! Secrets that are handed out once and recognised later: 256 random bits, of which only the SHA-256 is stored. A plain
//! hash is enough, since 2^256 candidates cannot be tried.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use common::input::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// Most bytes of a token; tokens of this service are shorter. A longer one is refused before it is hashed.
const LONGEST: usize = 256;

/// A random secret, such as a refresh token. The shop stores only its hash.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 256, examples("q6YFJcX1x0Fq4jv8Qw0Z5Jm2cE3rT7uK9aBdLhNsPgM"))]
pub struct OpaqueToken(String);

/// The SHA-256 of a token, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl OpaqueToken {
    /// A new token of 256 random bits.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The hash to store or to look the token up by.
    pub fn hashed(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The token itself, for an answer.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TokenHash {
    /// The SHA-256 of any text.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The bytes to store.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Whether this is the hash of `secret`; compares in constant time.
    pub fn is_of(&self, secret: &OpaqueToken) -> bool {
        verify_slices_are_equal(&self.0, &secret.hashed().0).is_ok()
    }
}

/// Reads the bytes that are stored.
impl From<[u8; 32]> for TokenHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for OpaqueToken {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.len() {
            0 => Err(Refusal::new("too_short", "must not be empty")),
            1..=LONGEST => Ok(Self(text.to_owned())),
            _ => Err(Refusal::new("too_long", format!("must have at most {LONGEST} bytes"))),
        }
    }
}

/// Never shows the secret.
impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_hash_and_never_shown() {
        let secret = OpaqueToken::random().unwrap();
        assert_eq!(secret.reveal().len(), 43);
        assert!(secret.hashed().is_of(&secret));
        assert!(!secret.hashed().is_of(&OpaqueToken::random().unwrap()));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }

    #[test]
    fn a_secret_of_no_or_absurd_length_is_refused() {
        assert!("".parse::<OpaqueToken>().is_err());
        assert!("x".repeat(257).parse::<OpaqueToken>().is_err());
    }
}
