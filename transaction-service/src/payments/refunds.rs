//! Books all refunds and disputes that Stripe reports, those made in its dashboard included, and refunds paid orders whose stock
//! is gone.

use common::timestamp::Timestamp;
use platform::outbox::{Compensation, RejectedMessage};
use stripe::{PaymentIntent, PaymentIntentId, Refund, RefundStatus};

use super::{
    alarms,
    commit::{Effects, Written, write},
    domain::statement::{Changes, Statement},
    store,
};
use crate::{
    app::App,
    error::Error,
    ids::OrderId,
    ledger::{domain::Books, store as ledger_store},
    messages::{self, Kind},
    orders::{
        domain::{Order, State},
        store as order_store,
    },
};

/// How often an order is compared with Stripe before giving up because other requests change it.
const MAX_ATTEMPTS: usize = 3;

/// An order whose books agree with Stripe.
#[derive(Debug)]
pub struct Booked {
    /// The order as it is saved.
    pub order: Order,
    /// Number of Stripe objects that could not be read and are therefore not booked.
    pub passed_over: usize,
}

/// Books new refunds and disputes of a closed order, or of an open one with unmatched money, and reverses failed refunds.
/// Without an event about one of them (`by_event`), Stripe's lists are read only when the charge has a refunded amount, the
/// order has one booked, or the charge's dispute is not that of the order.
pub async fn book(
    app: &App,
    mut order: Order,
    intent: &PaymentIntent,
    by_event: bool,
    now: Timestamp,
) -> Result<Booked, Error> {
    let Some(charge) = &intent.latest_charge else { return Ok(Booked { order, passed_over: 0 }) };
    let is_quiet = charge.amount_refunded == 0 && order.payment.refunded == 0;
    if !by_event && is_quiet && charge.disputed == order.payment.disputed {
        return Ok(Booked { order, passed_over: 0 });
    }
    // Boxed, here and below: with the client's futures inside, this future is too large to move.
    let statement = Box::pin(statement(app, &order, intent, by_event || charge.disputed)).await?;
    for _ in 0..MAX_ATTEMPTS {
        let changes = compare(app, &order, &statement, now).await?;
        let passed_over = changes.passed_over;
        if changes.is_nothing(&order) {
            return Ok(Booked { order, passed_over });
        }
        let next = order.with_refunds(changes.refunded, changes.disputed, now);
        match save(app, &order, next, &changes, None, now).await? {
            Written::Done(order) => return Ok(Booked { order, passed_over }),
            Written::Overtaken(newer) => order = newer,
        }
    }
    Err(Error::Unsettled)
}

/// Reads the refunds of a payment, and its disputes when there may be some.
async fn statement(app: &App, order: &Order, intent: &PaymentIntent, with_disputes: bool) -> Result<Statement, Error> {
    let refunds = app.stripe.list_refunds(&intent.id).await?;
    alarms::unreadable(Some(order.id), &refunds.unreadable);
    let is_disputed = intent.latest_charge.as_ref().is_some_and(|charge| charge.disputed);
    let disputes = if with_disputes || is_disputed || order.payment.disputed {
        Some(app.stripe.list_disputes(&intent.id).await?)
    } else {
        None
    };
    if let Some(disputes) = &disputes {
        alarms::unreadable(Some(order.id), &disputes.unreadable);
    }
    Ok(Statement { refunds, disputes, is_disputed })
}

async fn compare(app: &App, order: &Order, statement: &Statement, now: Timestamp) -> Result<Changes, Error> {
    let db = &app.database;
    let books = Books::of(ledger_store::list(db, order.id).await?);
    let seen = store::seen(db, order.id).await?;
    Ok(statement.compare(order, &books, &seen, now))
}

async fn save(
    app: &App,
    before: &Order,
    after: Order,
    changes: &Changes,
    message: Option<platform::outbox::Message>,
    now: Timestamp,
) -> Result<Written, Error> {
    alarms::status_changes(before.id, &changes.status_changes);
    let seen: Vec<_> = changes
        .status_changes
        .iter()
        .map(|status_changes| (status_changes.id.clone(), status_changes.status.clone()))
        .collect();
    let with = Effects { bookings: &changes.bookings, messages: message.as_slice(), seen: &seen };
    write(app, before, after, with, now).await
}

