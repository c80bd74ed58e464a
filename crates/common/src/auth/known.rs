//! Tokens whose signature was found good a moment ago, so that it need not be checked again for each request that carries
//! one: services send each other the same token for minutes, and shoppers theirs. What it costs to check one is in
//! decision 63.
//!
//! Only the signature is remembered. With every request the issuer's key is looked up again and must be the very one that
//! the signature was checked with, and the token's times are judged anew.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jsonwebtoken::DecodingKey;

use super::claims::Claims;

/// The most tokens that are kept. With its claims one takes about two kilobytes.
const MOST: usize = 64;

/// What is known of a token.
#[derive(Clone)]
pub(super) struct Known {
    /// The id by which it names its key.
    pub(super) kid: String,
    /// The key that its signature was checked with.
    pub(super) key: Arc<DecodingKey>,
    pub(super) claims: Claims,
}

/// Good tokens, by their text.
#[derive(Default)]
pub(super) struct KnownTokens(Mutex<HashMap<String, Known>>);

/// A token is a secret, and is written nowhere.
impl fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownTokens")
    }
}

impl KnownTokens {
    /// What is known of this token, if it is within its times at `now` (seconds since 1970). At their edges, where clocks
    /// that differ are given some patience, nothing is known of it, and it is judged as a whole.
    pub(super) fn find(&self, token: &str, now: i64) -> Option<Known> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(token).filter(|known| known.claims.nbf <= now && now < known.claims.exp).cloned()
    }

    /// Remembers a token that was found good. Where there are too many, those of before are forgotten.
    pub(super) fn remember(&self, token: &str, known: Known) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(token.to_owned(), known);
    }

    /// Forgets a token whose key is another now.
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
