//! A proxy between a service's process and those it calls over HTTP: records every call, and runs a trap at one of them.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use testkit::proxy::Side;
use tokio::net::TcpListener;

/// More than any of our bodies.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Passes calls on to one address.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Where it listens: `http://127.0.0.1:<port>`.
    pub address: String,
    target: String,
    http: reqwest::Client,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    heard: Vec<String>,
    trap: Option<Trap>,
}

struct Trap {
    call: String,
    left: usize,
    side: Side,
    act: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trap({} {:?} {})", self.call, self.side, self.left)
    }
}

impl Tap {
    /// Listens in front of `target`.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let tap = Self { address, target: target.to_owned(), http: reqwest::Client::new(), state: Arc::default() };
        let passing = tap.clone();
        let router = Router::new().fallback(move |request| {
            let tap = passing.clone();
            async move { tap.pass(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        tap
    }

    /// Forgets what was called, and returns it: method and path, ids written as `*`.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().heard)
    }

    /// Does `act` at the call of this name after `passing` others of the same name, on that side of its effect. The caller
    /// gets no usable answer to it.
    pub fn trap(&self, call: &str, passing: usize, side: Side, act: impl Fn() + Send + Sync + 'static) {
        let trap = Trap { call: call.to_owned(), left: passing, side, act: Arc::new(act) };
        self.state.lock().unwrap().trap = Some(trap);
    }

    /// Removes a trap that no call reached.
    pub fn untrap(&self) {
        self.state.lock().unwrap().trap = None;
    }

    async fn pass(&self, request: Request) -> Response {
        let trap = self.hear(name(&request));
        if let Some(trap) = &trap
            && trap.side == Side::Before
        {
            (trap.act)();
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let answer = self.forward(request).await;
        if let Some(trap) = trap {
            (trap.act)();
            return StatusCode::BAD_GATEWAY.into_response();
        }
        answer.unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
    }

    /// Records a call; returns the trap that is set at it.
    fn hear(&self, call: String) -> Option<Trap> {
        let mut state = self.state.lock().unwrap();
        let steps = match &mut state.trap {
            Some(trap) if trap.call == call && trap.left == 0 => true,
            Some(trap) if trap.call == call => {
                trap.left -= 1;
                false
            }
            _ => false,
        };
        state.heard.push(call);
        if steps { state.trap.take() } else { None }
    }

    async fn forward(&self, request: Request) -> Option<Response> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        headers.remove(header::HOST);
        let body = to_bytes(body, MAX_BODY).await.ok()?;
        let sent = self.http.request(parts.method, format!("{}{path}", self.target)).headers(headers).body(body);
        let answered = sent.send().await.ok()?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answered.status();
        *response.headers_mut() = answered.headers().clone();
        // The body is sent whole, so its length is known anew.
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        *response.body_mut() = Body::from(answered.bytes().await.ok()?);
        Some(response)
    }
}

fn name(request: &Request) -> String {
    let is_id = |part: &str| part.len() > 20 || part.starts_with("pi_");
    let parts = request.uri().path().split('/').map(|part| if is_id(part) { "*" } else { part });
    format!("{} {}", request.method(), parts.collect::<Vec<_>>().join("/"))
}
