//! Limits on open orders, held units and declined payments of one caller, recipient or source address, against holding stock
//! without paying and testing stolen cards (OWASP OAT-021 and OAT-001). The reasons: `docs/decisions/0017-abuse-limits.md`.

pub mod declines;
pub mod domain;
pub mod settings;
pub mod setups;
pub mod store;

use common::{contact::Email, http::RequestContext, timestamp::Timestamp};

use self::domain::Counters;
use crate::{app::App, error::Error, ids::Owner};

/// The counters of an attempt of `owner`: the caller's, that of the e-mail address that a guest gave, and that of the source
/// address, if known. A customer has no counter as recipient: the account's is enough.
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

/// Report of a sweep about counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CounterReport {
    /// Number of deleted counters, in which nothing is counted any more.
    pub expired: u64,
    /// Number of orders whose hashes were deleted.
    pub forgotten: u64,
    /// Number of counters that were corrected. Any is a fault of this service.
    pub repaired: usize,
}

/// Deletes expired counters, and compares the others with the open orders.
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
