//! platform on PostgreSQL and the stand-in for AWS, against servers that fail on purpose, and as whole processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests that cannot go on say so by panicking")]

mod after_response;
mod calls;
mod entry;
mod function;
mod gateway;
mod health;
mod logs;
mod metrics;
mod outbox;
mod postgres;
mod secrets;
mod telemetry;
mod triggers;

use std::time::Duration;

use platform::config::{Env, Secret};

/// The three seconds in which a hanging dependency is reported, and one more for a busy machine.
const IN_TIME: Duration = Duration::from_secs(4);
/// Ends a test that would otherwise wait for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// A secret with a literal value.
fn secret(value: &str) -> Secret {
    Env::from_pairs([("SECRET", value)]).secret("SECRET").unwrap()
}

/// Waits until a condition holds.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
