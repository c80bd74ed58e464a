//! Issues access tokens, and makes the verifier that checks them without a network.

use std::sync::Arc;

use common::{
    auth::{Keys, Subject, Verifier},
    timestamp::Timestamp,
};
use jsonwebtoken::jwk::JwkSet;

use super::{
    domain::{self, KeysError},
    store::KeyStore,
};
use crate::error::Error;

/// Issues all access tokens of the shop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    audience: String,
    api: String,
    keys: KeyStore,
}

impl Issuer {
    /// An issuer with `iss` = `name` and `aud` = `audience`; `api` is the base URL of the gateway.
    pub fn new(name: String, audience: String, api: String, keys: KeyStore) -> Self {
        Self(Arc::new(Inner { name, audience, api, keys }))
    }

    /// The verifier of this issuer's tokens; it needs no network.
    pub fn verifier(&self) -> Verifier {
        let keys = self.0.keys.clone();
        let load = move || {
            let keys = keys.clone();
            async move {
                keys.get().await.map(|keys| Arc::clone(keys.published())).map_err(|error| Error::Keys(error).into())
            }
        };
        Verifier::new(&self.0.name, &self.0.audience, Keys::own(load))
    }

    /// Issues a token for `subject` with `scope`.
    pub async fn mint(&self, subject: &Subject, scope: &str, now: Timestamp) -> Result<String, KeysError> {
        let claims = domain::claims(&self.0.name, &self.0.audience, subject, scope, now);
        self.0.keys.get().await?.sign(&claims)
    }

    /// Reads the keys, unless they are in memory; fails when no token could be signed.
    pub async fn ready(&self) -> Result<(), KeysError> {
        self.0.keys.get().await.map(|_| ())
    }

    /// The public keys.
    pub async fn published(&self) -> Result<Arc<JwkSet>, KeysError> {
        self.0.keys.get().await.map(|keys| Arc::clone(keys.published()))
    }

    /// The issuer's URL: `iss` in every token.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The base URL of the gateway.
    pub fn api(&self) -> &str {
        &self.0.api
    }
}
