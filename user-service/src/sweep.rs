//! The `sweep` trigger: sends messages that the outbox still holds, and deletes expired rows. Does bounded work;
//! several sweeps may run at once.

use std::time::Instant;

use common::timestamp::Timestamp;
use platform::{
    TriggerError,
    outbox::no_compensation,
    sweep::{RELAY_WITHIN, SweepReport},
};
use serde_json::Value;

use crate::{
    app::{App, NAME},
    carts::store as cart_store,
    limits::store as limit_store,
    sessions::store as session_store,
};

/// Runs one sweep; returns the counts of what it did.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    app.database.wake().await?;
    let (now, until) = (Timestamp::now(), Instant::now() + RELAY_WITHIN);
    let db = &app.database;
    let mut report = SweepReport::of(NAME);
    report.note_all(app.outbox.drain(until, no_compensation).await);
    report.note_all(app.outbox.measure().await);
    report.note("sessions_deleted", session_store::delete_expired(db, now).await);
    report.note("attempts_deleted", limit_store::delete_old(db, now).await);
    report.note("carts_deleted", cart_store::delete_unused(db, now).await);
    report.note("clearings_deleted", cart_store::delete_old_clearings(db, now).await);
    report.finish()
}
