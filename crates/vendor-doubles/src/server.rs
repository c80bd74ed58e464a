//! The HTTP side: faults, effects and answers. All state is behind one lock, which is never held across an await.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use http::header;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::{
    connection::ConnectionCutter,
    faults::{Answer, Kind},
    incoming::{Decision, Incoming, Reply},
    options::Options,
    records::{Call, Record},
    sendgrid, ses,
    state::State,
    twilio,
    vendor::Vendor,
};

/// How long a hanging call waits: longer than any caller.
const HANG: Duration = Duration::from_mins(10);
/// The largest body: SendGrid takes 30 MB.
const MAX_BODY: usize = 30 << 20;

/// The state that the servers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    state: Mutex<State>,
    is_stopped: watch::Sender<bool>,
    /// The channel to the delivery task; without it messages keep their first state.
    deliveries: OnceLock<mpsc::UnboundedSender<Record>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, state: Mutex::default(), is_stopped: watch::Sender::new(false), deliveries: OnceLock::new() }
    }

    /// Sets the channel to the delivery task, once.
    pub(crate) fn deliver_through(&self, deliveries: mpsc::UnboundedSender<Record>) {
        let _ = self.deliveries.set(deliveries);
    }

    /// Fails only while the doubles are being stopped.
    fn queue_delivery(&self, record: &Record) {
        if let Some(deliveries) = self.deliveries.get() {
            let _ = deliveries.send(record.clone());
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_status(&self, id: &str, status: &str) -> bool {
        let mut state = self.state();
        let found = state.records.iter_mut().find(|record| record.id == id);
        found.map(|record| status.clone_into(&mut record.status)).is_some()
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.send_replace(true);
    }

    /// Waits, until the doubles stop at the latest.
    async fn rest(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let mut is_stopped = self.is_stopped.subscribe();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {}
        }
    }

    /// Answers a call of a vendor's API.
    pub(crate) async fn answer(self: Arc<Self>, vendor: Vendor, request: Request) -> Response {
        let cutter =
            request.extensions().get::<ConnectInfo<ConnectionCutter>>().map(|info| info.0.clone()).unwrap_or_default();
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
            return written(failed(vendor, &Answer::status(413)));
        };
        let call = Incoming {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            body,
            headers: parts.headers,
        };
        let (reply, fault) = self.work(vendor, &call);
        let latency = self.options.latency;
        match fault {
            Some(Kind::Reset { .. }) => cutter.cut(),
            Some(Kind::Hang { .. }) => {
                self.rest(HANG).await;
                cutter.cut();
            }
            Some(Kind::Late { ms }) => self.rest(latency + Duration::from_millis(ms)).await,
            Some(Kind::Answer(_)) | None => self.rest(latency).await,
        }
        written(reply)
    }

    /// Applies the effect, unless a fault prevents it, and records the call. It never awaits, so that a caller who hangs up cannot
    /// interrupt it.
    fn work(&self, vendor: Vendor, call: &Incoming) -> (Reply, Option<Kind>) {
        let mut state = self.state();
        let fault = state.faults.entry(vendor).or_default().strike(call.method.as_str());
        let has_effect = match &fault {
            Some(Kind::Reset { after_effect } | Kind::Hang { after_effect }) => *after_effect,
            Some(Kind::Answer(answer)) => answer.after_effect,
            Some(Kind::Late { .. }) | None => true,
        };
        let mut taken = None;
        let mut reply = match has_effect.then(|| self.decide(vendor, &state, call)) {
            None => Reply { status: 0, headers: Vec::new(), body: Value::Null },
            Some(Ok(Decision::Read(reply)) | Err(reply)) => reply,
            Some(Ok(Decision::Send(record))) => {
                taken = Some(record.id.clone());
                let reply = self.taken(vendor, &record);
                self.queue_delivery(&record);
                state.records.push(*record);
                reply
            }
        };
        if let Some(Kind::Answer(answer)) = &fault {
            reply = failed(vendor, answer);
            reply.headers.extend(answer.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        }
        let is_answered = !matches!(fault, Some(Kind::Reset { .. } | Kind::Hang { .. }));
        state.calls.push(Call {
            vendor,
            method: call.method.to_string(),
            path: call.path.clone(),
            status: if is_answered { reply.status } else { 0 },
            is_taken: taken.is_some(),
            message: taken,
            fault: fault.as_ref().map(Kind::name),
            complaint: (reply.status >= 400).then(|| reply.body.to_string()),
        });
        (reply, fault)
    }

    fn decide(&self, vendor: Vendor, state: &State, call: &Incoming) -> Result<Decision, Reply> {
        match vendor {
            Vendor::Sendgrid => sendgrid::decide(&self.options.sendgrid_key, state, call),
            Vendor::Twilio => twilio::decide(&self.options.twilio, state, call),
            Vendor::Ses => ses::decide(&self.options.configuration_sets, state, call),
        }
    }

    fn taken(&self, vendor: Vendor, record: &Record) -> Reply {
        match vendor {
            Vendor::Sendgrid => sendgrid::taken(record),
            Vendor::Twilio => twilio::taken(&self.options.twilio, record),
            Vendor::Ses => ses::taken(record),
        }
    }
}

/// An error in the vendor's own form.
fn failed(vendor: Vendor, answer: &Answer) -> Reply {
    match vendor {
        Vendor::Sendgrid => sendgrid::failed(answer),
        Vendor::Twilio => twilio::failed(answer),
        Vendor::Ses => ses::failed(answer),
    }
}

fn written(reply: Reply) -> Response {
    // Status 0: the connection is cut before this answer is sent.
    let status = if reply.status == 0 { 500 } else { reply.status };
    let mut response = Response::builder().status(status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = match reply.body {
        Value::Null => Body::empty(),
        body => {
            response = response.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
    };
    response.body(body).unwrap_or_default()
}
