//! The secret that holds the signing keys. It is read for the first token that is issued or verified, and again after a
//! change.

use std::sync::Arc;

use platform::config::{Derived, Secret};

use super::domain::{KeysError, SigningKeys};

/// The signing keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyStore(Arc<Derived<Arc<SigningKeys>>>);

impl KeyStore {
    /// The keys in `setting`, which is read on first use.
    pub fn new(setting: Secret) -> Self {
        Self(Arc::new(Derived::of(setting)))
    }

    /// The current keys; parsed once for each value of the setting.
    pub async fn get(&self) -> Result<Arc<SigningKeys>, KeysError> {
        self.0.get(async |setting| SigningKeys::parse(&setting).map(Arc::new)).await
    }
}
