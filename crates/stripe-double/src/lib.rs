//! A Stripe to run at home and to break on purpose: an HTTP server that behaves as Stripe documents it where the common
//! doubles do not.
//!
//! # Faithful
//!
//! - Idempotency keys: answers are replayed byte for byte, failures included; other parameters or another endpoint are an
//!   error; a key in use is told so; what was refused before it began is not saved; keys are forgotten after a day.
//! - PaymentIntents and SetupIntents in all their states, Stripe's test cards (also once they are saved), 3-D Secure with
//!   somebody who plays the cardholder, manual and partial capture, refunds never above what was taken.
//! - Refunds that are pending, succeed later, or fail after they succeeded; disputes from inquiry to decision; the balance
//!   transaction of each movement, with Stripe's fees. What takes time happens when this double's clock says so.
//! - A payment method belongs to one customer; one that was used without a customer may not be used again.
//! - Form-encoded parameters, unknown and missing ones refused by name, `expand[]`, lists with Stripe's paging.
//! - Objects with the members of Stripe's published examples, errors in Stripe's words where those are known.
//! - Events of changes with `previous_attributes`.
//! - Webhooks signed over their raw bytes, in the order of what happened, repeated until taken; and `/v1/events`, which
//!   has every event also where its delivery was lost.
//!
//! # Left out
//!
//! - All that is not about taking one payment with a card. Parameters that are not played are refused as unknown instead
//!   of being swallowed, but for a few that make no difference (`payment_method_options`, `mandate_data`).
//! - Money arrives at once, and a charge has its balance transaction at once; payouts. Nothing passes through `processing`.
//! - `/v1/payment_intents/search` knows `metadata['name']:'value'` only, and lags behind where that is asked for; what has
//!   been found once, is found as it is now.
//! - Objects have one shape, that of [`API_VERSION`], whatever version is asked for.
//! - Rate limits and locks (429) unless they are injected. Events that were not taken are repeated for some seconds
//!   instead of three days. State is in memory.
//!
//! # Control
//!
//! Below `/_double/`, JSON, without a key:
//!
//! | call | what it does |
//! | --- | --- |
//! | `POST faults` | a [`Fault`] of calls, or with `"kind": "event"` an [`EventFault`] of deliveries |
//! | `DELETE faults` | heals everything |
//! | `POST {payment_intents,setup_intents}/{id}/confirm` | what a frontend does with the client secret |
//! | `POST {payment_intents,setup_intents}/{id}/authenticate` | the cardholder: `{"outcome": "approve"}` or `"refuse"` |
//! | `POST dashboard/...` | what the account's owner does with the account's key, as `POST /v1/...` with JSON: `dashboard/refunds` |
//! | `POST objects/{id}` | `{"members": {...}, "event": type}`: Stripe says of an object what the double would not |
//! | `POST refunds/{id}/settle` | the bank: `{"status": "failed", "failure_reason": "..."}`, `succeeded`, `pending`, `requires_action` or `canceled` |
//! | `POST disputes` | `{"payment_intent": id}`: its cardholder disputes the charge; with `amount`, `reason`, `inquiry` |
//! | `POST disputes/{id}/decide` | the bank: `{"outcome": "won"}`, `lost` or, of an inquiry, `warning_closed` |
//! | `POST disputes/{id}/escalate` | the bank makes a chargeback of an inquiry |
//! | `POST search` | `{"lag_seconds": 60}`: from now on, search does not find PaymentIntents that are younger |
//! | `POST clock` | `{"advance_seconds": 60}`: lets time pass, and what is due happen |
//! | `POST webhooks` | `{"enabled": false}`: from now on, events are not posted |
//! | `POST webhooks/redeliver` | `{"event": id}`: posts it once more |
//! | `GET calls`, `GET state` | each [`Call`] so far; how many objects there are, and each payment in a few words |

// The objects of Stripe have more members than the compiler expands by default.
#![recursion_limit = "256"]

mod addresses;
mod amounts;
mod balance;
mod call;
mod cards;
mod charges;
mod control;
mod customers;
mod disputes;
mod due;
mod events;
mod expand;
mod faults;
mod form;
mod idempotency;
mod incoming;
mod intents;
mod line;
mod options;
mod paging;
mod payment_intents;
mod payment_methods;
mod plays;
mod refunds;
mod refusal;
mod routes;
mod server;
mod setup_intents;
mod webhooks;
mod world;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

