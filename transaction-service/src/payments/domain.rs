//! What a PaymentIntent at Stripe means for its order. Pure: the next step is a function of the order and the present
//! PaymentIntent.
//!
//! States: <https://docs.stripe.com/payments/paymentintents/lifecycle>.

pub mod statement;

use std::time::Duration;

use common::{
    input::storable,
    money::{Currency, Money},
    timestamp::Timestamp,
};
use stripe::{CancellationReason, List, PaymentError, PaymentIntent, PaymentIntentStatus};
use strum::IntoStaticStr;

use crate::orders::domain::{ClientSecret, Failure, Method, Order, Outcome};

/// How long after an order was made its PaymentIntent may still be created under the order's key: Stripe forgets keys
/// after 24 hours, and then the same call would create a second one. PaymentIntents of older orders are searched instead.
pub const CREATE_WITHIN: Duration = Duration::from_hours(12);

/// The next step of an order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Confirm the PaymentIntent.
    Confirm,
    /// Cancel the PaymentIntent, so that it can never be charged.
    Cancel(CancellationReason),
    /// Save the outcome.
    Save(Outcome),
    /// Money was captured that does not pay for this order.
    Mismatch(Mismatch),
    /// Wait: Stripe is processing the payment, or its status is unknown. An event or staff will follow.
    Wait,
}

/// Why a captured payment does not pay for its order. Each raises an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Mismatch {
    /// The PaymentIntent names the order and is not its own.
    NotItsOwn,
    /// Several PaymentIntents name the order, and which is its own is unknown.
    Ambiguous,
    /// The payment is in another currency.
    OtherCurrency,
    /// The captured amount is not the total of the order.
    OtherAmount,
    /// The PaymentIntent has succeeded and has no charge.
    NoCharge,
    /// The order was closed before the payment.
    OrderIsOver,
}

impl Mismatch {
    /// The `reason` in logs, which operators look up.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why the captured payment does not match the order; `None` when amount and currency match exactly.
pub fn mismatch(order: &Order, intent: &PaymentIntent) -> Option<Mismatch> {
    let total = order.pricing.total;
    let Some(charge) = &intent.latest_charge else { return Some(Mismatch::NoCharge) };
    if !is_in(&intent.currency, total.currency) || !is_in(&charge.currency, total.currency) {
        return Some(Mismatch::OtherCurrency);
    }
    let due = stripe::amount::to_stripe(total);
    (intent.amount_received != due || charge.amount_captured != due).then_some(Mismatch::OtherAmount)
}

/// Whether the currency code that Stripe writes is `currency`.
fn is_in(written: &str, currency: Currency) -> bool {
    written.eq_ignore_ascii_case(&currency.to_string())
}

/// An amount of Stripe; `None` in an unknown currency. A withdrawn currency is known: payments in it may be refunded or
/// disputed later.
pub fn money(amount: i64, currency: &str) -> Option<Money> {
    let currency = Currency::stored(&currency.to_ascii_uppercase())?;
    Some(Money { amount: stripe::amount::from_stripe(amount, currency), currency })
}

/// Whether a PaymentIntent has captured or authorised money.
pub fn has_money(intent: &PaymentIntent) -> bool {
    let is_held = matches!(intent.status, PaymentIntentStatus::Succeeded | PaymentIntentStatus::RequiresCapture);
    is_held || intent.amount_received > 0
}

/// The own PaymentIntent of an old order whose id was not saved, of those that name the order: the only one, or of several
/// the only one with the total of the order. An error when several match.
pub fn own_of(order: &Order, found: List<PaymentIntent>) -> Result<Option<PaymentIntent>, Mismatch> {
    if found.has_more || !found.unreadable.is_empty() {
        return Err(Mismatch::Ambiguous);
    }
    let mut found = found.data;
    if found.len() > 1 {
        let (due, currency) = (stripe::amount::to_stripe(order.pricing.total), order.pricing.currency());
        found.retain(|intent| intent.amount == due && is_in(&intent.currency, currency));
        if found.len() != 1 {
            return Err(Mismatch::Ambiguous);
        }
    }
    Ok(found.pop())
}

/// The next step for an open order whose PaymentIntent is `intent`.
pub fn next_step(order: &Order, intent: &PaymentIntent, now: Timestamp) -> Step {
    let is_saved = matches!(order.payment.method, Method::Saved { .. });
    match &intent.status {
        PaymentIntentStatus::Succeeded => mismatch(order, intent).map_or(Step::Save(Outcome::Paid), Step::Mismatch),
        PaymentIntentStatus::Canceled => Step::Save(closed(order, intent)),
        // The meaning of an unknown status is not guessed, even after the time to pay.
        PaymentIntentStatus::Processing | PaymentIntentStatus::RequiresCapture | PaymentIntentStatus::Other(_) => {
            Step::Wait
        }
        _ if order.is_overdue(now) || order.payment.no_more_tries => Step::Cancel(CancellationReason::Abandoned),
        PaymentIntentStatus::RequiresConfirmation if is_saved => Step::Confirm,
        // Only this service confirms a saved method, so a decline closes the order. The PaymentIntent is cancelled first, so that
        // it cannot be confirmed with another card after the stock is released.
        PaymentIntentStatus::RequiresPaymentMethod if is_saved => Step::Cancel(CancellationReason::Abandoned),
        PaymentIntentStatus::RequiresPaymentMethod
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresAction => match &intent.client_secret {
            Some(secret) => Step::Save(Outcome::RequiresAction(ClientSecret(secret.expose().to_owned()))),
            None => Step::Wait,
        },
    }
}

/// The outcome of a cancelled PaymentIntent, by the reason that this service gave when it cancelled.
fn closed(order: &Order, intent: &PaymentIntent) -> Outcome {
    let is_saved = matches!(order.payment.method, Method::Saved { .. });
    match (&intent.cancellation_reason, &intent.last_payment_error) {
        (Some(CancellationReason::RequestedByCustomer), _) => Outcome::Cancelled,
        (_, Some(error)) if is_saved || order.payment.no_more_tries => Outcome::Failed(failure(error)),
        _ => Outcome::Expired,
    }
}

/// The reason of a decline. Stripe writes its message for shoppers.
pub fn failure(error: &PaymentError) -> Failure {
    let code = error.decline_code.as_ref().or(error.code.as_ref());
    Failure {
        code: code.map_or_else(|| "payment_failed".to_owned(), |code| storable(code)),
        message: error.message.as_deref().map_or_else(|| "The payment was declined.".to_owned(), storable),
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
