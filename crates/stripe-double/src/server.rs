//! The HTTP side: keys, faults, and the answer. All state is behind one lock, which is never held across an await.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::{
    call::Call,
    connection::ConnectionCutter,
    due,
    faults::{CallFault, Faults, QueuedEvent},
    idempotency::{Keys, Saved},
    incoming::Incoming,
    options::Options,
    plays,
    refusal::Refusal,
    routes,
    world::{Answer, World, text},
};

/// How long a hanging call waits: longer than any caller.
const HANG: Duration = Duration::from_mins(10);
/// The largest body.
const MAX_BODY: usize = 1 << 20;

/// The mutable state.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) posts_webhooks: bool,
    keys: Keys,
    /// How far this double's clock is ahead, in seconds.
    ahead: i64,
}

/// What handlers and the webhook task share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    account: Mutex<Account>,
    events: mpsc::UnboundedSender<QueuedEvent>,
    is_stopped: watch::Sender<bool>,
}

/// The outcome of a call.
struct Done {
    saved: Saved,
    has_changed: bool,
}

impl Shared {
    pub(crate) fn new(options: Options, events: mpsc::UnboundedSender<QueuedEvent>) -> Self {
        let mut account = Account { posts_webhooks: true, ..Account::default() };
        account.world.has_webhook = options.webhook_url.is_some();
        account.world.search_lag = i64::try_from(options.search_lag.as_secs()).unwrap_or(i64::MAX);
        Self { options, account: Mutex::new(account), events, is_stopped: watch::Sender::new(false) }
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since 1970, by this double's clock.
    pub(crate) fn now(&self) -> i64 {
        self.account().now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut account = self.account();
        account.ahead += i64::try_from(by.as_secs()).unwrap_or_default();
        self.settle_due(&mut account);
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.is_stopped.borrow()
    }

    /// Waits, until this double stops at the latest.
    pub(crate) async fn rest(&self, time: Duration) {
        let mut is_stopped = self.is_stopped.subscribe();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {}
        }
    }

    /// Changes the world in one step and hands out the events of that, in order.
    pub(crate) fn execute(
        &self,
        request: (Option<String>, Option<String>),
        work: impl FnOnce(&mut World) -> Answer,
    ) -> Answer {
        let mut account = self.account();
        self.settle_due(&mut account);
        self.execute_in(&mut account, request, work)
    }

    /// Lets happen what is due by now; no call asked for it.
    fn settle_due(&self, account: &mut Account) {
        let work = |world: &mut World| {
            due::settle(world);
            Ok(Value::Null)
        };
        // It refuses nothing.
        let _ = self.execute_in(account, (None, None), work);
    }

    fn execute_in(
        &self,
        account: &mut Account,
        request: (Option<String>, Option<String>),
        work: impl FnOnce(&mut World) -> Answer,
    ) -> Answer {
        let now = account.now();
        let world = &mut account.world;
        world.now = now;
        world.request = request;
        let answer = work(world);
        for event in std::mem::take(&mut world.news) {
            if account.posts_webhooks {
                let fault = account.faults.of_event(text(&event, "type"));
                // Fails only once the double stops.
                let _ = self.events.send(QueuedEvent { event, fault });
            }
        }
        answer
    }

