//! A stand-in for the gateway: it issues tokens, records requests, and answers by a script.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use platform::client::{Credentials, ServiceClient};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::secret;

/// The client secret, which may appear only in token requests.
pub(crate) const CLIENT_SECRET: &str = "hunter2-client-secret";
/// The start of every token, which may appear only in requests.
pub(crate) const TOKEN: &str = "access-token-";

/// A recorded request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `POST /notifications`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// Which one to this line it is, from 1.
    pub(crate) nth: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    Json(u16, Value),
    /// A success with a body that is not JSON.
    Text(&'static str),
    /// Nothing, while the caller waits.
    Hang,
    /// A success that breaks off in the middle of its body.
    Broken,
}

type Script = dyn Fn(&Seen) -> Option<Reply> + Send + Sync;

/// The gateway; it stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    tokens: AtomicUsize,
    expires_in: AtomicU64,
    hung_up: AtomicUsize,
}

/// Counts a caller that gave up waiting.
struct HangUp(Arc<State>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.hung_up.fetch_add(1, Ordering::Relaxed);
    }
}

impl Gateway {
    /// Answers what `script` says, or else 200, and tokens that are good for an hour.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            script: Box::new(script),
            seen: Mutex::default(),
            tokens: AtomicUsize::new(0),
            expires_in: AtomicU64::new(3_600),
            hung_up: AtomicUsize::new(0),
        });
        let answering = Arc::clone(&state);
        let router = Router::new().fallback(async move |request: Request| answer(answering, request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// A gateway that answers every request with success.
    pub(crate) async fn friendly() -> Self {
        Self::start(|_| None).await
    }

    /// A client of it with a token cache of its own.
    pub(crate) fn client(&self) -> ServiceClient {
        let credentials = Credentials::Client { id: "sample-service", secret: secret(CLIENT_SECRET) };
        ServiceClient::new(&self.url, credentials)
    }

    /// Sets the lifetime of tokens, in seconds.
    pub(crate) fn expires_in(&self, seconds: u64) {
        self.state.expires_in.store(seconds, Ordering::Relaxed);
    }

    /// How many tokens were given out.
    pub(crate) fn tokens(&self) -> usize {
        self.state.tokens.load(Ordering::Relaxed)
    }

    /// How many callers that were left hanging have given up.
    pub(crate) fn hung_up(&self) -> usize {
        self.state.hung_up.load(Ordering::Relaxed)
    }

    /// Everything that came but requests for tokens.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.state.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.line != "POST /oauth/token").cloned().collect()
    }

    /// The requests to `line`, such as `POST /notifications`.
    pub(crate) fn seen_at(&self, line: &str) -> Vec<Seen> {
        let seen = self.state.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.line == line).cloned().collect()
    }
}

async fn answer(state: Arc<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let line = format!("{} {}", parts.method, parts.uri.path());
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    let seen = {
        let mut all = state.seen.lock().unwrap();
        let nth = 1 + all.iter().filter(|seen| seen.line == line).count();
        let seen = Seen { line, headers: parts.headers, body, nth };
        all.push(seen.clone());
        seen
    };
    let reply = (state.script)(&seen);
    match reply.unwrap_or_else(|| state.by_default(&seen)) {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Json(status, body) => (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response(),
        Reply::Text(text) => text.into_response(),
        Reply::Hang => {
            let _given_up = HangUp(state);
            pending().await
        }
        Reply::Broken => {
            let start = Ok(Bytes::from_static(b"{\"half\":"));
            let body = Body::from_stream(stream::iter([start, Err(std::io::Error::other("broken"))]));
            ([(header::CONTENT_LENGTH, "1000")], body).into_response()
        }
    }
}

impl State {
    fn by_default(&self, seen: &Seen) -> Reply {
        if seen.line != "POST /oauth/token" {
            return Reply::Json(200, json!({}));
        }
        let number = 1 + self.tokens.fetch_add(1, Ordering::Relaxed);
        let expires_in = self.expires_in.load(Ordering::Relaxed);
        let token =
            json!({"access_token": format!("{TOKEN}{number}"), "token_type": "Bearer", "expires_in": expires_in});
        Reply::Json(200, token)
    }
}