/// Refunds and cancels a paid order whose stock is gone, and notifies the shopper. Repeatable. The order stays paid until
/// Stripe reports refunds of the whole amount as succeeded or pending; a later call tries again.
pub async fn refund_sold_out(app: &App, id: OrderId, now: Timestamp) -> Result<Order, Error> {
    let order = order_store::find(&app.database, id).await?.ok_or(Error::NotFound)?;
    if order.state == State::Cancelled {
        return Ok(order);
    }
    let intent = order.payment.intent.clone().ok_or_else(|| Error::Corrupt(format!("order {id} has no payment")))?;
    let intent = app.stripe.retrieve_payment_intent(&intent).await?;
    let charge = intent.latest_charge.as_ref().ok_or_else(|| Error::Corrupt(format!("order {id} has no charge")))?;
    let mut statement = Box::pin(statement(app, &order, &intent, false)).await?;
    // Stripe's own sum decides: it leaves out failed refunds. The idempotency key alone is not enough, since Stripe forgets
    // keys after a day.
    if charge.amount_refunded < charge.amount_captured {
        let refund = refund_the_rest(app, id, &intent.id, &statement.refunds.data).await?;
        // Under a key that was used before, the refund is in the list already.
        statement.refunds.data.retain(|listed| listed.id != refund.id);
        statement.refunds.data.insert(0, refund);
    }
    let changes = compare(app, &order, &statement, now).await?;
    let on_their_way = statement.refunds.data.iter().filter(|refund| is_on_its_way(refund));
    if on_their_way.map(|refund| refund.amount).sum::<i64>() < charge.amount_captured {
        // The shopper is notified only once the whole refund is on its way.
        if !changes.is_nothing(&order) {
            let next = order.with_refunds(changes.refunded, changes.disputed, now);
            save(app, &order, next, &changes, None, now).await?;
        }
        return Err(Error::Unsettled);
    }
    let Some(next) = order.sold_out(now)? else { return Ok(order) };
    let next = next.with_refunds(changes.refunded, changes.disputed, now);
    let message = messages::order_cancelled(&next);
    Ok(save(app, &order, next, &changes, Some(message), now).await?.order())
}

/// Refunds what is left. The key ends in the number of failed refunds of the payment, so a retry after a failure is a new
/// refund, and any other retry is the same one.
async fn refund_the_rest(
    app: &App,
    order: OrderId,
    intent: &PaymentIntentId,
    refunds: &[Refund],
) -> Result<Refund, Error> {
    let failed = |refund: &&Refund| matches!(refund.status, Some(RefundStatus::Failed | RefundStatus::Canceled));
    let key = match refunds.iter().filter(failed).count() {
        0 => format!("{order}:sold_out"),
        failures => format!("{order}:sold_out:{failures}"),
    };
    Ok(app.stripe.create_refund(&key, intent, None, &[]).await?)
}

fn is_on_its_way(refund: &Refund) -> bool {
    matches!(refund.status, Some(RefundStatus::Succeeded | RefundStatus::Pending))
}

/// Compensates a rejected message: when product-service has no stock for a paid order, the order is refunded. Any other
/// message stays in the outbox.
pub async fn compensate(app: &App, rejected: RejectedMessage) -> Compensation {
    let is_gone = matches!(rejected.refused.kind.as_str(), "reservation_released" | "not_found");
    let Some(Kind::CommitStock(order)) = Kind::of(&rejected.path).filter(|_| is_gone) else {
        return Compensation::Unknown;
    };
    match Box::pin(refund_sold_out(app, order, Timestamp::now())).await {
        Ok(order) if order.state == State::Cancelled => Compensation::Done,
        Ok(_) => Compensation::Later,
        Err(error) => {
            tracing::error!(%error, order_id = %order, "sold-out order not refunded; a later delivery tries again");
            Compensation::Later
        }
    }
}