    /// Answers a call of Stripe's API. In a task of its own: a caller who hangs up does not stop what has begun.
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Response {
        let cutter = request.extensions().get::<ConnectInfo<ConnectionCutter>>().map(|info| info.0.clone());
        let (parts, body) = request.into_parts();
        let mut call = Incoming::begin(&parts.method, &parts.uri, &parts.headers);
        let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
            return self.refuse(&call, &Refusal::too_large());
        };
        if let Err(refusal) = call.read(&parts.uri, &parts.headers, &body, &self.options.secret_key) {
            return self.refuse(&call, &refusal);
        }
        let answering = tokio::spawn(async move { self.handle(call, cutter.unwrap_or_default()).await });
        answering.await.unwrap_or_else(|_| {
            let mut broken = Response::default();
            *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            broken
        })
    }

    async fn handle(&self, call: Incoming, cutter: ConnectionCutter) -> Response {
        let fault = self.account().faults.of_call(&call.method, &call.path, call.key.as_deref());
        if let Some(response) = self.strike_before(&call, fault.as_ref(), &cutter).await {
            return response;
        }
        let replayed = match self.claim(&call) {
            Ok(replayed) => replayed,
            Err(refusal) => return self.refuse(&call, &refusal),
        };
        let delay = match &fault {
            Some(CallFault::Delay { ms }) => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        };
        self.rest(self.options.api_latency + delay).await;
        let is_replay = replayed.is_some();
        let done = match replayed {
            Some(saved) => Done { saved, has_changed: false },
            None => self.run(&call, fault.as_ref()),
        };
        let is_answered = !matches!(fault, Some(CallFault::DropAfter | CallFault::Hang { .. }));
        self.note(&call, if is_answered { done.saved.status } else { 0 }, done.has_changed);
        if matches!(fault, Some(CallFault::Hang { .. })) {
            self.rest(HANG).await;
        }
        if !is_answered {
            cutter.cut();
        }
        written(&done.saved, &call, is_replay)
    }

    /// Applies the faults that act before a call has reserved its key or had any effect.
    async fn strike_before(
        &self,
        call: &Incoming,
        fault: Option<&CallFault>,
        cutter: &ConnectionCutter,
    ) -> Option<Response> {
        let hangs = match fault? {
            CallFault::RateLimit => return Some(self.refuse(call, &Refusal::rate_limited())),
            CallFault::Refuse { status, code, should_retry } => {
                return Some(self.refuse(call, &Refusal::injected(*status, code.as_deref(), *should_retry)));
            }
            CallFault::Drop => false,
            CallFault::Hang { after_effect: false } => true,
            _ => return None,
        };
        self.note(call, 0, false);
        if hangs {
            self.rest(HANG).await;
        }
        cutter.cut();
        Some(Response::new(Body::empty()))
    }

    fn claim(&self, call: &Incoming) -> Result<Option<Saved>, Refusal> {
        let Some(key) = &call.key else { return Ok(None) };
        let mut account = self.account();
        let now = account.now();
        account.keys.claim(key, &call.path, &call.params.canonical(), now)
    }

    /// Applies the effect, unless a fault prevents it, and saves the answer under the key.
    fn run(&self, call: &Incoming, fault: Option<&CallFault>) -> Done {
        let mut account = self.account();
        self.settle_due(&mut account);
        let before = account.world.changes;
        let mut answer = Ok(Value::Null);
        if !matches!(fault, Some(CallFault::Error { after_effect: false, .. })) {
            let request = (Some(call.request_id.clone()), call.key.clone());
            let work = |world: &mut World| {
                let answer = routes::execute(world, &call.method, &call.path, call.params.clone())?;
                Ok(match fault {
                    Some(CallFault::Alter { members }) => plays::alter(world, answer, members),
                    _ => answer,
                })
            };
            answer = self.execute_in(&mut account, request, work);
        }
        if let Some(CallFault::Error { status, .. }) = fault {
            answer = Err(Refusal::broken(*status));
        }
        let (status, body, is_saved) = match &answer {
            Ok(body) => (200, body.to_string(), true),
            Err(refusal) => (refusal.status, refusal.body().to_string(), refusal.is_saved),
        };
        let saved = Saved { status, body, request_id: call.request_id.clone() };
        match &call.key {
            Some(key) if is_saved => account.keys.save(key, saved.clone()),
            Some(key) => account.keys.forget(key),
            None => {}
        }
        Done { saved, has_changed: account.world.changes > before }
    }

    fn note(&self, call: &Incoming, status: u16, effect: bool) {
        let Incoming { method, path, key, params, .. } = call;
        let (method, path, params) = (method.clone(), path.clone(), params.as_value());
        self.account().calls.push(Call { method, path, idempotency_key: key.clone(), params, status, effect });
    }

    fn refuse(&self, call: &Incoming, refusal: &Refusal) -> Response {
        self.note(call, refusal.status, false);
        let body = refusal.body().to_string();
        let saved = Saved { status: refusal.status, body, request_id: call.request_id.clone() };
        let mut response = written(&saved, call, false);
        if let Some(should_retry) = refusal.should_retry {
            let value = HeaderValue::from_static(if should_retry { "true" } else { "false" });
            response.headers_mut().insert("stripe-should-retry", value);
        }
        response
    }
}

impl Account {
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(now).unwrap_or_default() + self.ahead
    }
}

fn written(saved: &Saved, call: &Incoming, is_replay: bool) -> Response {
    let mut response = Response::builder()
        .status(saved.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("request-id", &call.request_id)
        .header("stripe-version", &call.version);
    if saved.status == 401 {
        response = response.header(header::WWW_AUTHENTICATE, "Basic realm=\"Stripe\"");
    }
    if let Some(key) = &call.key {
        response = response.header("idempotency-key", key).header("original-request", &saved.request_id);
    }
    if is_replay {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Body::from(saved.body.clone())).unwrap_or_default()
}
