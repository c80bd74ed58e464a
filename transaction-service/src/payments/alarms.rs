//! What staff must look at, in words that never change: `docs/operations.md` says what each means and what to do. Logged
//! before it is written down as seen, so that a crash in between repeats it and never loses it.

use stripe::{PaymentIntent, Unreadable};

use super::domain::{
    Mismatch,
    statement::{Meaning, StatusChange},
};
use crate::{ids::OrderId, orders::domain::Order};

/// Money was taken that does not pay for the order.
pub fn mismatch(order: &Order, intent: &PaymentIntent, why: Mismatch) {
    let (expected, received) = (stripe::amount::to_stripe(order.pricing.total), intent.amount_received);
    tracing::error!(
        order_id = %order.id, payment_intent = %intent.id, reason = why.as_str(), expected, received,
        currency = intent.currency, state = order.state.as_str(), "payment does not match its order"
    );
}

/// Several payments name one order, and none is known to be its own.
pub fn ambiguous(order: OrderId) {
    let reason = Mismatch::Ambiguous.as_str();
    tracing::error!(order_id = %order, reason, "payment does not match its order");
}

/// What is new about refunds and disputes.
pub fn status_changes(order: OrderId, status_changes: &[StatusChange]) {
    for StatusChange { id, status, meaning, reason, amount, currency } in status_changes {
        match meaning {
            Meaning::Nothing => {}
            Meaning::RefundFailed => {
                tracing::error!(order_id = %order, refund = id, status, reason, amount, currency, "refund failed");
            }
            Meaning::DisputeOpened => {
                tracing::error!(order_id = %order, dispute = id, status, reason, amount, currency, "dispute opened");
            }
            Meaning::DisputeLost => tracing::warn!(order_id = %order, dispute = id, status, "dispute lost"),
            Meaning::DisputeWon => tracing::info!(order_id = %order, dispute = id, status, "dispute closed"),
            Meaning::Unknown => {
                tracing::error!(order_id = %order, object = id, status, "Stripe status not understood");
            }
        }
    }
}

/// An object of Stripe's that cannot be read.
pub fn unreadable(order: Option<OrderId>, objects: &[Unreadable]) {
    let order_id = order.map(|order| order.to_string());
    for object in objects {
        tracing::error!(order_id, object = %object, "Stripe object passed over");
    }
}

/// A payment whose status is a word that is unknown here.
pub fn status(order: OrderId, intent: &PaymentIntent) {
    let status = intent.status.as_str();
    tracing::error!(order_id = %order, object = %intent.id, status, "Stripe status not understood");
}
