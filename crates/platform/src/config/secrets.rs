//! Secrets: literal values, or values that are fetched together and cached for a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

use tokio::sync::OnceCell;

use super::{
    cache::{Clock, SecretCache},
    parameters::ask,
};

/// How long the first fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a fetch may take when there are old values to fall back on.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);

/// A secret of this process, fetched on first use, and again when its value is too old.
#[derive(Clone)]
pub struct Secret {
    name: String,
    /// The fewest characters that it may have.
    least: usize,
    /// Whether a value that is too short was logged already.
    complaint: Arc<Once>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Literal(Arc<str>),
    Fetched { parameter: String, secrets: Arc<Secrets> },
}

impl Secret {
    pub(super) fn literal(name: &str, value: String) -> Self {
        Self::of(name, Source::Literal(value.into()))
    }

    /// The value of a parameter, fetched together with all others of `secrets`.
    pub(super) fn fetched(name: &str, parameter: String, secrets: &Arc<Secrets>) -> Self {
        secrets.declare(name, parameter.clone());
        Self::of(name, Source::Fetched { parameter, secrets: Arc::clone(secrets) })
    }

    fn of(name: &str, source: Source) -> Self {
        Self { name: name.to_owned(), least: 0, complaint: Arc::new(Once::new()), source }
    }

    /// The same secret, refused when its value has fewer than `least` characters.
    pub(super) fn of_at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value. The first call for any secret fetches all of them.
    pub async fn get(&self) -> Result<String, SecretError> {
        self.shared().await.map(|value| (*value).to_owned())
    }

    /// The value as a shared pointer, which is the same as before unless the value has changed. Caches of derived
    /// values compare it ([`Arc::ptr_eq`]).
    pub async fn shared(&self) -> Result<Arc<str>, SecretError> {
        let value = match &self.source {
            Source::Literal(value) => Arc::clone(value),
            Source::Fetched { parameter, secrets } => {
                let value = secrets.get(parameter).await?;
                value.ok_or_else(|| {
                    SecretError(format!("{} names a parameter that does not exist or cannot be read", self.name))
                })?
            }
        };
        if !is_shorter(&value, self.least) {
            return Ok(value);
        }
        let what = too_short(&self.name, self.least);
        self.complaint.call_once(|| tracing::error!(setting = self.name, least = self.least, "secret is too short"));
        Err(SecretError(what))
    }

    /// Another value to try after one was refused, if there is one. Secrets are fetched again for it, at most once in
    /// five seconds, because a value that is refused for another reason is refused again.
    pub async fn instead_of(&self, refused: &str) -> Option<Arc<str>> {
        let Source::Fetched { secrets, .. } = &self.source else { return None };
        let other = async || self.shared().await.ok().filter(|value| **value != *refused);
        if let Some(known) = other().await {
            return Some(known);
        }
        secrets.refetch().await;
        other().await
    }
}

pub(super) fn is_shorter(value: &str, least: usize) -> bool {
    value.chars().count() < least
}

pub(super) fn too_short(name: &str, least: usize) -> String {
    format!("{name} must have at least {least} characters")
}

/// Leaves out the value.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

/// Secrets could not be fetched or used. The message holds names of settings, never values.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub(super) String);

/// The fetched secrets of a process.
#[derive(Default)]
pub(super) struct Secrets {
    /// The parameters that settings refer to, by setting.
    declared: Mutex<BTreeMap<String, String>>,
    client: OnceCell<aws_sdk_ssm::Client>,
    kept: Mutex<SecretCache>,
    /// Held during a fetch, so that concurrent callers share one fetch.
    fetching: tokio::sync::Mutex<()>,
    pub(super) clock: Clock,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Secrets that this client fetches, with this clock.
    #[cfg(test)]
    pub(super) fn of(client: aws_sdk_ssm::Client, clock: Clock) -> Self {
        Self { client: OnceCell::new_with(Some(client)), clock, ..Self::default() }
    }

