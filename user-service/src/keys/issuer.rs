//! Makes access tokens, and what judges them without a network.

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

/// Makes the tokens of everybody. Cheap to clone.
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
    /// The issuer called `name`, of tokens for `audience`; `api` is where the gateway is.
    pub fn new(name: String, audience: String, api: String, keys: KeyStore) -> Self {
        Self(Arc::new(Inner { name, audience, api, keys }))
    }

    /// Judges what this issuer made, without a network.
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

    /// A token for `subject` that carries `scope`.
    pub async fn mint(&self, subject: &Subject, scope: &str, now: Timestamp) -> Result<String, KeysError> {
        let claims = domain::claims(&self.0.name, &self.0.audience, subject, scope, now);
        self.0.keys.get().await?.sign(&claims)
    }

    /// Reads the keys, unless they were read before.
    pub async fn ready(&self) -> Result<(), KeysError> {
        self.0.keys.get().await.map(|_| ())
    }

    /// Reads the public keys.
    pub async fn published(&self) -> Result<Arc<JwkSet>, KeysError> {
        self.0.keys.get().await.map(|keys| Arc::clone(keys.published()))
    }

    /// What it is called: `iss` in every token.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where the gateway is.
    pub fn api(&self) -> &str {
        &self.0.api
    }
}
