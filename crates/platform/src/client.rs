//! Calls to sibling services through the gateway: one token for all concurrent callers, every call inside a deadline,
//! repeated only where repeating is harmless, with the request id and trace context passed on.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    http::{REQUEST_ID, RequestContext, TRACEPARENT},
    outbound,
    problem::{FieldError, Problem},
};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::config::Secret;

/// How often a repeatable call is sent at most.
const ATTEMPTS: u32 = 3;
/// A token is renewed this long before it expires, so that it is still valid when the receiver verifies it.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// One call to a service.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<Value>,
    key: Option<String>,
    repeatable: bool,
    deadline: Duration,
    context: Option<&'a RequestContext>,
}

impl<'a> Call<'a> {
    /// A GET; repeated when the connection fails or the receiver is unavailable.
    pub fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path, None, true)
    }

    /// A PUT; repeated when the connection fails or the receiver is unavailable.
    pub fn put(path: &'a str, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body), true)
    }

    /// A POST; repeated only with a key ([`Self::with_key`]).
    pub fn post(path: &'a str, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body), false)
    }

    fn new(method: Method, path: &'a str, body: Option<Value>, repeatable: bool) -> Self {
        Self { method, path, body, key: None, repeatable, deadline: outbound::CALL_TIMEOUT, context: None }
    }

    /// Adds an `Idempotency-Key`, which makes the call repeatable.
    #[must_use]
    pub fn with_key(mut self, key: &impl ToString) -> Self {
        self.key = Some(key.to_string());
        self.repeatable = true;
        self
    }

    /// Limits the whole call, repeats included. Choose less than the time that the calling function has left.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Passes on the request id and trace context of the current request.
    #[must_use]
    pub fn of(mut self, context: &'a RequestContext) -> Self {
        self.context = Some(context);
        self
    }
}

/// The refusal of a service.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The HTTP status.
    pub status: StatusCode,
    /// The problem type, such as `not_found`.
    pub kind: String,
    /// The refused fields, when the body was refused.
    pub errors: Vec<FieldError>,
    /// Whether the call was sent before without a clear answer: the earlier attempt may have had its effect, or may
    /// yet.
    pub is_repeated: bool,
}

impl Refused {
    fn read(status: StatusCode, problem: &Value) -> Self {
        let kind = problem["type"].as_str().unwrap_or("no problem type").to_owned();
        let errors = Vec::deserialize(&problem["errors"]).unwrap_or_default();
        Self { status, kind, errors, is_repeated: false }
    }
}

/// Why a call has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came in time, or the connection broke; the call may have had its effect.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The receiver is unavailable at the moment (5xx, 429).
    #[error("the service answered {0}")]
    Unavailable(StatusCode),
    /// The receiver refused the call (other 4xx).
    #[error("the service refused the request with {} ({})", .0.status, .0.kind)]
    Refused(Refused),
}

/// A refusal by a service is an internal error; all other failures are temporary.
impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(_) | CallError::Unavailable(_) => Self::unavailable(error),
            CallError::Refused(_) => Self::internal(error),
        }
    }
}

/// Mints a token for this process; for the service that issues tokens.
pub type Mint = Arc<dyn Fn() -> BoxFuture<'static, Result<AccessToken, String>> + Send + Sync>;

/// How the process gets its access tokens.
#[derive(Clone)]
pub enum Credentials {
    /// OAuth 2.0 client credentials at `{base}/oauth/token`.
    Client {
        /// The name of the calling service.
        id: &'static str,
        /// The client secret, issued by user-service's `admin` trigger.
        secret: Secret,
    },
    /// The issuer mints its own tokens.
    Issuer(Mint),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client { id, .. } => id,
            Self::Issuer(_) => "issuer",
        })
    }
}

/// A token and its lifetime.
#[derive(Clone, Deserialize)]
pub struct AccessToken {
    /// The JWT.
    pub access_token: String,
    /// Seconds until it expires.
    pub expires_in: u64,
}

/// Leaves out the token.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({} s)", self.expires_in)
    }
}

/// The client of the other services. Cheap to clone; clones share the token.
#[derive(Debug, Clone)]
pub struct ServiceClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: String,
    credentials: Credentials,
    token: Mutex<Option<(AccessToken, Instant)>>,
}

