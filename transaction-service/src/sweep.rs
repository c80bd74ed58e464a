//! Scheduled work: orders that a crash left unfinished or that were not paid in time, events that did not arrive, messages
//! that were not delivered. Bounded, and safe to run many times at once.

use std::time::Instant;

use common::timestamp::Timestamp;
use futures_util::{StreamExt, stream};
use platform::{
    TriggerError,
    metrics::{self, Metric},
    sweep::{RELAY_WITHIN, SweepReport},
};
use serde_json::Value;

use crate::{
    app::{App, NAME},
    error::Error,
    ids::OrderId,
    ledger::store as ledger_store,
    limits,
    orders::store as order_store,
    payments::{events, flow as payment_flow, refunds::compensate},
};

/// Most orders that one sweep settles.
const ORDERS: i64 = 50;
/// Number of newest ledger entries whose orders one sweep compares with their payments.
const BOOKED_LAST: i64 = 500;
/// Orders that are settled at once: each calls Stripe, and the pool has few connections.
const AT_ONCE: usize = 5;

/// One sweep. A step that fails is tried again by the next sweep; the other steps run all the same.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    app.database.wake().await?;
    let (now, until) = (Timestamp::now(), Instant::now() + RELAY_WITHIN);
    let mut report = SweepReport::of(NAME);
    report.note_all(events::catch_up(app, now).await);
    report.note("orders", due(app, now).await);
    report.note("counters", limits::sweep(app, now).await);
    report.note("messages", app.outbox.drain(until, |rejected| compensate(app, rejected)).await);
    report.note_all(app.outbox.measure().await);
    report.note_all(audit(app).await);
    report.finish()
}

/// Compares the ledger with the payments of the orders that were booked last. The database refuses entries that do not
/// balance; it does not see a payment whose amounts differ from its entries.
async fn audit(app: &App) -> Result<(), Error> {
    let differing = ledger_store::find_differing_orders(&app.database, BOOKED_LAST).await?;
    for order in &differing {
        tracing::error!(order_id = %order, "ledger and payment differ");
    }
    metrics::record(Metric::LedgerDifference, i64::try_from(differing.len()).unwrap_or(i64::MAX));
    Ok(())
}

/// Settles open orders that are due. Returns how many were closed.
async fn due(app: &App, now: Timestamp) -> Result<usize, Error> {
    let picked = order_store::claim_due(&app.database, ORDERS, now, now.plus(app.settings.lease)).await?;
    let settled = stream::iter(picked).map(|id| settled(app, id, now)).buffer_unordered(AT_ONCE);
    Ok(settled.filter(|is_settled| std::future::ready(*is_settled)).count().await)
}

async fn settled(app: &App, id: OrderId, now: Timestamp) -> bool {
    let settling = async {
        let order = order_store::find(&app.database, id).await?.ok_or(Error::NotFound)?;
        payment_flow::settle(app, order, now).await
    };
    match settling.await {
        Ok(order) => !order.state.is_open(),
        Err(error) => {
            tracing::error!(%error, order_id = %id, "order not settled; the next sweep tries again");
            false
        }
    }
}
