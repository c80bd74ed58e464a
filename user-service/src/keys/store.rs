//! Where the signing keys are kept: a secret, read when the first token is made or judged, and again when it has changed.

use std::sync::Arc;

use platform::config::{Made, Secret};

use super::domain::{KeysError, SigningKeys};

/// The signing keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyStore(Arc<Made<Arc<SigningKeys>>>);

impl KeyStore {
    /// The keys in `setting`; nothing is read yet.
    pub fn new(setting: Secret) -> Self {
        Self(Arc::new(Made::of(setting)))
    }

    /// The keys as they are now; read once for each value of the setting.
    pub async fn get(&self) -> Result<Arc<SigningKeys>, KeysError> {
        self.0.get(async |setting| SigningKeys::parse(&setting).map(Arc::new)).await
    }
}
