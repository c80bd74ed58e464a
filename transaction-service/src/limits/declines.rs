//! Declined tries of a payment that the frontend confirms. With its client secret one PaymentIntent can be confirmed with
//! one stolen card after the other, without us; Stripe tells us of each by `payment_intent.payment_failed`.

use common::timestamp::Timestamp;
use stripe::Event;

use super::store;
use crate::{
    App,
    error::Error,
    orders::domain::{Method, Order},
};

/// The event that tells of a declined try.
const DECLINED: &str = "payment_intent.payment_failed";

/// Counts the decline that an event tells of: once, however often and late it is told. After too many, of this order or
/// of its caller, the order is answered with `no_more_tries`, upon which its payment is cancelled and its stock released.
/// Events about anything else change nothing.
pub async fn note(app: &App, event: &Event, order: Order, now: Timestamp) -> Result<Order, Error> {
    let is_ours = event.kind == DECLINED && matches!(order.payment.method, Method::Client);
    if !is_ours {
        return Ok(order);
    }
    let pool = app.database.pool().await?;
    let declined = store::count_decline(pool, order.id, &name(event), &app.limits, now).await?;
    let limits = &app.limits;
    let is_enough = declined.of_order >= i64::from(limits.declines_per_order)
        || declined.of_caller >= i64::from(limits.caller.declines);
    if !is_enough || !order.state.is_open() || order.payment.no_more_tries {
        return Ok(order);
    }
    store::allow_no_more_tries(pool, order.id).await?;
    tracing::warn!(order_id = %order.id, declines = declined.of_order, "too many declined tries; the payment is cancelled");
    let mut order = order;
    order.payment.no_more_tries = true;
    Ok(order)
}

/// What names the decline: its charge, since Stripe may tell of one by two events, or else the event. (A try that ends
/// at 3-D Secure makes no charge.)
fn name(event: &Event) -> String {
    let charge = event.object()["last_payment_error"]["charge"].as_str();
    charge.map_or_else(|| event.id.to_string(), str::to_owned)
}
