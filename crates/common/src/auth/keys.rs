//! The public keys of the issuer: known from the start, or fetched from its JWKS and kept.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    time::{Duration, Instant},
};

use jsonwebtoken::{DecodingKey, jwk::JwkSet};
use tokio::sync::{Mutex, OnceCell};

use crate::{outbound, problem::Problem};

/// The least time between two fetches, so that tokens with made-up key ids cannot make us hammer the issuer.
pub const FETCH_FLOOR: Duration = Duration::from_secs(30);

/// How long a fetched set is trusted before it is asked for again: a key that was withdrawn is refused after this.
pub const MAX_AGE: Duration = Duration::from_secs(600);

/// Where the keys come from.
#[derive(Debug)]
pub enum Keys {
    /// Known from the start: no network.
    Fixed(HashMap<String, DecodingKey>),
    /// The issuer's own, which are a secret and so are had when the first token is judged.
    Own(Own),
    /// Fetched from a JWKS address on first use, and again when a token names a key that is not known.
    Fetched(Fetched),
}

type Loading = Pin<Box<dyn Future<Output = Result<JwkSet, Problem>> + Send>>;

/// Keys that are loaded once and kept.
pub struct Own {
    load: Box<dyn Fn() -> Loading + Send + Sync>,
    kept: OnceCell<HashMap<String, DecodingKey>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Own(loaded: {})", self.kept.initialized())
    }
}

/// Keys that are fetched and kept.
#[derive(Debug)]
pub struct Fetched {
    url: String,
    floor: Duration,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Instant>,
}

impl Keys {
    /// These keys and no others.
    pub fn fixed(set: &JwkSet) -> Self {
        Self::Fixed(usable(set))
    }

    /// The issuer's own keys; `load` is asked until it succeeds once.
    pub fn own<F, Load>(load: F) -> Self
    where
        F: Fn() -> Load + Send + Sync + 'static,
        Load: Future<Output = Result<JwkSet, Problem>> + Send + 'static,
    {
        Self::Own(Own { load: Box::new(move || Box::pin(load())), kept: OnceCell::new() })
    }

    /// Keys behind `url`, asked for at most once in `floor` (production: [`FETCH_FLOOR`]).
    pub fn fetched(url: impl Into<String>, floor: Duration) -> Self {
        Self::Fetched(Fetched { url: url.into(), floor, kept: Mutex::default() })
    }

    /// The key with this id, if the issuer has it.
    pub async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        match self {
            Self::Fixed(keys) => Ok(keys.get(kid).cloned()),
            Self::Own(own) => own.find(kid).await,
            Self::Fetched(fetched) => fetched.find(kid).await,
        }
    }
}

impl Own {
    async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        let load = async || (self.load)().await.map(|set| usable(&set));
        self.kept.get_or_try_init(load).await.map(|keys| keys.get(kid).cloned())
    }
}

impl Fetched {
    /// Holding the lock while fetching makes concurrent callers share one fetch.
    async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        let mut kept = self.kept.lock().await;
        let age = kept.fetched.map(|fetched| fetched.elapsed());
        let known = kept.keys.get(kid).cloned();
        // A known key is trusted while the set is young; an unknown one is a bad token if we asked just now.
        let trusted_for = if known.is_some() { MAX_AGE } else { self.floor };
        if age.is_some_and(|age| age < trusted_for) {
            return Ok(known);
        }
        match self.fetch().await {
            Ok(keys) => {
                *kept = Kept { keys, fetched: Some(Instant::now()) };
                Ok(kept.keys.get(kid).cloned())
            }
            // The issuer being down is no reason to refuse a key that was good a moment ago.
            Err(_) if known.is_some() => Ok(known),
            Err(error) => Err(Problem::unavailable(error)),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, reqwest::Error> {
        let response = outbound::client().get(&self.url).send().await?.error_for_status()?;
        Ok(usable(&response.json().await?))
    }
}

fn usable(set: &JwkSet) -> HashMap<String, DecodingKey> {
    let with_id = |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
    set.keys.iter().filter_map(with_id).collect()
}
