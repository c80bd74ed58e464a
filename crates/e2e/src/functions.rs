//! Services as processes: a service's program, run as several instances of a function, as Lambda runs it.

use std::{
    collections::VecDeque,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use common::http::SourceAddress;
use http::{HeaderValue, StatusCode, header::HeaderName};
use lambda_double::{Function, HttpAnswer, InvokeError, from_source, http_event};
use serde_json::Value;
use tokio::{
    process::Command,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{settings::Settings, usage};

/// How long a function may take, by the longest timeout that the gateway allows.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest request that Lambda takes.
const MAX_BODY: usize = 6 << 20;

/// The instances of one function. One request at a time goes to each, the one that has rested longest first.
#[derive(Debug, Clone)]
pub struct Functions(Arc<Instances>);

#[derive(Debug)]
struct Instances {
    all: Vec<Arc<Function>>,
    free: Mutex<VecDeque<Arc<Function>>>,
    permits: Arc<Semaphore>,
    service: String,
}

/// An instance that answers a request. It is free again once this is dropped.
struct Taken {
    instances: Arc<Instances>,
    function: Arc<Function>,
    _permit: OwnedSemaphorePermit,
}

impl Functions {
    /// Starts so many instances of the program of `service` in `folder`, and waits until each of them answers.
    pub async fn start(folder: &Path, service: &str, settings: &Settings, instances: usize) -> Self {
        let mut all = Vec::new();
        for _ in 0..instances {
            let function = launch(folder, service, settings, None).await;
            function.cold_start().await.unwrap_or_else(|error| panic!("{service} does not start: {error}"));
            all.push(Arc::new(function));
        }
        let (free, permits) = (Mutex::new(all.iter().cloned().collect()), Arc::new(Semaphore::new(instances)));
        Self(Arc::new(Instances { all, free, permits, service: service.to_owned() }))
    }

    /// Answers a request as the gateway has it answered: by an event. Waits for an instance that is free.
    pub async fn answer(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut event = http_event(parts.method.as_str(), path, &headers, body);
        if let Some(SourceAddress(source)) = parts.extensions.get() {
            event = from_source(event, &source.to_string());
        }
        match self.take().await.function.invoke(event, TIMEOUT).await {
            Ok(answer) => unwrapped(HttpAnswer::from(answer)),
            // What the gateway answers for a function that failed.
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }

    /// Comes back when every instance has done the work that it does after answers.
    pub async fn finish(&self) {
        for function in &self.0.all {
            let answer = ask(function, "GET", &format!("/health/{}/live", self.0.service), &Value::Null).await;
            assert_eq!(answer.map(|answer| answer.status), Ok(200), "{}", self.0.service);
        }
    }

    /// The processor time of all instances since they were started.
    pub fn processor_time(&self) -> Duration {
        self.0.all.iter().map(|function| usage::processor_time(function.process_id())).sum()
    }

    async fn take(&self) -> Taken {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.unwrap();
        let function = self.0.free.lock().unwrap().pop_front().unwrap();
        Taken { instances: Arc::clone(&self.0), function, _permit: permit }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.instances.free.lock().unwrap().push_back(Arc::clone(&self.function));
    }
}

/// Starts one instance of the program of `service` in `folder`; with a trigger, woken by that.
pub async fn launch(folder: &Path, service: &str, settings: &Settings, trigger: Option<&str>) -> Function {
    let program = folder.join(service);
    let mut command = Command::new(&program);
    command.envs(settings.iter().map(|(name, value)| (*name, value)));
    command.env("TRIGGER", trigger.unwrap_or("http"));
    // Log lines are written, as on AWS, and thrown away.
    command.env("LOG_LEVEL", "info").stdout(Stdio::null());
    let launched = Function::launch(command, service).await;
    launched.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Has a function of `service` do one piece of work that is no request; panics when that fails.
pub async fn run_once(folder: &Path, service: &str, settings: &Settings, trigger: &str, event: Value) -> Value {
    let function = launch(folder, service, settings, Some(trigger)).await;
    let done = function.invoke(event, TIMEOUT * 2).await;
    done.unwrap_or_else(|error| panic!("{service} could not {trigger}: {error}"))
}

/// One request to one instance.
pub async fn ask(function: &Function, method: &str, path: &str, body: &Value) -> Result<HttpAnswer, InvokeError> {
    let headers = [("host", "127.0.0.1"), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    function.invoke(http_event(method, path, &headers, body), TIMEOUT * 10).await.map(HttpAnswer::from)
}

fn unwrapped(answer: HttpAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        let value = HeaderValue::from_str(&value).unwrap();
        response.headers_mut().append(HeaderName::try_from(name).unwrap(), value);
    }
    response
}