    fn declare(&self, name: &str, parameter: String) {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), parameter);
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, SecretCache> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a parameter; `None` when it does not exist.
    async fn get(&self, parameter: &str) -> Result<Option<Arc<str>>, SecretError> {
        {
            let kept = self.kept();
            if kept.is_good(self.clock.now()) {
                return Ok(kept.value(parameter));
            }
        }
        let is_due = |kept: &mut SecretCache| !kept.is_good(self.clock.now());
        let is_empty = self.kept().is_empty();
        if is_empty {
            let _fetching = self.fetching.lock().await;
            let is_due = is_due(&mut self.kept());
            if is_due {
                self.fetch(FETCH_TIMEOUT).await?;
            }
        } else {
            self.refresh(is_due).await;
        }
        Ok(self.kept().value(parameter))
    }

    /// Fetches again because a value was refused.
    async fn refetch(&self) {
        self.refresh(|kept| kept.is_refetched(self.clock.now())).await;
    }

    /// Fetches when there are old values to fall back on; one fetch at a time.
    async fn refresh(&self, is_due: impl Fn(&mut SecretCache) -> bool) {
        let _fetching = self.fetching.lock().await;
        let is_due = is_due(&mut self.kept());
        if !is_due {
            return;
        }
        let Err(error) = self.fetch(REFRESH_TIMEOUT).await else { return };
        if self.kept().is_first_failure() {
            tracing::warn!(%error, "secrets not refreshed; the previous values stay in use");
        }
    }

    async fn fetch(&self, limit: Duration) -> Result<(), SecretError> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let settings: Vec<&str> = declared.keys().map(String::as_str).collect();
        // Two settings may refer to one parameter; Parameter Store refuses repeated names.
        let names: BTreeSet<String> = declared.values().cloned().collect();
        let fetched = tokio::time::timeout(limit, ask(&self.client, names)).await;
        let fetched = fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let now = self.clock.now();
        match fetched {
            Ok(values) => {
                self.kept().take(values, now);
                Ok(())
            }
            Err(why) => {
                self.kept().failed(now);
                Err(SecretError(format!("{} could not be fetched: {why}", settings.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::config::{Env, fake};

    #[tokio::test]
    async fn a_literal_secret_needs_no_network_and_is_not_shown() {
        let mut env = Env::from_pairs([("PASSWORD", "hunter2")]);
        let secret = env.secret("PASSWORD").unwrap();
        assert_eq!(secret.get().await.unwrap(), "hunter2");
        assert_eq!(format!("{secret:?} {env:?}"), "Secret(PASSWORD) Env(wrong: [])");
    }

    #[tokio::test]
    async fn a_fetched_secret_that_is_too_short_is_refused_by_name_whenever_it_is_asked_for() {
        let fetched = async |value: &str| {
            let mut env = Env::from_pairs([("KEY", "ssm:/shop/key")]);
            let secret = env.secret_of_at_least("KEY", 8).unwrap();
            let values = HashMap::from([("/shop/key".to_owned(), value.to_owned())]);
            env.secrets.kept().take(values, env.secrets.clock.now());
            let first = secret.clone().get().await;
            assert_eq!(secret.get().await.is_ok(), first.is_ok());
            (first, secret.complaint.is_completed())
        };
        let (refused, is_logged) = fetched("hunter2").await;
        let error = refused.unwrap_err();
        assert_eq!((error.to_string().as_str(), is_logged), ("KEY must have at least 8 characters", true));
        let (taken, is_logged) = fetched("hunter22").await;
        assert_eq!((taken.unwrap().as_str(), is_logged), ("hunter22", false));
    }

    #[tokio::test]
    async fn secrets_are_fetched_again_by_one_call_once_they_are_old_and_not_before() {
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a"), ("B", "ssm:/b"), ("C", "literal")]).await;
        let (a, b) = (env.secret("A").unwrap(), env.secret("B").unwrap());
        store.set("/a", "a1");
        store.set("/b", "b1");
        let read = async || (a.get().await.unwrap(), b.get().await.unwrap(), store.calls());
        assert_eq!(read().await, ("a1".into(), "b1".into(), 1));
        store.set("/a", "a2");
        store.at(299);
        assert_eq!(read().await, ("a1".into(), "b1".into(), 1));
        store.at(300);
        assert_eq!(read().await, ("a2".into(), "b1".into(), 2));
        store.at(599);
        assert_eq!(read().await, ("a2".into(), "b1".into(), 2));
    }

    #[tokio::test]
    async fn while_secrets_cannot_be_refreshed_those_of_before_go_on_and_the_log_says_so_once_a_period() {
        let captured = testkit::logs::Captured::default();
        let subscriber = crate::telemetry::subscriber("sample-service", "info", captured.writer());
        let _logging = tracing::subscriber::set_default(subscriber);
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a")]).await;
        let a = env.secret("A").unwrap();
        let warnings = || captured.text().matches("secrets not refreshed").count();
        assert!(a.get().await.is_err(), "there is nothing to go on with");
        store.set("/a", "hunter2");
        assert_eq!(a.get().await.unwrap(), "hunter2");
        store.refuse();
        for (at, calls) in [(302, 3), (303, 3), (361, 3), (362, 4), (421, 4), (422, 5)] {
            store.at(at);
            assert_eq!((a.get().await.unwrap().as_str(), store.calls()), ("hunter2", calls), "{at}");
        }
        assert_eq!(warnings(), 1, "{}", captured.text());
        store.set("/a", "hunter3");
        store.at(482);
        assert_eq!(a.get().await.unwrap(), "hunter3");
        store.refuse();
        store.at(800);
        assert_eq!(a.get().await.unwrap(), "hunter3");
        assert_eq!(warnings(), 2);
        assert!(!captured.text().contains("hunter"), "{}", captured.text());
    }

    #[tokio::test]
    async fn a_value_that_was_refused_is_asked_for_at_once_and_given_only_if_there_is_another() {
        let store = fake::Store::default();
        let mut env = store.env(&[("A", "ssm:/a"), ("B", "literal")]).await;
        let (a, b) = (env.secret("A").unwrap(), env.secret("B").unwrap());
        store.set("/a", "old");
        assert_eq!(a.get().await.unwrap(), "old");
        assert_eq!((a.instead_of("old").await, store.calls()), (None, 2));
        store.set("/a", "new");
        store.at(4);
        assert_eq!((a.instead_of("old").await, store.calls()), (None, 2), "five seconds between two fetches");
        store.at(5);
        assert_eq!((a.instead_of("old").await.as_deref(), store.calls()), (Some("new"), 3));
        assert_eq!((a.instead_of("old").await.as_deref(), store.calls()), (Some("new"), 3), "no fetch is needed");
        assert_eq!(b.instead_of("literal").await, None);
    }
}
