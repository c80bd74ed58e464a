//! A double of Stripe with fault injection, for development and tests: an HTTP server that behaves as Stripe documents it where
//! common doubles do not.
//!
//! # Faithful
//!
//! - Idempotency keys: answers are replayed byte for byte, failures included; other parameters or another endpoint are an
//!   error, and so is a key in use; a call that was refused before it began is not saved; keys expire after a day.
//! - PaymentIntents and SetupIntents in all their states, Stripe's test cards (also once they are saved), 3-D Secure with
//!   a simulated cardholder, manual and partial capture, refunds up to the captured amount.
//! - Refunds that are pending, succeed later, or fail after they succeeded; disputes from inquiry to decision; the balance
//!   transaction of each movement, with Stripe's fees. Delayed effects follow the double's clock.
//! - A payment method belongs to one customer; one that was used without a customer may not be used again.
//! - Form-encoded parameters, unknown and missing ones refused by name, `expand[]`, lists with Stripe's paging.
//! - Objects with the members of Stripe's published examples, errors in Stripe's words where those are known.
//! - Events of changes with `previous_attributes`.
//! - Webhooks signed over their raw bytes, in the order of their events, repeated until accepted; and `/v1/events`, which
//!   has every event, also when its delivery was lost.
//!
//! # Left out
//!
//! - All that is not about taking one payment with a card. Unsupported parameters are refused as unknown instead
//!   of being ignored, but for a few that make no difference (`payment_method_options`, `mandate_data`).
//! - Money arrives at once, and a charge has its balance transaction at once; payouts. Nothing passes through `processing`.
//! - `/v1/payment_intents/search` knows `metadata['name']:'value'` only, and lags behind where that is configured; what has
//!   been found once is found in its current state.
//! - Objects have one shape, that of [`API_VERSION`], whatever version is asked for.
//! - Rate limits and locks (429) unless they are injected. Events that were not accepted are repeated for some seconds
//!   instead of three days. State is in memory.
//!
//! # Control
//!
//! Below `/_double/`, JSON, without a key:
//!
//! | call | what it does |
//! | --- | --- |
//! | `POST faults` | a [`Fault`] of calls, or with `"kind": "event"` an [`EventFault`] of deliveries |
//! | `DELETE faults` | removes all faults |
//! | `POST {payment_intents,setup_intents}/{id}/confirm` | acts as a frontend with the client secret |
//! | `POST {payment_intents,setup_intents}/{id}/authenticate` | acts as the cardholder: `{"outcome": "approve"}` or `"refuse"` |
//! | `POST dashboard/...` | acts as the account's owner in the dashboard, as `POST /v1/...` with JSON: `dashboard/refunds` |
//! | `POST objects/{id}` | `{"members": {...}, "event": type}`: sets members of an object that the double itself would not set |
//! | `POST refunds/{id}/settle` | acts as the bank: `{"status": "failed", "failure_reason": "..."}`, `succeeded`, `pending`, `requires_action` or `canceled` |
//! | `POST disputes` | `{"payment_intent": id}`: its cardholder disputes the charge; with `amount`, `reason`, `inquiry` |
//! | `POST disputes/{id}/decide` | acts as the bank: `{"outcome": "won"}`, `lost` or, of an inquiry, `warning_closed` |
//! | `POST disputes/{id}/escalate` | acts as the bank, which turns an inquiry into a chargeback |
//! | `POST search` | `{"lag_seconds": 60}`: from now on, search does not find PaymentIntents that are younger |
//! | `POST clock` | `{"advance_seconds": 60}`: advances the clock and applies effects that are due |
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
mod connection;
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
    connection::{ConnectionCutter, Connections},
    form::Params,
    server::Shared,
};

/// The action of a simulated cardholder at 3-D Secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// The cardholder authenticates.
    Approve,
    /// The cardholder refuses.
    Refuse,
}

/// A running double. It stops with this value.
#[derive(Debug)]
pub struct StripeDouble {
    base: String,
    shared: Arc<Shared>,
    connections: ConnectionCutter,
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
        let connections = ConnectionCutter::default();
        let listener = Connections { listener, all: connections.clone() };
        let serving = async move {
            let service = router.into_make_service_with_connect_info::<ConnectionCutter>();
            let _ = axum::serve(listener, service).await;
        };
        let tasks = vec![tokio::spawn(serving), tokio::spawn(webhooks::deliver(Arc::clone(&shared), to_deliver))];
        Ok(Self { base, shared, connections, tasks })
    }

    /// `http://127.0.0.1:<port>`, in place of `https://api.stripe.com`.
    pub fn base(&self) -> String {
        self.base.clone()
    }

    /// The key that callers must present.
    pub fn secret_key(&self) -> &str {
        &self.shared.options.secret_key
    }

    /// The secret that signs events.
    pub fn webhook_secret(&self) -> &str {
        &self.shared.options.webhook_secret
    }

    /// Injects a fault into calls.
    pub fn inject(&self, fault: Fault) {
        self.shared.account().faults.set(fault);
    }

    /// Injects a fault into deliveries of events.
    pub fn inject_for_events(&self, fault: EventFault) {
        self.shared.account().faults.set_for_events(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.shared.account().faults.clear();
    }

    /// Acts as the cardholder who authenticates a PaymentIntent or SetupIntent. Returns the intent, or Stripe's error when no
    /// authentication is pending or the card is declined.
    pub fn play(&self, id: &str, play: Play) -> Result<Value, Value> {
        let work = |world: &mut world::World| plays::authenticate(world, id, play == Play::Approve);
        self.shared.execute((None, None), work).map_err(|refusal| refusal.body())
    }

    /// Does the same as a `POST` of the control route `path` with this body.
    pub fn control(&self, path: &str, body: Value) -> Result<Value, Value> {
        let work = |world: &mut world::World| plays::play(world, path, Params::of(body));
        self.shared.execute((None, None), work).map_err(|refusal| refusal.body())
    }

    /// Advances its clock, by which delayed effects happen and keys expire.
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
        self.connections.cut();
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
