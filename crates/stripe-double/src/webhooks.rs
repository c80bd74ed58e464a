//! Posting events, signed over their raw bytes: <https://docs.stripe.com/webhooks>. First deliveries are made one after
//! another in the order of their events; repeats do not delay other events.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    faults::{Delivery, QueuedEvent},
    server::Shared,
    world::text,
};

/// The timeout of a receiver's answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pauses before an event that was not accepted is repeated. Stripe tries for three days.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_600),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// One client for all doubles of a process, made when the first event is posted: parsing root certificates is the main cost of a
/// client. It keeps no connections: a connection belongs to the runtime that opened it.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder()
        // A configured proxy cannot reach this machine, and Stripe follows no redirects.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT)
        .build()
        // Fails only where the TLS backend cannot start, in which case nothing here can work.
        .unwrap_or_default()
});

/// The header `Stripe-Signature` for a body that is sent at `at` (seconds since 1970).
pub fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[format!("{at}.").as_bytes(), body].concat());
    format!("t={at},v1={}", hex::encode(tag))
}

/// Delivers queued events until the double stops.
pub(crate) async fn deliver(shared: Arc<Shared>, mut events: mpsc::UnboundedReceiver<QueuedEvent>) {
    let mut held: Option<Value> = None;
    while let Some(QueuedEvent { event, fault }) = events.recv().await {
        match fault {
            Some(Delivery::Drop) => continue,
            Some(Delivery::Reorder) if held.is_none() => {
                held = Some(event);
                continue;
            }
            Some(Delivery::Delay { ms }) => {
                later(&shared, event, vec![Duration::from_millis(ms)]);
                continue;
            }
            Some(Delivery::Duplicate) => first(&shared, event.clone()).await,
            Some(Delivery::Reorder) | None => {}
        }
        first(&shared, event).await;
        if let Some(held) = held.take() {
            first(&shared, held).await;
        }
    }
}

async fn first(shared: &Arc<Shared>, event: Value) {
    if !post(shared, &event).await {
        later(shared, event, PAUSES.to_vec());
    }
}

/// Sends an event after each of these pauses until it is accepted.
fn later(shared: &Arc<Shared>, event: Value, pauses: Vec<Duration>) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        for pause in pauses {
            shared.rest(pause).await;
            if shared.is_stopped() || post(&shared, &event).await {
                return;
            }
        }
        tracing::warn!(event = text(&event, "id"), "event given up");
    });
}

/// Sends an event once; `true` when it was accepted.
pub(crate) async fn post(shared: &Shared, event: &Value) -> bool {
    let Some(url) = &shared.options.webhook_url else { return true };
    let (id, body) = (text(event, "id"), event.to_string());
    let signature = sign(&shared.options.webhook_secret, shared.now(), body.as_bytes());
    let request = HTTP.post(url).header("content-type", "application/json; charset=utf-8");
    match request.header("stripe-signature", signature).body(body).send().await {
        Ok(answer) if answer.status().is_success() => {
            shared.account().world.change(id, json!({ "pending_webhooks": 0 }));
            return true;
        }
        Ok(answer) => {
            tracing::info!(event = id, status = answer.status().as_u16(), "event not accepted by the receiver");
        }
        Err(error) => tracing::info!(event = id, %error, "event not delivered"),
    }
    false
}
