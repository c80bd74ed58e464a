//! The HTTP side: what goes wrong on purpose, the effect, and the answer. All state is behind one lock, which is never
//! held while anything waits.

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
    faults::{Answer, Kind},
    incoming::{Incoming, Judged, Reply},
    line::Cutter,
    options::Options,
    records::{Call, Record},
    sendgrid, ses,
    state::State,
    twilio,
    vendor::Vendor,
};

/// Longer than any caller waits.
const FOR_EVER: Duration = Duration::from_mins(10);
/// The largest body: SendGrid takes 30 MB.
const MAX_BODY: usize = 30 << 20;

/// What the servers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    state: Mutex<State>,
    is_stopped: watch::Sender<bool>,
    /// To whoever delivers what was taken; without one it stays as it was taken.
    courier: OnceLock<mpsc::UnboundedSender<Record>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, state: Mutex::default(), is_stopped: watch::Sender::new(false), courier: OnceLock::new() }
    }

    /// From now on what is taken is handed to this one. Only the first is listened to.
    pub(crate) fn employ(&self, courier: mpsc::UnboundedSender<Record>) {
        let _ = self.courier.set(courier);
    }

    /// Fails only when the doubles are being stopped.
    fn hand_to_courier(&self, record: &Record) {
        if let Some(courier) = self.courier.get() {
            let _ = courier.send(record.clone());
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

    /// Waits; no longer than the doubles run.
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
        let cutter = request.extensions().get::<ConnectInfo<Cutter>>().map(|info| info.0.clone()).unwrap_or_default();
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
                self.rest(FOR_EVER).await;
                cutter.cut();
            }
            Some(Kind::Late { ms }) => self.rest(latency + Duration::from_millis(ms)).await,
            Some(Kind::Answer(_)) | None => self.rest(latency).await,
        }
        written(reply)
    }

    /// Has the effect, unless it is to fail without, and writes the call down: before anything waits, so that a caller who
    /// hangs up changes nothing.
    fn work(&self, vendor: Vendor, call: &Incoming) -> (Reply, Option<Kind>) {
        let mut state = self.state();
        let fault = state.faults.entry(vendor).or_default().strike(call.method.as_str());
        let has_effect = match &fault {
            Some(Kind::Reset { after_effect } | Kind::Hang { after_effect }) => *after_effect,
            Some(Kind::Answer(answer)) => answer.after_effect,
            Some(Kind::Late { .. }) | None => true,
        };
        let mut taken = None;
        let mut reply = match has_effect.then(|| self.judge(vendor, &state, call)) {
            None => Reply { status: 0, headers: Vec::new(), body: Value::Null },
            Some(Ok(Judged::Read(reply)) | Err(reply)) => reply,
            Some(Ok(Judged::Send(record))) => {
                taken = Some(record.id.clone());
                let reply = self.taken(vendor, &record);
                self.hand_to_courier(&record);
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

    fn judge(&self, vendor: Vendor, state: &State, call: &Incoming) -> Result<Judged, Reply> {
        match vendor {
            Vendor::Sendgrid => sendgrid::judge(&self.options.sendgrid_key, state, call),
            Vendor::Twilio => twilio::judge(&self.options.twilio, state, call),
            Vendor::Ses => ses::judge(&self.options.configuration_sets, state, call),
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
    // Of a call that is not answered: the connection is cut before this leaves.
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
