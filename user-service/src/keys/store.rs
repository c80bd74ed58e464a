//! The secret that holds the signing keys. It is read for the first token that is issued or verified, and again after a
//! change.

use std::sync::Arc;

use platform::config::{Made, Secret};

use super::domain::{KeysError, SigningKeys};

/// The signing keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyStore(Arc<Made<Arc<SigningKeys>>>);

impl KeyStore {
    /// The keys in `setting`, which is read on first use.
    pub fn new(setting: Secret) -> Self {
        Self(Arc::new(Made::of(setting)))
    }

    /// The current keys; parsed once for each value of the setting.
    pub async fn get(&self) -> Result<Arc<SigningKeys>, KeysError> {
        self.0.get(async |setting| SigningKeys::parse(&setting).map(Arc::new)).await
    }
}
