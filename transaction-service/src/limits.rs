//! Limits on what one caller, recipient or source address may have open, hold and have declined, so that nobody empties
//! the shelves without paying or tries stolen cards here (OWASP OAT-021 and OAT-001). `docs/decisions/0017-abuse-limits.md`
//! says who is counted by what.

pub mod declines;
pub mod domain;
pub mod settings;
pub mod setups;
pub mod store;

use common::{contact::Email, http::RequestContext, timestamp::Timestamp};

use self::domain::Counters;
use crate::{app::App, error::Error, ids::Owner};

/// Under which counters an attempt of `owner` is counted: its caller's, that of the address which a guest gave (`email`),
/// and that of the network address it came from, where one is known. A customer is one recipient, so the account counts
/// for it.
pub async fn counters(
    app: &App,
    owner: Owner,
    email: Option<&Email>,
    context: &RequestContext,
) -> Result<Counters, Error> {
    let recipient = match (owner, email) {
        (Owner::Guest(_), Some(email)) => Some(app.fingerprints.recipient(email).await?),
        _ => None,
    };
    let source = match context.source() {
        Some(address) => Some(app.fingerprints.source(address).await?),
        None => None,
    };
    Ok(Counters { owner, recipient, source })
}

/// What the sweep did about counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CounterReport {
    /// Deleted, because nothing is counted in them any more.
    pub expired: u64,
    /// Orders whose hashes were forgotten.
    pub forgotten: u64,
    /// Set to what the open orders say. More than none is a fault of ours.
    pub repaired: usize,
}

/// Deletes counters that have had their time, and compares the rest with the open orders.
pub async fn sweep(app: &App, now: Timestamp) -> Result<CounterReport, Error> {
    let db = &app.database;
    setups::sweep(app, now).await?;
    let expired = store::delete_expired(db, now).await? + store::delete_expired_setups(db, now).await?;
    let forgotten = store::forget_closed(db, now.minus(app.limits.window)).await?;
    let wrong = store::wrong(db).await?;
    for counter in &wrong {
        tracing::error!(kind = counter.kind, "limit counter differs from the open orders; it is set to what they say");
        let mut tx = app.database.begin().await?;
        store::repair(&mut tx, counter, now.plus(app.limits.keep_for())).await?;
        tx.commit().await?;
    }
    Ok(CounterReport { expired, forgotten, repaired: wrong.len() })
}
