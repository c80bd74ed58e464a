//! Writing what became of an order: one commit, on the condition that nobody else changed it in between.

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

/// What is written with an order.
#[derive(Debug, Default)]
pub struct Effects<'a> {
    /// What is booked because of it.
    pub bookings: &'a [Booking],
    /// What the other services are told because of it.
    pub messages: &'a [Message],
    /// What was seen at Stripe, by id and status.
    pub seen: &'a [(String, String)],
}

/// What came of writing.
#[derive(Debug)]
pub enum Written {
    /// It is written.
    Done(Order),
    /// Another was quicker; nothing was written, and this is the order as it is now.
    Overtaken(Order),
}

impl Written {
    /// The order as it is saved, whoever saved it.
    pub fn order(self) -> Order {
        let (Self::Done(order) | Self::Overtaken(order)) = self;
        order
    }
}

/// Saves a changed order with its bookings, messages and what was seen.
pub async fn write(
    app: &App,
    before: &Order,
    mut after: Order,
    with: Effects<'_>,
    now: Timestamp,
) -> Result<Written, Error> {
    // Nothing is answered while it is not known what became of it.
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

/// What the shop counts of an order that came to an end, by the one commit that ended it.
fn measure(before: &Order, after: &Order) {
    if !before.state.is_open() {
        return;
    }
    match after.state {
        State::Paid => {
            metrics::count(Metric::OrdersPaid);
            metrics::record_in(after.pricing.total.currency, Metric::Revenue, after.payment.captured);
        }
        // Tries at the frontend are counted each when they are heard of.
        State::PaymentFailed if before.payment.no_more_tries => {}
        State::PaymentFailed => metrics::count(Metric::PaymentsDeclined),
        State::Pending | State::RequiresAction | State::Cancelled | State::Expired => {}
    }
}
