//! A cache of tokens whose signature was verified, so that it is not verified again for each request: services and
//! shoppers send the same token for minutes. Decision 63 has the cost of a verification.
//!
//! Only the signature is cached. For every request the issuer's key is looked up again and must be the one that
//! verified the signature, and the token's times are checked again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jsonwebtoken::DecodingKey;

use super::claims::Claims;

/// The most tokens in the cache. One takes about two kilobytes with its claims.
const MOST: usize = 64;

/// A verified token.
#[derive(Clone)]
pub(super) struct Known {
    /// The `kid` of its header.
    pub(super) kid: String,
    /// The key that verified its signature.
    pub(super) key: Arc<DecodingKey>,
    pub(super) claims: Claims,
}

/// Verified tokens, by their text.
#[derive(Default)]
pub(super) struct KnownTokens(Mutex<HashMap<String, Known>>);

/// Leaves out the tokens, which are secrets.
impl fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownTokens")
    }
}

impl KnownTokens {
    /// Finds a token that is valid at `now` (seconds since 1970). One that is valid only within the leeway for clocks
    /// is not found, and is verified as a whole.
    pub(super) fn find(&self, token: &str, now: i64) -> Option<Known> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(token).filter(|known| known.claims.nbf <= now && now < known.claims.exp).cloned()
    }

    /// Caches a verified token. A full cache is cleared first.
    pub(super) fn remember(&self, token: &str, known: Known) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(token.to_owned(), known);
    }

    /// Removes a token whose key has changed.
    pub(super) fn forget(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(nbf: i64, exp: i64) -> Known {
        let text = || "x".to_owned();
        let claims = Claims { iss: text(), aud: text(), sub: text(), scope: text(), jti: text(), iat: nbf, nbf, exp };
        Known { kid: text(), key: Arc::new(DecodingKey::from_secret(b"a secret of this test")), claims }
    }

    #[test]
    fn a_token_is_known_from_its_first_second_until_its_last() {
        let tokens = KnownTokens::default();
        tokens.remember("a token", known(1_000, 1_300));
        let is_known = |now| tokens.find("a token", now).is_some();
        assert_eq!([999, 1_000, 1_299, 1_300].map(is_known), [false, true, true, false]);
        assert!(tokens.find("another token", 1_000).is_none());
    }

    #[test]
    fn of_any_number_of_tokens_few_are_kept() {
        let tokens = KnownTokens::default();
        for n in 0..1_000 {
            tokens.remember(&format!("token {n}"), known(0, 1));
            assert!(tokens.find(&format!("token {n}"), 0).is_some());
        }
        assert!(tokens.0.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn no_token_is_written_out() {
        let tokens = KnownTokens::default();
        tokens.remember("a token", known(0, 1));
        assert_eq!(format!("{tokens:?}"), "KnownTokens");
    }
}
