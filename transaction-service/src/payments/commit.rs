//! Saving a changed order with all that follows: one commit, on the condition that the order was not changed in between.

use common::timestamp::Timestamp;
use platform::{
    metrics::{self, Metric},
    outbox::Message,
};

use super::store;
use crate::{
    app::App,
    error::Error,
    ledger::{domain::Booking, store as ledger_store},
    orders::{
        domain::{Order, State},
        store as order_store,
        view::OrderView,
    },
};

/// What is saved in the commit of an order.
#[derive(Debug, Default)]
pub struct Effects<'a> {
    /// Bookings in the ledger.
    pub bookings: &'a [Booking],
    /// Messages to the other services.
    pub messages: &'a [Message],
    /// Objects seen at Stripe: id and status.
    pub seen: &'a [(String, String)],
}

/// Result of saving an order.
#[derive(Debug)]
pub enum Written {
    /// The order is saved.
    Done(Order),
    /// Another request changed the order first; nothing was saved, and this is the order as it is now.
    Overtaken(Order),
}

impl Written {
    /// The order as it is saved, by this request or another.
    pub fn order(self) -> Order {
        let (Self::Done(order) | Self::Overtaken(order)) = self;
        order
    }
}

/// Saves a changed order with its bookings, messages and seen objects.
pub async fn write(
    app: &App,
    before: &Order,
    mut after: Order,
    with: Effects<'_>,
    now: Timestamp,
) -> Result<Written, Error> {
    // A pending order has no answer: its payment has no result yet.
    if after.answer.is_none() && after.state != State::Pending {
        let answer = serde_json::to_string(&OrderView::from(&after));
        after.answer = Some(answer.map_err(|error| Error::Corrupt(error.to_string()))?);
    }
    let mut tx = app.database.begin().await?;
    if !order_store::save(&mut tx, before, &after, &app.limits).await? {
        tx.rollback().await?;
        let order = order_store::find(&app.database, before.id).await?.ok_or(Error::NotFound)?;
        return Ok(Written::Overtaken(order));
    }
    ledger_store::book(&mut tx, after.id, with.bookings).await?;
    if !with.messages.is_empty() {
        app.outbox.enqueue(&mut tx, with.messages).await?;
    }
    if !with.seen.is_empty() {
        store::remember(&mut *tx, after.id, with.seen, now).await?;
    }
    tx.commit().await?;
    measure(before, &after);
    Ok(Written::Done(after))
}

/// Counts the metrics of an order that closes, in the one commit that closes it.
fn measure(before: &Order, after: &Order) {
    if !before.state.is_open() {
        return;
    }
    match after.state {
        State::Paid => {
            metrics::count(Metric::OrdersPaid);
            metrics::record_in(after.pricing.total.currency, Metric::Revenue, after.payment.captured);
        }
        // Each declined try in the frontend is counted when its event arrives.
        State::PaymentFailed if before.payment.no_more_tries => {}
        State::PaymentFailed => metrics::count(Metric::PaymentsDeclined),
        State::Pending | State::RequiresAction | State::Cancelled | State::Expired => {}
    }
}
