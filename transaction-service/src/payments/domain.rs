//! What a PaymentIntent at Stripe means for its order. Pure: the next step follows from the order and from what Stripe
//! says now, whoever asks and however often.
//!
//! States: <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use std::time::Duration;

use common::{input::storable, timestamp::Timestamp};
use stripe::{CancellationReason, PaymentError, PaymentIntent, PaymentIntentStatus};

use crate::orders::domain::{ClientSecret, Failure, Method, Order, Outcome};

/// How long after an order was made its PaymentIntent may still be created under the order's key: Stripe forgets keys
/// after 24 hours, and then the same call would make a second one. Older orders are looked up instead.
pub const CREATE_WITHIN: Duration = Duration::from_hours(12);

/// What to do next about an order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask Stripe to take the money.
    Confirm,
    /// Ask Stripe to make sure that no money can be taken any more.
    Cancel(CancellationReason),
    /// Save what became of it.
    Save(Outcome),
    /// Stripe is still at it; an event will tell.
    Wait,
}

/// The next step for an open order whose PaymentIntent is `intent`.
pub fn next_step(order: &Order, intent: &PaymentIntent, now: Timestamp) -> Step {
    let is_saved = matches!(order.payment.method, Method::Saved { .. });
    match intent.status {
        PaymentIntentStatus::Succeeded => Step::Save(Outcome::Paid),
        PaymentIntentStatus::Canceled => Step::Save(closed(order, intent)),
        PaymentIntentStatus::Processing | PaymentIntentStatus::RequiresCapture => Step::Wait,
        _ if order.is_overdue(now) => Step::Cancel(CancellationReason::Abandoned),
        PaymentIntentStatus::RequiresConfirmation if is_saved => Step::Confirm,
        // A saved method is ours to confirm, so a declined one ends the order: cancelled first, so that nobody confirms
        // it with another card once the stock is somebody else's.
        PaymentIntentStatus::RequiresPaymentMethod if is_saved => Step::Cancel(CancellationReason::Abandoned),
        PaymentIntentStatus::RequiresPaymentMethod
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresAction => match &intent.client_secret {
            Some(secret) => Step::Save(Outcome::RequiresAction(ClientSecret(secret.expose().to_owned()))),
            None => Step::Wait,
        },
    }
}

/// Why a PaymentIntent was cancelled is the reason we gave when we did it.
fn closed(order: &Order, intent: &PaymentIntent) -> Outcome {
    let is_saved = matches!(order.payment.method, Method::Saved { .. });
    match (&intent.cancellation_reason, &intent.last_payment_error) {
        (Some(CancellationReason::RequestedByCustomer), _) => Outcome::Cancelled,
        (_, Some(error)) if is_saved => Outcome::Failed(failure(error)),
        _ => Outcome::Expired,
    }
}

/// Why it failed, in words that the shopper may read: Stripe writes them for that.
pub fn failure(error: &PaymentError) -> Failure {
    let code = error.decline_code.as_ref().or(error.code.as_ref());
    Failure {
        code: code.map_or_else(|| "payment_failed".to_owned(), |code| storable(code)),
        message: error.message.as_deref().map_or_else(|| "The payment was declined.".to_owned(), storable),
    }
}
