//! What a PaymentIntent at Stripe means for its order. Pure: the next step follows from the order and from what Stripe
//! says now, whoever asks and however often.
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
    /// Money was taken that does not pay for this order.
    Mismatch(Mismatch),
    /// Stripe is still at it, or uses a word that is unknown here: an event will tell, or people.
    Wait,
}

/// Why a payment does not pay for its order, although money was taken. Each raises an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Mismatch {
    /// It names the order, and is not the order's own PaymentIntent.
    NotItsOwn,
    /// Several name the order, and which is its own cannot be told.
    Ambiguous,
    /// It was taken in another currency.
    OtherCurrency,
    /// More or less was taken than the order costs.
    OtherAmount,
    /// Stripe says that it was taken, and shows no charge.
    NoCharge,
    /// The order had come to an end without it.
    OrderIsOver,
}

impl Mismatch {
    /// As it stands in logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why what a PaymentIntent took is not what the order costs; `None` where it is, to the last unit.
pub fn mismatch(order: &Order, intent: &PaymentIntent) -> Option<Mismatch> {
    let total = order.pricing.total;
    let Some(charge) = &intent.latest_charge else { return Some(Mismatch::NoCharge) };
    if !is_in(&intent.currency, total.currency) || !is_in(&charge.currency, total.currency) {
        return Some(Mismatch::OtherCurrency);
    }
    let due = stripe::amount::to_stripe(total);
    (intent.amount_received != due || charge.amount_captured != due).then_some(Mismatch::OtherAmount)
}

/// Whether Stripe's word for a currency is this one.
fn is_in(written: &str, currency: Currency) -> bool {
    written.eq_ignore_ascii_case(&currency.to_string())
}

/// An amount of Stripe's; `None` in a currency that is unknown here. One that has been withdrawn is known: what was paid in
/// it may be given back or disputed later.
pub fn money(amount: i64, currency: &str) -> Option<Money> {
    let currency = Currency::stored(&currency.to_ascii_uppercase())?;
    Some(Money { amount: stripe::amount::from_stripe(amount, currency), currency })
}

/// Whether a PaymentIntent took money or holds some.
pub fn has_money(intent: &PaymentIntent) -> bool {
    let is_held = matches!(intent.status, PaymentIntentStatus::Succeeded | PaymentIntentStatus::RequiresCapture);
    is_held || intent.amount_received > 0
}

/// Which of the PaymentIntents that name an old order is its own, whose id was not saved: the only one; or of several the
/// only one that asks for what the order costs. An error where that cannot be told.
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
        // What a word means that is unknown here is not guessed, whatever the time.
        PaymentIntentStatus::Processing | PaymentIntentStatus::RequiresCapture | PaymentIntentStatus::Other(_) => {
            Step::Wait
        }
        _ if order.is_overdue(now) || order.payment.no_more_tries => Step::Cancel(CancellationReason::Abandoned),
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
        (_, Some(error)) if is_saved || order.payment.no_more_tries => Outcome::Failed(failure(error)),
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

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
