//! The verification of access tokens.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{
    Keys,
    claims::Claims,
    known::{Known, KnownTokens},
};
use crate::{problem::Problem, timestamp::Timestamp};

/// How far clocks may differ: the leeway for `exp` and `nbf`.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// The `typ` in the header of an access token (RFC 9068, 2.1).
pub const TYPE: &str = "at+jwt";

/// Compares without case, and without `application/`, which may be left out (RFC 7515, 4.1.9).
fn is_access_token(typ: &str) -> bool {
    [TYPE, "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
}

/// Whether the header has `crit`, whatever its value: `null` counts as present.
fn names_extensions(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Extensions {
        #[serde(default, deserialize_with = "is_there")]
        crit: bool,
    }
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<Extensions> = header.and_then(|json| serde_json::from_slice(&json).ok());
    header.is_none_or(|header| header.crit)
}

fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Verifies access tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    validation: Validation,
    known: KnownTokens,
}

impl Verifier {
    /// Accepts tokens of `issuer` for `audience`, signed with RS256 by one of `keys`.
    pub fn new(issuer: &str, audience: &str, keys: Keys) -> Self {
        // The algorithm is pinned here, whatever the token's header says (RFC 8725, 3.1).
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.as_secs();
        Self(Arc::new(Inner { keys, validation, known: KnownTokens::default() }))
    }

    /// The claims of a valid token. 401 for an invalid one; 503 when the keys to verify it cannot be fetched.
    pub async fn verify(&self, token: &str) -> Result<Claims, Problem> {
        if let Some(known) = self.0.known.find(token, Timestamp::now().unix_seconds()) {
            let key = self.0.keys.find(&known.kid).await?;
            if key.is_some_and(|key| Arc::ptr_eq(&key, &known.key)) {
                return Ok(known.claims);
            }
            self.0.known.forget(token);
        }
        self.verify_uncached(token).await
    }

    /// The claims of a valid token that is not in the cache.
    async fn verify_uncached(&self, token: &str) -> Result<Claims, Problem> {
        let refused = || Problem::unauthorized("The access token is not valid.");
        let header = decode_header(token).map_err(|_| refused())?;
        // No extension is supported, so a token with critical ones is refused (RFC 7515, 4.1.11). So is a token of
        // another type, such as an ID token of the same issuer (RFC 9068, 4).
        if names_extensions(token) || !header.typ.as_deref().is_some_and(is_access_token) {
            return Err(refused());
        }
        let kid = header.kid.ok_or_else(refused)?;
        let key = self.0.keys.find(&kid).await?.ok_or_else(refused)?;
        let decoded = decode::<Claims>(token, &key, &self.0.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Problem::unauthorized("The access token has expired."),
            _ => refused(),
        })?;
        self.0.known.remember(token, Known { kid, key, claims: decoded.claims.clone() });
        Ok(decoded.claims)
    }

    /// The keys, for a readiness check.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