impl ServiceClient {
    /// A client of the services behind `base`, their common base URL.
    pub fn new(base: impl Into<String>, credentials: Credentials) -> Self {
        Self(Arc::new(Inner { base: base.into(), credentials, token: Mutex::default() }))
    }

    /// Makes the call and reads the answer's JSON (`null` for an empty body).
    pub async fn send(&self, call: Call<'_>) -> Result<Value, CallError> {
        let deadline = Instant::now() + call.deadline;
        let attempts = if call.repeatable { ATTEMPTS } else { 1 };
        let mut attempt = 1;
        loop {
            let error = match self.once(&call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Refused(refused)) => {
                    return Err(CallError::Refused(Refused { is_repeated: attempt > 1, ..refused }));
                }
                Err(error) => error,
            };
            let pause = outbound::pause(attempt);
            let time_left = Instant::now() + pause < deadline;
            if attempt >= attempts || !time_left {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call<'_>, deadline: Instant) -> Result<Value, CallError> {
        let token = self.token(deadline).await?;
        let answered = answer(self.request(call, &token), deadline).await;
        if !answered.as_ref().is_err_and(is_unauthorized) {
            return answered;
        }
        // The issuer's keys changed, so the cached token is refused. It was refused before any effect, so one repeat is
        // safe.
        self.forget(&token).await;
        let token = self.token(deadline).await?;
        answer(self.request(call, &token), deadline).await
    }

    fn request(&self, call: &Call<'_>, token: &str) -> RequestBuilder {
        let mut request = outbound::client().request(call.method.clone(), format!("{}{}", self.0.base, call.path));
        request = request.bearer_auth(token);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(context) = call.context {
            request = request.header(REQUEST_ID, context.id());
            if let Some(trace) = context.traceparent() {
                request = request.header(TRACEPARENT, trace);
            }
        }
        request
    }

    /// The token. Waits no longer than `deadline`, also for a fetch of another caller.
    async fn token(&self, deadline: Instant) -> Result<String, CallError> {
        let token = tokio::time::timeout_at(deadline.into(), self.kept_token(deadline)).await;
        token.unwrap_or_else(|_| Err(CallError::Unreachable("no access token in time".to_owned())))
    }

    /// Holding the lock while fetching makes concurrent callers share one fetch.
    async fn kept_token(&self, deadline: Instant) -> Result<String, CallError> {
        let mut kept = self.0.token.lock().await;
        if let Some((token, good_until)) = &*kept
            && *good_until > Instant::now()
        {
            return Ok(token.access_token.clone());
        }
        let token = self.fetch_token(deadline).await?;
        let access_token = token.access_token.clone();
        let good_for = Duration::from_secs(token.expires_in).saturating_sub(RENEW_BEFORE);
        *kept = Some((token, Instant::now() + good_for));
        Ok(access_token)
    }

    /// Drops the cached token if it is this one: another caller that was refused may have fetched the next already.
    async fn forget(&self, token: &str) {
        let mut kept = self.0.token.lock().await;
        if kept.as_ref().is_some_and(|(known, _)| known.access_token == token) {
            *kept = None;
        }
    }

    fn token_request(&self, id: &str, secret: &str) -> RequestBuilder {
        outbound::client()
            .post(format!("{}/oauth/token", self.0.base))
            .basic_auth(id, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
    }

    async fn fetch_token(&self, deadline: Instant) -> Result<AccessToken, CallError> {
        let unreachable = |error: &dyn fmt::Display| CallError::Unreachable(error.to_string());
        match &self.0.credentials {
            Credentials::Issuer(mint) => mint().await.map_err(|error| unreachable(&error)),
            Credentials::Client { id, secret } => {
                let shown = secret.shared().await.map_err(|error| unreachable(&error))?;
                let mut answered = answer(self.token_request(id, &shown), deadline).await;
                if answered.as_ref().is_err_and(is_unauthorized)
                    && let Some(other) = secret.instead_of(&shown).await
                {
                    tracing::warn!(client = id, "client secret refused; trying again with the rotated one");
                    answered = answer(self.token_request(id, &other), deadline).await;
                }
                let token = answered?;
                // The parser's own message is left out: it may repeat the token.
                serde_json::from_value(token).map_err(|_| unreachable(&"the token endpoint answered no access token"))
            }
        }
    }
}

fn is_unauthorized(error: &CallError) -> bool {
    matches!(error, CallError::Refused(refused) if refused.status == StatusCode::UNAUTHORIZED)
}

async fn answer(request: RequestBuilder, deadline: Instant) -> Result<Value, CallError> {
    // The HTTP client's messages hold the URL and nothing of headers or body.
    let unreachable = |error: reqwest::Error| CallError::Unreachable(common::cause::chain(&error));
    let time_left = deadline.saturating_duration_since(Instant::now());
    let response = request.timeout(time_left).send().await.map_err(unreachable)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unreachable)?;
    if status.is_success() {
        return read(&body).map_err(|error| CallError::Unreachable(format!("{status} and no JSON: {error}")));
    }
    let json = read(&body).unwrap_or_default();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(CallError::Unavailable(status));
    }
    Err(CallError::Refused(Refused::read(status, &json)))
}

