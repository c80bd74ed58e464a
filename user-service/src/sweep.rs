//! What the `sweep` trigger does: sends what the outbox still holds, and deletes what has ended. Bounded, and safe to run
//! many at once.

use common::timestamp::Timestamp;
use platform::{Service, TriggerError, outbox::Relayed, trigger::report};
use serde_json::{Value, json};

use crate::{App, carts, error::Error, limits, sessions};

/// How many batches of messages one sweep sends at most.
const BATCHES: usize = 20;

/// One sweep; says what it did.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    let now = Timestamp::now();
    app.database.wake().await?;
    let pool = app.database.pool().await?;
    // Each is done whatever becomes of the others: a table that cannot be cleared keeps no mail from being sent.
    let relayed = relay(app).await;
    let measured = app.outbox.measure().await;
    let sessions = sessions::store::delete_expired(pool, now).await;
    let attempts = limits::store::delete_old(pool, now).await;
    let carts = carts::store::delete_unused(pool, now).await;
    let clearings = carts::store::delete_old_clearings(pool, now).await;
    let Relayed { delivered, deferred } = relayed?;
    measured?;
    Ok(report(
        App::NAME,
        json!({
            "delivered": delivered, "deferred": deferred, "sessions_deleted": sessions?, "attempts_deleted": attempts?,
            "carts_deleted": carts?, "clearings_deleted": clearings?
        }),
    ))
}

/// Until nothing is due: what could not be sent is due again only later.
async fn relay(app: &App) -> Result<Relayed, Error> {
    let mut total = Relayed::default();
    for _ in 0..BATCHES {
        let batch = app.outbox.relay().await?;
        if batch == Relayed::default() {
            break;
        }
        total.delivered += batch.delivered;
        total.deferred += batch.deferred;
    }
    Ok(total)
}
