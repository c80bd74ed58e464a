//! Money given back or disputed: what Stripe says of it is booked, whoever asked for it; and an order that turned out to be
//! sold out is refunded by us.

use common::timestamp::Timestamp;
use platform::outbox::{Compensation, RejectedMessage};
use stripe::{PaymentIntent, PaymentIntentId, Refund, RefundStatus};

use super::{
    alarms,
    commit::{With, Written, write},
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

/// How often what Stripe says is compared anew because another changed the order meanwhile.
const ROUNDS: usize = 3;

/// An order whose books are what Stripe says.
#[derive(Debug)]
pub struct Booked {
    /// The order as it is saved.
    pub order: Order,
    /// How many of Stripe's objects could not be read, so that the books lack them.
    pub passed_over: usize,
}

/// Books refunds and disputes that are not booked yet, and takes back what failed; mostly there are none. Of an order that
/// is closed, or that waits while Stripe holds money which does not pay for it.
/// `is_told` says that an event was about one: else Stripe's own sums are believed where they are zero.
pub async fn book(
    app: &App,
    mut order: Order,
    intent: &PaymentIntent,
    is_told: bool,
    now: Timestamp,
) -> Result<Booked, Error> {
    let Some(charge) = &intent.latest_charge else { return Ok(Booked { order, passed_over: 0 }) };
    let is_quiet = charge.amount_refunded == 0 && order.payment.refunded == 0;
    if !is_told && is_quiet && charge.disputed == order.payment.disputed {
        return Ok(Booked { order, passed_over: 0 });
    }
    // Boxed, here and below: with the client's futures inside, this one is too large to move about.
    let statement = Box::pin(statement(app, &order, intent, is_told || charge.disputed)).await?;
    for _ in 0..ROUNDS {
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

/// What Stripe says. Disputes are asked for where there may be some.
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
    alarms::news(before.id, &changes.news);
    let seen: Vec<_> = changes.news.iter().map(|news| (news.id.clone(), news.status.clone())).collect();
    let with = With { bookings: &changes.bookings, messages: message.as_slice(), seen: &seen };
    write(app, before, after, with, now).await
}

/// Gives the money of a paid order back because its stock was gone, and tells the shopper. Repeatable. Where Stripe gave
/// none back or does not say so, the order stays paid, and it is tried again.
pub async fn refund_sold_out(app: &App, id: OrderId, now: Timestamp) -> Result<Order, Error> {
    let order = order_store::find(&app.database, id).await?.ok_or(Error::NotFound)?;
    if order.state == State::Cancelled {
        return Ok(order);
    }
    let intent = order.payment.intent.clone().ok_or_else(|| Error::Corrupt(format!("order {id} has no payment")))?;
    let intent = app.stripe.retrieve_payment_intent(&intent).await?;
    let charge = intent.latest_charge.as_ref().ok_or_else(|| Error::Corrupt(format!("order {id} has no charge")))?;
    let mut statement = Box::pin(statement(app, &order, &intent, false)).await?;
    // By Stripe's own sum, in which refunds that failed are not: Stripe forgets keys after a day, and what was given back
    // before is not asked for again.
    if charge.amount_refunded < charge.amount_captured {
        let refund = give_all_back(app, id, &intent.id, &statement.refunds.data).await?;
        // Under a key that was used before it is one of those that were listed.
        statement.refunds.data.retain(|listed| listed.id != refund.id);
        statement.refunds.data.insert(0, refund);
    }
    let changes = compare(app, &order, &statement, now).await?;
    let on_their_way = statement.refunds.data.iter().filter(|refund| is_on_its_way(refund));
    if on_their_way.map(|refund| refund.amount).sum::<i64>() < charge.amount_captured {
        // Nobody is told that their money is on its way when it is not.
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

/// Asks for a refund of all that is left: under one key until it fails, and then under the next.
async fn give_all_back(
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

/// Does something about a message that was refused: where product-service has no stock any more for a paid order, the
/// order is refunded. All else stays in the outbox.
pub async fn remedied(app: &App, undelivered: RejectedMessage) -> Compensation {
    let is_gone = matches!(undelivered.refused.kind.as_str(), "reservation_released" | "not_found");
    let Some(Kind::CommitStock(order)) = Kind::of(&undelivered.path).filter(|_| is_gone) else {
        return Compensation::Unknown;
    };
    match Box::pin(refund_sold_out(app, order, Timestamp::now())).await {
        Ok(order) if order.state == State::Cancelled => Compensation::Done,
        Ok(_) => Compensation::Later,
        Err(error) => {
            tracing::error!(%error, order_id = %order, "a sold-out order could not be refunded; it is tried again");
            Compensation::Later
        }
    }
}