/// Reads a body; an empty one is `null`. Other bodies that are not JSON come from a proxy in between, not from a
/// service.
fn read(body: &[u8]) -> Result<Value, serde_json::Error> {
    if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Shared;

    use axum::{Router, extract::Request, response::IntoResponse};
    use http::HeaderMap;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::fake::Store;

    /// The requests that a gateway received, and the credentials of token requests.
    type Came = Arc<Shared<Vec<String>>>;

    /// A gateway that gives tokens for this client secret and no other.
    async fn gateway(secret: &'static str) -> (String, Came) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (url, came) = (format!("http://{}", listener.local_addr().unwrap()), Came::default());
        let seen = Arc::clone(&came);
        let router = Router::new().fallback(async move |headers: HeaderMap, request: Request| {
            let line = format!("{} {}", request.method(), request.uri().path());
            let is_right = headers["authorization"] == basic(secret) || line != "POST /oauth/token";
            seen.lock().unwrap().push(format!("{line} {}", if is_right { 200 } else { 401 }));
            if is_right {
                axum::Json(json!({"access_token": "t", "expires_in": 900})).into_response()
            } else {
                (StatusCode::UNAUTHORIZED, axum::Json(json!({"type": "invalid_client"}))).into_response()
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, came)
    }

    fn basic(secret: &str) -> String {
        let request = reqwest::Client::new().get("http://localhost").basic_auth("a-service", Some(secret)).build();
        request.unwrap().headers()["authorization"].to_str().unwrap().to_owned()
    }

    /// A client whose secret is in that store, under `/secret`.
    async fn client(store: &Store, url: String) -> ServiceClient {
        let secret = store.env(&[("CLIENT_SECRET", "ssm:/secret")]).await.secret("CLIENT_SECRET").unwrap();
        ServiceClient::new(url, Credentials::Client { id: "a-service", secret })
    }

    #[tokio::test]
    async fn a_client_secret_that_was_replaced_is_fetched_when_it_is_refused_and_a_token_asked_for_once_more() {
        let (store, (url, came)) = (Store::default(), gateway("new").await);
        store.set("/secret", "old");
        let client = client(&store, url).await;
        assert!(matches!(client.send(Call::get("/things")).await, Err(CallError::Refused(_))));
        assert_eq!(*came.lock().unwrap(), ["POST /oauth/token 401"], "there is no other secret yet");
        assert_eq!(store.calls(), 2);

        store.set("/secret", "new");
        store.at(6);
        client.send(Call::post("/things", json!({}))).await.unwrap();
        let expected = ["POST /oauth/token 401", "POST /oauth/token 401", "POST /oauth/token 200", "POST /things 200"];
        assert_eq!(*came.lock().unwrap(), expected, "what follows is sent once");
        assert_eq!(store.calls(), 3);
    }

    #[tokio::test]
    async fn a_client_secret_that_stays_refused_is_tried_once_a_call() {
        let (store, (url, came)) = (Store::default(), gateway("another").await);
        store.set("/secret", "old");
        let client = client(&store, url).await;
        client.send(Call::get("/things")).await.unwrap_err();
        store.set("/secret", "new");
        store.at(6);
        let refused = client.send(Call::get("/things")).await.unwrap_err();
        assert_eq!(refused.to_string(), "the service refused the request with 401 Unauthorized (invalid_client)");
        // The first call had one secret to try, the second two.
        assert_eq!(*came.lock().unwrap(), ["POST /oauth/token 401"; 3]);
    }
}