pub use self::{
    call::Call,
    faults::{CallFault, Delivery, EventFault, Fault},
    options::Options,
    webhooks::sign,
    world::API_VERSION,
};
use self::{
    form::Params,
    line::{Lines, Scissors},
    server::Shared,
};

/// What a cardholder does at 3-D Secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// They prove who they are.
    Approve,
    /// They do not.
    Refuse,
}

/// A running double. It stops with this value.
#[derive(Debug)]
pub struct StripeDouble {
    base: String,
    shared: Arc<Shared>,
    lines: Scissors,
    tasks: Vec<JoinHandle<()>>,
}

impl StripeDouble {
    /// Starts one; panics when its port is taken.
    pub async fn start(options: Options) -> Self {
        match Self::try_start(options).await {
            Ok(double) => double,
            Err(error) => panic!("the double of Stripe cannot listen: {error}"),
        }
    }

    /// Starts one.
    pub async fn try_start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], options.port))).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let (events, to_deliver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(options, events));
        let router = router(Arc::clone(&shared));
        let lines = Scissors::default();
        let listener = Lines { listener, all: lines.clone() };
        let serving = async move {
            let service = router.into_make_service_with_connect_info::<Scissors>();
            let _ = axum::serve(listener, service).await;
        };
        let tasks = vec![tokio::spawn(serving), tokio::spawn(webhooks::deliver(Arc::clone(&shared), to_deliver))];
        Ok(Self { base, shared, lines, tasks })
    }

    /// `http://127.0.0.1:<port>`, in place of `https://api.stripe.com`.
    pub fn base(&self) -> String {
        self.base.clone()
    }

    /// What callers must present.
    pub fn secret_key(&self) -> &str {
        &self.shared.options.secret_key
    }

    /// What events are signed with.
    pub fn webhook_secret(&self) -> &str {
        &self.shared.options.webhook_secret
    }

    /// Breaks calls.
    pub fn inject(&self, fault: Fault) {
        self.shared.account().faults.set(fault);
    }

    /// Breaks deliveries of events.
    pub fn inject_for_events(&self, fault: EventFault) {
        self.shared.account().faults.set_for_events(fault);
    }

    /// Heals everything.
    pub fn heal(&self) {
        self.shared.account().faults.clear();
    }

    /// Plays the cardholder who is asked for a PaymentIntent or SetupIntent. The intent as it is then, or Stripe's error:
    /// nobody is asked, or the card is declined after all.
    pub fn play(&self, id: &str, play: Play) -> Result<Value, Value> {
        let work = |world: &mut world::World| plays::authenticate(world, id, play == Play::Approve);
        self.shared.execute((None, None), work).map_err(|refusal| refusal.body())
    }

    /// Does what a `POST` of the control route `path` does with this body; the answer, or the error.
    pub fn control(&self, path: &str, body: Value) -> Result<Value, Value> {
        let work = |world: &mut world::World| plays::play(world, path, Params::of(body));
        self.shared.execute((None, None), work).map_err(|refusal| refusal.body())
    }

    /// Lets time pass for it: keys are forgotten after a day.
    pub fn advance(&self, by: Duration) {
        self.shared.advance(by);
    }

    /// The calls so far, in the order of their answers.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.account().calls.clone()
    }

    /// All charges, newest first.
    pub fn charges(&self) -> Vec<Value> {
        self.all("charge")
    }

    /// All objects of a kind (`payment_intent`, `refund`, ...), newest first.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.shared.account().world.all(kind).cloned().collect()
    }

    /// Stops it; its port is free afterwards and no connection is answered any more.
    pub async fn stop(mut self) {
        self.halt();
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
    }

    fn halt(&self) {
        self.shared.stop();
        self.lines.cut();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for StripeDouble {
    fn drop(&mut self) {
        self.halt();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(async move |request: Request| {
        let Some(control) = request.uri().path().strip_prefix("/_double/").map(str::to_owned) else {
            return shared.answer(request).await;
        };
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        control::answer(&shared, &parts.method, &control, &body).await
    })
}
