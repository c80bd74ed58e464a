//! Values that are derived from a secret and cached: parsed keys, or a client of a database.

use std::{
    fmt::{self, Display},
    sync::Arc,
};

use tokio::sync::Mutex;

use super::{Secret, SecretError};

/// A value that is derived from a secret, and derived again when the secret changes.
pub struct Derived<T> {
    secret: Secret,
    kept: Mutex<Option<(Arc<str>, T)>>,
}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Derived({:?})", self.secret)
    }
}

impl<T: Clone> Derived<T> {
    /// A value to derive from `secret`; nothing is fetched or derived yet.
    pub fn of(secret: Secret) -> Self {
        Self { secret, kept: Mutex::default() }
    }

    /// The value of the current secret. When `make` fails for a new secret, the previous value stays in use, and the
    /// failure is logged once.
    pub async fn get<Making, E>(&self, make: impl FnOnce(Arc<str>) -> Making) -> Result<T, E>
    where
        Making: Future<Output = Result<T, E>>,
        E: From<SecretError> + Display,
    {
        let value = self.secret.shared().await?;
        let mut kept = self.kept.lock().await;
        if let Some((known, before)) = &*kept
            && Arc::ptr_eq(known, &value)
        {
            return Ok(before.clone());
        }
        let now = match (make(Arc::clone(&value)).await, &*kept) {
            (Ok(now), _) => now,
            (Err(error), None) => return Err(error),
            (Err(error), Some((_, before))) => {
                tracing::error!(%error, setting = self.secret.name(), "new secret is unusable; the previous one stays in use");
                before.clone()
            }
        };
        *kept = Some((value, now.clone()));
        Ok(now)
    }

    /// Fetches the secret again because a server refused its value. Returns whether it has changed; then the next
    /// [`Derived::get`] derives a new value.
    pub async fn was_refused(&self) -> bool {
        let refused = self.kept.lock().await.as_ref().map(|(value, _)| Arc::clone(value));
        match refused {
            Some(refused) => self.secret.instead_of(&refused).await.is_some(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::Env;

    async fn length(value: Arc<str>) -> Result<usize, SecretError> {
        if value.is_empty() { Err(SecretError("empty".into())) } else { Ok(value.len()) }
    }

    #[tokio::test]
    async fn what_was_made_of_a_secret_is_made_again_only_when_the_secret_changes() {
        let mut env = Env::from_pairs([("KEY", "ssm:/shop/key")]);
        let made = Derived::of(env.secret("KEY").unwrap());
        let fetch = |value: &str| {
            let values = HashMap::from([("/shop/key".to_owned(), value.to_owned())]);
            env.secrets.kept().take(values, env.secrets.clock.now());
        };
        fetch("four");
        assert_eq!(made.get(length).await.unwrap(), 4);
        let again = made.get(async |_| Err(SecretError("made again".into()))).await;
        assert_eq!(again.unwrap(), 4, "made once");
        fetch("four");
        assert_eq!(made.get(async |_| Err(SecretError("made again".into()))).await.unwrap(), 4, "the same value");
        fetch("longer");
        assert_eq!(made.get(length).await.unwrap(), 6);
        fetch("");
        assert_eq!(made.get(length).await.unwrap(), 6, "nothing can be made of the new one");
        fetch("five!");
        assert_eq!(made.get(length).await.unwrap(), 5);
    }
}
