//! Declined tries of a payment that the frontend confirms. With its client secret one PaymentIntent can be confirmed with
//! one stolen card after the other, without this service; Stripe reports each by `payment_intent.payment_failed`.

use common::timestamp::Timestamp;
use platform::metrics::{self, Metric};
use stripe::Event;

use super::store;
use crate::{
    app::App,
    error::Error,
    orders::domain::{Method, Order},
};

/// The event that reports a declined try.
const DECLINED: &str = "payment_intent.payment_failed";

/// Counts a declined try, by its [`name`]: once, however often and late an event reports it. After too many, of this
/// order or of its caller, the order is returned with `no_more_tries`, so that its payment is cancelled and its stock
/// released. Without a decline nothing changes.
pub async fn note(app: &App, decline: Option<&str>, order: Order, now: Timestamp) -> Result<Order, Error> {
    let Some(decline) = decline.filter(|_| matches!(order.payment.method, Method::Client)) else { return Ok(order) };
    let db = &app.database;
    let declined = store::count_decline(db, order.id, decline, &app.limits, now).await?;
    if declined.is_new {
        metrics::count(Metric::PaymentsDeclined);
    }
    let is_enough = app.limits.are_enough(declined.of_one, declined.of_caller);
    if !is_enough || !order.state.is_open() || order.payment.no_more_tries {
        return Ok(order);
    }
    store::allow_no_more_tries(db, order.id).await?;
    tracing::warn!(order_id = %order.id, declines = declined.of_one, "too many declined tries; no further try is allowed");
    let mut order = order;
    order.payment.no_more_tries = true;
    Ok(order)
}

/// The name of the declined try that an event reports: its charge, since Stripe may report one by two events, or else the
/// event. (A try that ends at 3-D Secure makes no charge.) `None` for events of other kinds.
pub fn name(event: &Event) -> Option<String> {
    let charge = event.object()["last_payment_error"]["charge"].as_str();
    let name = || charge.map_or_else(|| event.id.to_string(), str::to_owned);
    (event.kind == DECLINED).then(name)
}
