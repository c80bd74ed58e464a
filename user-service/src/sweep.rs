//! What the `sweep` trigger does: sends what the outbox still holds, and deletes what has ended. Bounded, and safe to run
//! many at once.

use std::time::{Duration, Instant};

use common::timestamp::Timestamp;
use platform::{
    TriggerError,
    outbox::{Relayed, no_remedy},
    trigger::report,
};
use serde_json::{Value, json};

use crate::{
    app::{App, NAME},
    carts::store as cart_store,
    limits::store as limit_store,
    sessions::store as session_store,
};

/// How long after its beginning a sweep begins to send messages. A run may take a minute, and deletes what has ended after.
const RELAY_WITHIN: Duration = Duration::from_secs(40);

/// One sweep; says what it did.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    app.database.wake().await?;
    let (now, until) = (Timestamp::now(), Instant::now() + RELAY_WITHIN);
    let pool = app.database.pool().await?;
    // Each is done whatever becomes of the others: a table that cannot be cleared keeps no mail from being sent.
    let relayed = app.outbox.drain(until, no_remedy).await;
    let measured = app.outbox.measure().await;
    let sessions = session_store::delete_expired(pool, now).await;
    let attempts = limit_store::delete_old(pool, now).await;
    let carts = cart_store::delete_unused(pool, now).await;
    let clearings = cart_store::delete_old_clearings(pool, now).await;
    let Relayed { delivered, deferred, given_up } = relayed?;
    measured?;
    Ok(report(
        NAME,
        json!({
            "delivered": delivered, "deferred": deferred, "given_up": given_up, "sessions_deleted": sessions?,
            "attempts_deleted": attempts?, "carts_deleted": carts?, "clearings_deleted": clearings?
        }),
    ))
}
