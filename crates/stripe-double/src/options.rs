//! How a double is set up.

use std::time::Duration;

use crate::world::random;

/// How a double is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens on 127.0.0.1; 0 for a free port.
    pub port: u16,
    /// Address to which events are posted; none are without it.
    pub webhook_url: Option<String>,
    /// The key that callers must present.
    pub secret_key: String,
    /// The secret that signs events.
    pub webhook_secret: String,
    /// The delay of each call before its effect.
    pub api_latency: Duration,
    /// How long a new PaymentIntent is not found by search; at Stripe up to a minute, in an outage an hour.
    pub search_lag: Duration,
}

impl Default for Options {
    /// A free port, fresh secrets, no webhooks, no latency.
    fn default() -> Self {
        Self {
            port: 0,
            webhook_url: None,
            secret_key: format!("sk_test_{}", random(24)),
            webhook_secret: format!("whsec_{}", random(32)),
            api_latency: Duration::ZERO,
            search_lag: Duration::ZERO,
        }
    }
}
