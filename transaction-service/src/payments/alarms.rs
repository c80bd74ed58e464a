//! Log lines that raise alarms. Their texts never change: `docs/operations.md` says what each means and what to do. A line
//! is logged before it is stored as seen, so that a crash in between repeats it and never loses it.

use stripe::{PaymentIntent, Unreadable};

use super::domain::{
    Mismatch,
    statement::{Meaning, StatusChange},
};
use crate::{ids::OrderId, orders::domain::Order};

/// A payment was captured that does not match its order.
pub fn mismatch(order: &Order, intent: &PaymentIntent, why: Mismatch) {
    let (expected, received) = (stripe::amount::to_stripe(order.pricing.total), intent.amount_received);
    tracing::error!(
        order_id = %order.id, payment_intent = %intent.id, reason = why.as_str(), expected, received,
        currency = intent.currency, state = order.state.as_str(), "payment does not match its order"
    );
}

/// Several payments name one order, and which is its own is unknown.
pub fn ambiguous(order: OrderId) {
    let reason = Mismatch::Ambiguous.as_str();
    tracing::error!(order_id = %order, reason, "payment does not match its order");
}

/// Changed states of refunds and disputes.
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

/// Objects of Stripe that cannot be read.
pub fn unreadable(order: Option<OrderId>, objects: &[Unreadable]) {
    let order_id = order.map(|order| order.to_string());
    for object in objects {
        tracing::error!(order_id, object = %object, "Stripe object passed over");
    }
}

/// A payment with an unknown status.
pub fn status(order: OrderId, intent: &PaymentIntent) {
    let status = intent.status.as_str();
    tracing::error!(order_id = %order, object = %intent.id, status, "Stripe status not understood");
}
