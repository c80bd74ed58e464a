//! The work nobody waits for: what a crash left half way, orders that were not paid in time, events that did not reach
//! us, messages that were not taken. Bounded, and safe to run many times at once.

use std::time::{Duration, Instant};

use common::timestamp::Timestamp;
use futures_util::{StreamExt, stream};
use platform::{
    TriggerError,
    metrics::{self, Metric},
};
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Error,
    ids::OrderId,
    ledger::store as ledger_store,
    limits,
    orders::store as order_store,
    payments::{
        events::{self, CaughtUp},
        flow as payment_flow,
        refunds::remedied,
    },
};

/// How many orders one sweep looks at.
const ORDERS: i64 = 50;
/// Of how many entries, the newest, one sweep compares the orders with their payments.
const BOOKED_LAST: i64 = 500;
/// How long after its beginning a sweep begins to send messages. A run may take a minute, and the books come after.
const RELAY_WITHIN: Duration = Duration::from_secs(40);
/// How many of them at once: each asks Stripe, and the pool has few connections.
const AT_ONCE: usize = 5;

/// One sweep. What fails of it is tried again by the next; the rest is done all the same.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    app.database.wake().await?;
    let (now, until) = (Timestamp::now(), Instant::now() + RELAY_WITHIN);
    let mut caught = CaughtUp::default();
    let events = events::catch_up(app, &mut caught, now).await;
    let orders = due(app, now).await;
    let counters = limits::sweep(app, now).await;
    let relayed = app.outbox.drain(until, |undelivered| remedied(app, undelivered)).await;
    let measured = app.outbox.measure().await;
    let audited = audit(app).await;
    let swept = json!({ "events": caught.applied, "passed_over": caught.passed_over,
        "orders": *orders.as_ref().unwrap_or(&0), "counters": *counters.as_ref().unwrap_or(&limits::Swept::default()),
        "messages": *relayed.as_ref().unwrap_or(&platform::outbox::Relayed::default()) });
    events?;
    orders?;
    counters?;
    relayed?;
    measured?;
    audited?;
    Ok(swept)
}

/// Compares the ledger with the payments of the orders that were booked last. The database refuses entries that do not
/// balance; what it cannot see is a payment that says something else than its entries.
async fn audit(app: &App) -> Result<(), Error> {
    let differing = ledger_store::differing(app.database.pool().await?, BOOKED_LAST).await?;
    for order in &differing {
        tracing::error!(order_id = %order, "ledger and payment differ");
    }
    metrics::record(Metric::LedgerDifference, i64::try_from(differing.len()).unwrap_or(i64::MAX));
    Ok(())
}

/// Goes on with open orders that are due. Answers how many came to an end.
async fn due(app: &App, now: Timestamp) -> Result<usize, Error> {
    let pool = app.database.pool().await?;
    let picked = order_store::pick_due(pool, ORDERS, now, now.plus(app.terms.lease)).await?;
    let settled = stream::iter(picked).map(|id| settled(app, id, now)).buffer_unordered(AT_ONCE);
    Ok(settled.filter(|is_settled| std::future::ready(*is_settled)).count().await)
}

async fn settled(app: &App, id: OrderId, now: Timestamp) -> bool {
    let settling = async {
        let order = order_store::find(app.database.pool().await?, id).await?.ok_or(Error::NotFound)?;
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
