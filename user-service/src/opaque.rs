//! Secrets that we hand out once and recognise later: 256 random bits, of which only the SHA-256 is kept. A plain hash
//! is enough, since nobody can try out 2^256 of them.

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

/// Longer than any of ours; what is longer is refused before it is hashed.
const LONGEST: usize = 256;

/// A random secret. Means nothing but that its owner has it; we keep a hash of it only.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OpaqueToken, value_type = String, min_length = 1, max_length = 256, examples("q6YFJcX1x0Fq4jv8Qw0Z5Jm2cE3rT7uK9aBdLhNsPgM"))]
pub struct Opaque(String);

/// What is kept of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed([u8; 32]);

impl Opaque {
    /// A new secret.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What is kept of it.
    pub fn hashed(&self) -> Hashed {
        Hashed::of(&self.0)
    }

    /// The secret itself, for an answer.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Hashed {
    /// The SHA-256 of any text.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// As it is stored.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Whether this was made of `secret`; takes the same time wherever the two differ.
    pub fn is_of(&self, secret: &Opaque) -> bool {
        verify_slices_are_equal(&self.0, &secret.hashed().0).is_ok()
    }
}

/// As it is stored.
impl From<[u8; 32]> for Hashed {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Opaque {
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
impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opaque(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_hash_and_never_shown() {
        let secret = Opaque::random().unwrap();
        assert_eq!(secret.reveal().len(), 43);
        assert!(secret.hashed().is_of(&secret));
        assert!(!secret.hashed().is_of(&Opaque::random().unwrap()));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }

    #[test]
    fn a_secret_of_no_or_absurd_length_is_refused() {
        assert!("".parse::<Opaque>().is_err());
        assert!("x".repeat(257).parse::<Opaque>().is_err());
    }
}
