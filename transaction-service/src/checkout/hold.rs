//! The stock that an attempt may hold at product-service until it becomes an order. When the attempt ends without one (a
//! refusal, a service or the database that does not answer, the deadline, a panic, a client that hangs up), its stock is
//! released by a message in the outbox.
//!
//! A release is final: product-service remembers it, so that a reservation which arrives later is refused. It is sent only
//! for an attempt that has no order and can get none: the attempt is marked as ended in its owner's counter, which every
//! statement that makes an order has to take (`orders::store::insert`). So another request
//! with the same key either was first, and then has the stock, or is refused.

use std::sync::atomic::{AtomicBool, Ordering};

use common::timestamp::Timestamp;
use tokio::runtime::Handle;

use super::domain::Attempt;
use crate::{
    app::App,
    error::Error,
    ids::{OrderId, Owner},
    limits::store as limit_store,
    messages,
    orders::{domain::Order, store as order_store},
};

/// A guard for the stock of an attempt. Dropped while stock may be reserved, it ends the attempt in the background.
pub(super) struct Hold<'a> {
    app: &'a App,
    id: OrderId,
    owner: Owner,
    may_exist: AtomicBool,
}

impl<'a> Hold<'a> {
    /// The guard of an attempt that has reserved nothing yet.
    pub(super) fn of(app: &'a App, attempt: Attempt<'_>) -> Self {
        Self { app, id: attempt.id, owner: attempt.owner, may_exist: AtomicBool::new(false) }
    }

    /// From here on a reservation may exist, with or without an answer.
    pub(super) fn arm(&self) {
        self.may_exist.store(true, Ordering::Release);
    }

    /// No reservation exists that this attempt has to release.
    pub(super) fn disarm(&self) {
        self.may_exist.store(false, Ordering::Release);
    }

    /// Ends the attempt and commits the release of its stock before the client gets the refusal. Returns the order of its
    /// key when another request was first: then the stock is that order's.
    ///
    /// When the database does not answer, nothing is committed, and product-service releases the stock by itself after a
    /// day, unless the client repeats its request and takes the reservation over.
    pub(super) async fn end(self) -> Option<Order> {
        if !self.may_exist.load(Ordering::Acquire) {
            return None;
        }
        let ended = end(self.app, self.owner, self.id).await;
        self.disarm();
        ended.unwrap_or_else(|error| {
            tracing::error!(%error, order_id = %self.id, "stock not released; product-service frees it after a day");
            None
        })
    }
}

/// The future that had the guard was dropped before its end.
impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.may_exist.load(Ordering::Acquire) {
            return;
        }
        let (app, owner, id) = (self.app.clone(), self.owner, self.id);
        tracing::warn!(order_id = %id, "attempt cut off; its stock is released");
        self.app.cleanups.add(runtime.spawn(async move {
            if let Err(error) = end(&app, owner, id).await {
                tracing::error!(%error, order_id = %id, "stock not released; product-service frees it after a day");
            }
        }));
    }
}

async fn end(app: &App, owner: Owner, id: OrderId) -> Result<Option<Order>, Error> {
    let mut tx = app.database.begin().await?;
    limit_store::end_attempt(&mut tx, owner, id, &app.limits, Timestamp::now()).await?;
    // In a statement of its own, which sees what the statement that it waited for has saved.
    if let Some(order) = order_store::find(&mut *tx, id).await? {
        tx.rollback().await?;
        return Ok(Some(order));
    }
    app.outbox.enqueue(&mut tx, &[messages::release_stock(id)]).await?;
    tx.commit().await?;
    Ok(None)
}
