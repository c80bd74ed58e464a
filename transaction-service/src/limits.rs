//! Limits on what one caller, recipient or source address may have open, hold and have declined, so that nobody empties
//! the shelves without paying or tries stolen cards here (OWASP OAT-021 and OAT-001). `docs/decisions/0017-abuse-limits.md`
//! says who is counted by what.

pub mod declines;
pub mod domain;
pub mod setups;
pub mod store;

use std::{ops::RangeInclusive, time::Duration};

use common::{http::RequestContext, timestamp::Timestamp};
use platform::config::Env;

use self::domain::{Ceiling, Counters, Limits};
use crate::{App, checkout::domain::Attempt, error::Error, orders::domain::Owner};

/// What a limit may be set to.
const MOST: RangeInclusive<u32> = 1..=1_000_000;

/// Reads the settings; each has a default.
pub fn configure(env: &mut Env) -> Option<Limits> {
    let Limits { caller, source, declines_per_order, window } = Limits::default();
    let caller = ceiling(env, ["OPEN_ORDERS_PER_OWNER", "HELD_UNITS_PER_OWNER", "DECLINES_PER_OWNER"], caller);
    let source = ceiling(env, ["OPEN_ORDERS_PER_SOURCE", "HELD_UNITS_PER_SOURCE", "DECLINES_PER_SOURCE"], source);
    let declines_per_order = env.number_or("DECLINES_PER_ORDER", declines_per_order, MOST);
    // A day at most: counters are kept for longer.
    let window = env.number_or("DECLINE_WINDOW_MINUTES", window.as_secs() / 60, 1..=1_440).map(Duration::from_mins);
    Some(Limits { caller: caller?, source: source?, declines_per_order: declines_per_order?, window: window? })
}

fn ceiling(env: &mut Env, names: [&str; 3], default: Ceiling) -> Option<Ceiling> {
    let mut most = |name, default| env.number_or(name, default, MOST);
    let [open_orders, held_units, declines] =
        [most(names[0], default.open_orders), most(names[1], default.held_units), most(names[2], default.declines)];
    Some(Ceiling { open_orders: open_orders?, held_units: held_units?, declines: declines? })
}

/// Under which counters an attempt is counted: its caller's, that of the address which a guest gave, and that of the
/// network address it came from, where one is known. A customer is one recipient, so the account counts for it.
pub async fn counters(app: &App, attempt: Attempt<'_>, context: &RequestContext) -> Result<Counters, Error> {
    let recipient = match (attempt.owner, &attempt.request.email) {
        (Owner::Guest(_), Some(email)) => Some(app.fingerprints.recipient(email).await?),
        _ => None,
    };
    let source = match context.source() {
        Some(address) => Some(app.fingerprints.source(address).await?),
        None => None,
    };
    Ok(Counters { owner: attempt.owner, recipient, source })
}

/// What the sweep did about counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// Deleted, because nothing is counted in them any more.
    pub expired: u64,
    /// Orders whose hashes were forgotten.
    pub forgotten: u64,
    /// Set to what the open orders say. More than none is a fault of ours.
    pub repaired: usize,
}

/// Deletes counters that have had their time, and compares the rest with the open orders.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Swept, Error> {
    let pool = app.database.pool().await?;
    setups::sweep(app, now).await?;
    let expired = store::delete_expired(pool, now).await? + store::delete_expired_setups(pool, now).await?;
    let forgotten = store::forget_closed(pool, now.minus(app.limits.window)).await?;
    let wrong = store::wrong(pool).await?;
    for counter in &wrong {
        tracing::error!(kind = counter.kind, "limit counter differs from the open orders; it is set to what they say");
        let mut tx = app.database.begin().await?;
        store::repair(&mut tx, counter, now.plus(app.limits.keep_for())).await?;
        tx.commit().await?;
    }
    Ok(Swept { expired, forgotten, repaired: wrong.len() })
}
