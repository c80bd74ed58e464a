//! Queued and running invocations, and the extensions that must be idle before the next one starts.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvokeError {
    /// The function answered with an error, or could not start.
    #[error("the function failed: {kind}: {message}")]
    Function {
        /// `errorType` as the function reported it.
        kind: String,
        /// `errorMessage` as the function reported it.
        message: String,
    },
    /// No answer within the invocation's time.
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    /// The function's process ended before it answered.
    #[error("the function's process is gone: {0}")]
    ProcessGone(String),
}

type Answer = Result<Value, InvokeError>;

/// An event for the function, queued or running.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) payload: Value,
    pub(crate) deadline_ms: u128,
    pub(crate) trace: String,
}

/// A registered extension. It is idle from its call for the next event until it gets one.
#[derive(Debug)]
struct Extension {
    wants_invoke: bool,
    idle: bool,
    events: VecDeque<Value>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Invocation>,
    callers: HashMap<String, oneshot::Sender<Answer>>,
    extensions: HashMap<String, Extension>,
    gone: Option<InvokeError>,
}

#[derive(Debug)]
pub(crate) struct Invocations {
    state: Mutex<State>,
    changed: Notify,
    first_poll: watch::Sender<Option<Instant>>,
    function_name: Mutex<String>,
}

impl Invocations {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            first_poll: watch::Sender::new(None),
            function_name: Mutex::new("function".to_owned()),
        }
    }

    pub(crate) async fn invoke(&self, payload: Value, timeout: Duration) -> Answer {
        let (caller, answer) = oneshot::channel();
        {
            let mut state = self.state();
            if let Some(gone) = &state.gone {
                return Err(gone.clone());
            }
            let invocation = Invocation::new(payload, timeout);
            state.callers.insert(invocation.id.clone(), caller);
            state.queue.push_back(invocation);
        }
        self.changed.notify_waiters();
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(InvokeError::ProcessGone("the runtime API was stopped".to_owned())),
            Err(_) => Err(InvokeError::TimedOut(timeout)),
        }
    }

    /// The runtime's long poll.
    pub(crate) async fn next(&self) -> Invocation {
        self.first_poll.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert_with(Instant::now);
            is_first
        });
        self.when(State::hand_out).await
    }

    /// An extension's long poll; `None` for an unknown identifier.
    pub(crate) async fn next_event(&self, extension: &str) -> Option<Value> {
        self.state().extensions.get_mut(extension)?.idle = true;
        self.changed.notify_waiters();
        self.when(|state| match state.extensions.get_mut(extension) {
            None => Some(None),
            Some(extension) => {
                let event = extension.events.pop_front()?;
                Some(Some(event))
            }
        })
        .await
    }

    /// The identifier of a new extension; `None` once the runtime has polled, as registration is part of starting.
    pub(crate) fn register(&self, wants_invoke: bool) -> Option<String> {
        if self.first_poll.borrow().is_some() {
            return None;
        }
        let id = Uuid::new_v4().to_string();
        let extension = Extension { wants_invoke, idle: false, events: VecDeque::new() };
        self.state().extensions.insert(id.clone(), extension);
        Some(id)
    }

    /// Passes an answer to its caller; `false` when no invocation with this id is running. Succeeds also when the caller has given up.
    pub(crate) fn answer(&self, id: &str, answer: Answer) -> bool {
        let caller = self.state().callers.remove(id);
        caller.is_some_and(|caller| {
            let _ = caller.send(answer);
            true
        })
    }

    /// Fails all waiting and later invocations with `reason`. Of several reasons the first is kept.
    pub(crate) fn abandon(&self, reason: InvokeError) {
        let mut state = self.state();
        let reason = state.gone.get_or_insert(reason).clone();
        state.queue.clear();
        for (_, caller) in state.callers.drain() {
            let _ = caller.send(Err(reason.clone()));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the function is gone, and returns the reason.
    pub(crate) async fn gone(&self) -> InvokeError {
        self.when(|state| state.gone.clone()).await
    }

    pub(crate) fn function_name(&self) -> String {
        self.function_name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_function_name(&self, name: &str) {
        name.clone_into(&mut self.function_name.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) async fn first_poll(&self) -> Instant {
        let mut polls = self.first_poll.subscribe();
        loop {
            if let Some(instant) = *polls.borrow_and_update() {
                return instant;
            }
            // The sender lives as long as `self`, so this ends by a poll only.
            let _ = polls.changed().await;
        }
    }

    /// Waits until `attempt` returns a value.
    async fn when<T>(&self, mut attempt: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Subscribes before the attempt, so that a change between the two is not missed.
            changed.as_mut().enable();
            if let Some(found) = attempt(&mut self.state()) {
                self.changed.notify_waiters();
                return found;
            }
            changed.await;
        }
    }

    /// Every change is made in one step, so a panic elsewhere leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The oldest invocation whose caller still waits, once all extensions have finished the one before.
    fn hand_out(&mut self) -> Option<Invocation> {
        if self.extensions.values().any(|extension| !extension.idle) {
            return None;
        }
        while let Some(invocation) = self.queue.pop_front() {
            let awaited = self.callers.get(&invocation.id).is_some_and(|caller| !caller.is_closed());
            if awaited {
                self.announce(&invocation);
                return Some(invocation);
            }
            self.callers.remove(&invocation.id);
        }
        None
    }

    fn announce(&mut self, invocation: &Invocation) {
        for extension in self.extensions.values_mut().filter(|extension| extension.wants_invoke) {
            extension.idle = false;
            extension.events.push_back(json!({
                "eventType": "INVOKE",
                "deadlineMs": u64::try_from(invocation.deadline_ms).unwrap_or(u64::MAX),
                "requestId": invocation.id,
                "invokedFunctionArn": FUNCTION_ARN,
                "tracing": { "type": "X-Amzn-Trace-Id", "value": invocation.trace },
            }));
        }
    }
}

impl Invocation {
    fn new(payload: Value, timeout: Duration) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline_ms = (since_epoch + timeout).as_millis();
        let random = Uuid::new_v4().simple().to_string();
        let trace =
            format!("Root=1-{:08x}-{};Parent={};Sampled=0", since_epoch.as_secs(), &random[..24], &random[16..]);
        Self { id: Uuid::new_v4().to_string(), payload, deadline_ms, trace }
    }
}

/// AWS's documentation uses this account number for examples.
pub(crate) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:at-home";
