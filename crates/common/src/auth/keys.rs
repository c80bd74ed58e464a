//! The public keys of the issuer: known from the start, or fetched from its JWKS and kept.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, JwkSet},
};
use tokio::sync::Mutex;

use crate::{outbound, problem::Problem};

/// Keys by their `kid`.
type ById = HashMap<String, Arc<DecodingKey>>;

/// The least time between two fetches, so that tokens with invented key ids cannot overload the issuer.
pub const FETCH_FLOOR: Duration = Duration::from_secs(30);

/// How long a fetched set is trusted before it is fetched again: a withdrawn key is refused after this.
pub const MAX_AGE: Duration = Duration::from_mins(10);

/// How long a key is trusted while the issuer cannot be reached: an outage does not log all users out, and an attacker
/// who blocks the issuer cannot keep a withdrawn key valid for longer.
pub const MAX_STALE: Duration = Duration::from_hours(1);

/// The pause after a failed fetch: callers that waited for it share its failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Where the keys come from.
#[derive(Debug)]
pub enum Keys {
    /// Known from the start: no network.
    Fixed(ById),
    /// The issuer's own keys, derived from a secret that is read when the first token is verified.
    Own(Own),
    /// Fetched from a JWKS URL on first use, and again when a token names an unknown key.
    Fetched(Fetched),
}

type Loading = Pin<Box<dyn Future<Output = Result<Arc<JwkSet>, Problem>> + Send>>;

/// Keys that are loaded each time, and parsed again when they have changed.
pub struct Own {
    load: Box<dyn Fn() -> Loading + Send + Sync>,
    kept: Mutex<Option<(Arc<JwkSet>, ById)>>,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

/// Keys that are fetched and cached.
#[derive(Debug)]
pub struct Fetched {
    url: String,
    floor: Duration,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: ById,
    fetched: Option<Instant>,
    failed: Option<Instant>,
}

impl Keys {
    /// These keys and no others.
    pub fn fixed(set: &JwkSet) -> Self {
        Self::Fixed(usable(set))
    }

    /// The issuer's own keys. `load` is called each time, and returns the same pointer while they are unchanged.
    pub fn own<F, Load>(load: F) -> Self
    where
        F: Fn() -> Load + Send + Sync + 'static,
        Load: Future<Output = Result<Arc<JwkSet>, Problem>> + Send + 'static,
    {
        Self::Own(Own { load: Box::new(move || Box::pin(load())), kept: Mutex::default() })
    }

    /// Keys at `url`, fetched at most once in `floor` (production: [`FETCH_FLOOR`]).
    pub fn fetched(url: impl Into<String>, floor: Duration) -> Self {
        Self::Fetched(Fetched { url: url.into(), floor, kept: Mutex::default() })
    }

    /// The key with this id, if the issuer has it: the same pointer until the set is read again.
    pub async fn find(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, Problem> {
        match self {
            Self::Fixed(keys) => Ok(keys.get(kid).cloned()),
            Self::Own(own) => own.find(kid).await,
            Self::Fetched(fetched) => fetched.find(kid).await,
        }
    }
}

impl Own {
    async fn find(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, Problem> {
        let set = (self.load)().await?;
        let mut kept = self.kept.lock().await;
        match &*kept {
            Some((of, keys)) if Arc::ptr_eq(of, &set) => Ok(keys.get(kid).cloned()),
            _ => {
                let keys = usable(&set);
                let found = keys.get(kid).cloned();
                *kept = Some((set, keys));
                Ok(found)
            }
        }
    }
}

impl Fetched {
    /// Holding the lock while fetching makes concurrent callers share one fetch.
    async fn find(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, Problem> {
        let mut kept = self.kept.lock().await;
        let known = kept.keys.get(kid).cloned().filter(|_| is_within(kept.fetched, MAX_STALE));
        // A known key is trusted while the set is recent; a token with an unknown key is invalid if the set was just
        // fetched.
        let trusted_for = if known.is_some() { MAX_AGE } else { self.floor };
        if is_within(kept.fetched, trusted_for) {
            return Ok(known);
        }
        // With a known key the next attempt can wait longer than with a token that cannot be verified.
        let pause = if known.is_some() { FETCH_FLOOR } else { FAILURE_PAUSE };
        if is_within(kept.failed, pause) {
            let failed = || Problem::unavailable("the issuer's keys could not be fetched a moment ago");
            return known.map(Some).ok_or_else(failed);
        }
        match self.fetch().await {
            Ok(keys) => {
                *kept = Kept { keys, fetched: Some(Instant::now()), failed: None };
                Ok(kept.keys.get(kid).cloned())
            }
            Err(error) => {
                kept.failed = Some(Instant::now());
                let Some(known) = known else { return Err(Problem::unavailable(error)) };
                // While the issuer is down, a key that was valid a moment ago is still accepted.
                tracing::warn!(error = %error, "issuer's keys could not be refreshed; the previous keys stay in use");
                Ok(Some(known))
            }
        }
    }

    async fn fetch(&self) -> Result<ById, reqwest::Error> {
        let response = outbound::client().get(&self.url).send().await?.error_for_status()?;
        Ok(usable(&response.json().await?))
    }
}

fn is_within(moment: Option<Instant>, span: Duration) -> bool {
    moment.is_some_and(|moment| moment.elapsed() < span)
}

fn usable(set: &JwkSet) -> ById {
    let with_id = |jwk: &Jwk| Some((jwk.common.key_id.clone()?, Arc::new(DecodingKey::from_jwk(jwk).ok()?)));
    set.keys.iter().filter_map(with_id).collect()
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    /// The key of RFC 7517, appendix A.1.
    const KEY: &str = r#"{"kty": "RSA", "kid": "k", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#;

    /// Keys last fetched `age` ago, from an issuer that publishes `set` now.
    async fn aged(age: Duration, set: &'static str) -> Fetched {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", get(async move || set));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let known = serde_json::from_str(&format!(r#"{{"keys": [{KEY}]}}"#)).unwrap();
        let kept = Kept { keys: usable(&known), fetched: Instant::now().checked_sub(age), failed: None };
        Fetched { url, floor: FETCH_FLOOR, kept: Mutex::new(kept) }
    }

    #[tokio::test]
    async fn a_withdrawn_key_is_refused_once_the_set_is_as_old_as_it_may_be() {
        let withdrawn = r#"{"keys": []}"#;
        let young = aged(MAX_AGE.mul_f32(0.9), withdrawn).await;
        assert!(young.find("k").await.unwrap().is_some());
        let old = aged(MAX_AGE, withdrawn).await;
        assert!(old.find("k").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_old_key_is_trusted_while_the_issuer_does_not_answer() {
        let old = aged(MAX_AGE, "down for maintenance").await;
        for _ in 0..3 {
            assert!(old.find("k").await.unwrap().is_some());
        }
        assert_eq!(old.find("other").await.unwrap_err().status(), http::StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_key_that_could_not_be_confirmed_for_an_hour_is_trusted_no_more() {
        let stale = aged(MAX_STALE, "down for maintenance").await;
        assert_eq!(stale.find("k").await.unwrap_err().status(), http::StatusCode::SERVICE_UNAVAILABLE);
        let back = aged(MAX_STALE, Box::leak(format!(r#"{{"keys": [{KEY}]}}"#).into_boxed_str())).await;
        assert!(back.find("k").await.unwrap().is_some());
    }
}
