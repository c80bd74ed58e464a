//! What stands between the service and AWS in tests: an HTTP server that passes calls on to moto, one at a time, writes
//! them down, and fails on request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

/// What happens to a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// AWS answers this, and does nothing.
    Answer(u16, Value),
    /// AWS does it, and its answer becomes a 500 on the way.
    LostAnswer,
    /// AWS does nothing, and sends the caller to this address.
    Redirect(String),
    /// No answer comes.
    Hang,
    /// It waits for a permit before it is passed on; once there will be none, AWS answers 500.
    Hold(Arc<Semaphore>),
}

#[derive(Debug)]
struct PlannedFault {
    operation: &'static str,
    left: usize,
    fault: Fault,
}

/// A call that was seen, faulty or not.
#[derive(Debug, Clone)]
pub(crate) struct SeenCall {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) address: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    target: String,
    http: reqwest::Client,
    planned: Mutex<Vec<PlannedFault>>,
    seen: Mutex<Vec<SeenCall>>,
    taken: Mutex<Vec<Value>>,
    /// moto checks a condition and then writes, in two steps; DynamoDB does both in one.
    one_at_a_time: tokio::sync::Mutex<()>,
}

impl Network {
    /// In front of moto, on a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            target: testkit::stores::aws_endpoint(),
            http: reqwest::Client::new(),
            planned: Mutex::default(),
            seen: Mutex::default(),
            taken: Mutex::default(),
            one_at_a_time: tokio::sync::Mutex::default(),
        });
        let router = Router::new().fallback(carry).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// The next `times` calls of this operation meet the fault.
    pub(crate) fn plan(&self, operation: &'static str, times: usize, fault: Fault) {
        self.inner.planned.lock().unwrap().push(PlannedFault { operation, left: times, fault });
    }

    /// Plans nothing any more.
    pub(crate) fn heal(&self) {
        self.inner.planned.lock().unwrap().clear();
    }

    /// Every call so far.
    pub(crate) fn seen(&self) -> Vec<SeenCall> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// How often an operation was called so far.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.seen().iter().filter(|seen| seen.operation == operation).count()
    }

    /// Returns once an operation was called so often.
    pub(crate) async fn until(&self, operation: &str, times: usize) {
        for _ in 0..1_000 {
            if self.count(operation) >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{operation} was not called {times} times");
    }

    /// How many mails to this address SES has taken.
    pub(crate) fn taken_to(&self, address: &str) -> usize {
        let taken = self.inner.taken.lock().unwrap();
        taken.iter().filter(|mail| mail["Destination"]["ToAddresses"] == json!([address])).count()
    }

    /// What SES itself has of mails to this address. moto writes out all that it has of everything, so ask seldom.
    pub(crate) async fn mails_to(&self, address: &str) -> Vec<Value> {
        let address_of_all = format!("{}/moto-api/data.json", self.inner.target);
        let mut data = Value::Null;
        // moto fails while another test changes what it is writing out.
        for _ in 0..100 {
            let answer = self.inner.http.get(&address_of_all).send().await.unwrap();
            data = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
            if data["ses"].is_object() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(data["ses"].is_object(), "moto says nothing of SES");
        let all = data["ses"]["Message"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|mail| mail["destinations"]["ToAddresses"] == json!([address])).collect()
    }
}

async fn carry(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let operation = operation(&parts);
    let seen = SeenCall { operation: operation.clone(), body: serde_json::from_slice(&body).unwrap_or_default() };
    inner.seen.lock().unwrap().push(seen);
    match fault(&inner, &operation) {
        None => pass(&inner, parts, body).await,
        Some(Fault::Answer(status, body)) => answer(status, &body),
        Some(Fault::Redirect(to)) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("{to}/"))]).into_response()
        }
        Some(Fault::LostAnswer) => {
            pass(&inner, parts, body).await;
            answer(500, &json!({}))
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Hold(permits)) => {
            let Ok(permit) = permits.acquire().await else { return answer(500, &json!({})) };
            permit.forget();
            pass(&inner, parts, body).await
        }
    }
}

fn operation(parts: &Parts) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()?.split('.').nth(1));
    match (target, parts.uri.path()) {
        (Some(target), _) => target.to_owned(),
        (None, "/v2/email/outbound-emails") => "SendEmail".to_owned(),
        (None, path) => path.to_owned(),
    }
}

fn fault(inner: &Inner, operation: &str) -> Option<Fault> {
    let mut planned = inner.planned.lock().unwrap();
    let next = planned.iter_mut().find(|planned| planned.operation == operation && planned.left > 0)?;
    next.left -= 1;
    Some(next.fault.clone())
}

async fn pass(inner: &Inner, parts: Parts, body: Bytes) -> Response {
    let _turn = inner.one_at_a_time.lock().await;
    let mail = (operation(&parts) == "SendEmail").then(|| serde_json::from_slice(&body).unwrap_or_default());
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let request = inner.http.request(parts.method, format!("{}{path}", inner.target)).headers(headers).body(body);
    let answered = request.send().await.unwrap();
    let (status, headers) = (answered.status(), answered.headers().clone());
    inner.taken.lock().unwrap().extend(mail.filter(|_| status.is_success()));
    let mut response = (status, answered.bytes().await.unwrap()).into_response();
    let is_kept = |name: &HeaderName| name.as_str().starts_with("x-amz") || *name == header::CONTENT_TYPE;
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    response.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    response
}

fn answer(status: u16, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/x-amz-json-1.0".parse().unwrap());
    // SES names its errors in a header, DynamoDB in the body.
    if let Some(kind) = body["__type"].as_str() {
        headers.insert("x-amzn-errortype", kind.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers, body.to_string()).into_response()
}
