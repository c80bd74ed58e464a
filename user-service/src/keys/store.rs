//! Where the signing keys are kept: a secret, read when the first token is made or judged.

use std::sync::Arc;

use platform::config::Secret;
use tokio::sync::OnceCell;

use super::domain::{KeysError, SigningKeys};

/// The signing keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    setting: Secret,
    keys: OnceCell<SigningKeys>,
}

impl KeyStore {
    /// The keys in `setting`; nothing is read yet.
    pub fn new(setting: Secret) -> Self {
        Self(Arc::new(Inner { setting, keys: OnceCell::new() }))
    }

    /// The keys; read once.
    pub async fn get(&self) -> Result<&SigningKeys, KeysError> {
        let read = async || {
            let setting = self.0.setting.get().await.map_err(KeysError::Secret)?;
            SigningKeys::parse(&setting)
        };
        self.0.keys.get_or_try_init(read).await
    }
}
