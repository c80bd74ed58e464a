//! Money given back: what Stripe says was refunded is booked, whoever asked for it; and an order that turned out to be
//! sold out is refunded by us.

use common::{money::Money, timestamp::Timestamp};
use futures_util::FutureExt;
use platform::outbox::{Remedy, Undelivered};
use stripe::{PaymentIntent, PaymentIntentId, Refund, RefundStatus};

use super::flow::write;
use crate::{
    App,
    error::Error,
    ledger::{self, domain::Booking},
    messages,
    orders::{
        self,
        domain::{Order, OrderId, State},
    },
};

/// Books refunds and disputes of a closed order that are not booked yet; mostly there are none.
pub async fn book(app: &App, order: Order, intent: &PaymentIntent, now: Timestamp) -> Result<Order, Error> {
    let Some(charge) = &intent.latest_charge else { return Ok(order) };
    let is_known = charge.amount_refunded == 0 || order.payment.refunded == order.payment.captured;
    if is_known && charge.disputed == order.payment.disputed {
        return Ok(order);
    }
    let (bookings, refunded) = unbooked(app, &order, &intent.id, now).await?;
    if bookings.is_empty() && charge.disputed == order.payment.disputed {
        return Ok(order);
    }
    let next = order.with_refunds(refunded, charge.disputed, now);
    write(app, &order, next, &bookings, &[]).await
}

/// The refunds that are not booked yet, and what all that went through come to.
async fn unbooked(
    app: &App,
    order: &Order,
    intent: &PaymentIntentId,
    now: Timestamp,
) -> Result<(Vec<Booking>, i64), Error> {
    let refunds = app.stripe.list_refunds(intent).await?;
    let booked = ledger::store::booked_refunds(app.database.pool().await?, order.id.uuid()).await?;
    let done: Vec<&Refund> = refunds.data.iter().filter(|refund| refund.status == RefundStatus::Succeeded).collect();
    let currency = order.pricing.currency();
    let money = |refund: &Refund| Money { amount: stripe::amount::from_stripe(refund.amount, currency), currency };
    let total = done.iter().map(|refund| money(refund).amount).sum();
    let new = done.iter().filter(|refund| !booked.contains(&refund.id.to_string()));
    Ok((new.map(|refund| ledger::domain::refund(&refund.id, money(refund), now)).collect(), total))
}

/// Gives the money of a paid order back because its stock was gone, and tells the shopper. Repeatable.
pub async fn refund_sold_out(app: &App, id: OrderId, now: Timestamp) -> Result<Order, Error> {
    let order = orders::store::find(app.database.pool().await?, id).await?.ok_or(Error::NotFound)?;
    if order.state == State::Cancelled {
        return Ok(order);
    }
    let intent = order.payment.intent.clone().ok_or_else(|| Error::Corrupt(format!("order {id} has no payment")))?;
    let held = app.stripe.retrieve_payment_intent(&intent).await?.latest_charge;
    // Stripe forgets keys after a day; what was given back before is not asked for again.
    if held.is_some_and(|charge| charge.amount_refunded < charge.amount) {
        let refund = app.stripe.create_refund(&format!("{id}:sold_out"), &intent, None, &[]).await?;
        if !matches!(refund.status, RefundStatus::Succeeded | RefundStatus::Pending) {
            // Nobody is told that their money is on its way when it is not.
            return Err(Error::Unsettled);
        }
    }
    let (bookings, refunded) = unbooked(app, &order, &intent, now).await?;
    let Some(next) = order.sold_out(now)? else { return Ok(order) };
    let next = next.with_refunds(refunded, order.payment.disputed, now);
    let message = messages::order_cancelled(&next);
    write(app, &order, next, &bookings, &[message]).await
}

/// What is done about messages that were refused: where product-service has no stock any more for a paid order, the
/// order is refunded. All else stays in the outbox.
pub fn remedy(app: App) -> Remedy {
    std::sync::Arc::new(move |undelivered| {
        let app = app.clone();
        async move { remedied(&app, &undelivered).await }.boxed()
    })
}

async fn remedied(app: &App, undelivered: &Undelivered) -> bool {
    let is_gone = matches!(undelivered.refused.kind.as_str(), "reservation_released" | "not_found");
    let Some(order) = messages::committed_order(&undelivered.path).filter(|_| is_gone) else { return false };
    match refund_sold_out(app, order, Timestamp::now()).await {
        Ok(order) => order.state == State::Cancelled,
        Err(error) => {
            tracing::error!(%error, order_id = %order, "a sold-out order could not be refunded; it is tried again");
            false
        }
    }
}
