//! Paying for an order: functions that handler, retry, webhook and sweep share. They may be interrupted anywhere and resumed
//! by any of them: they start from the state at Stripe, and end by saving the outcome on the condition that the order has
//! not changed.
//!
//! One PaymentIntent an order, ever. It is created under the order's id as idempotency key, so that creating it again
//! finds it, and nothing has to be saved between creating and confirming. It is confirmed under `<id>:<attempt>`. After
//! an unclear answer the PaymentIntent is read; a call is never repeated blindly.
//!
//! An order is paid only by its own PaymentIntent, by id, and only by the exact total. Any other money raises an alarm and
//! is booked as unmatched.

use common::timestamp::Timestamp;
use stripe::{
    CancellationReason, Invalid, NewPaymentIntent, PaymentIntent, PaymentIntentId, PaymentIntentStatus, StripeError,
};
use uuid::Uuid;

use super::{
    alarms,
    commit::{Effects, write},
    domain::{CREATE_WITHIN, Mismatch, Step, has_money, mismatch, money, next_step, own_of},
    refunds::{self, Booked},
    store,
};
use crate::{
    app::App,
    error::Error,
    ledger::{
        domain::{self as ledger, Books},
        store as ledger_store,
    },
    messages,
    orders::{
        domain::{Failure, Method, Order, Outcome, State},
        store as order_store,
    },
};

/// The metadata of a PaymentIntent that has the id of its order.
pub const ORDER_ID: &str = "order_id";
/// Most steps of a payment before it is left to the sweep.
const MAX_STEPS: u32 = 6;

/// Pays for an order that the same request has just saved.
pub async fn begin(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    match create(app, &order).await? {
        Created::Intent(intent) => settle_with(app, order, *intent, now).await,
        Created::Refused(failure) => Box::pin(save(app, order, None, Outcome::Failed(failure), now)).await,
    }
}

/// Takes an open order's payment as far as possible, and returns the order as it is saved then.
pub async fn settle(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    match find(app, &order, now).await? {
        Found::Intent(intent) => settle_with(app, order, *intent, now).await,
        Found::Refused(failure) => Box::pin(save(app, order, None, Outcome::Failed(failure), now)).await,
        Found::None => Box::pin(save(app, order, None, Outcome::Expired, now)).await,
    }
}

/// Like [`settle`], with the present PaymentIntent.
pub async fn settle_with(app: &App, order: Order, intent: PaymentIntent, now: Timestamp) -> Result<Order, Error> {
    // Boxed: with the clients' futures inside, this future is too large to move.
    if order.state.is_open() {
        Box::pin(take_steps(app, order, intent, now)).await
    } else {
        Box::pin(book_late(app, order, &intent, false, now)).await.map(|booked| booked.order)
    }
}

/// Books the payment, refunds and disputes of a closed order. `by_event` as for [`refunds::book`].
pub async fn book_late(
    app: &App,
    mut order: Order,
    intent: &PaymentIntent,
    by_event: bool,
    now: Timestamp,
) -> Result<Booked, Error> {
    let is_paid = order.payment.captured > 0;
    if intent.status == PaymentIntentStatus::Succeeded
        && let Some(why) = mismatch(&order, intent).or((!is_paid).then_some(Mismatch::OrderIsOver))
    {
        order = Box::pin(mismatched(app, order, intent, why, now)).await?;
    }
    Box::pin(refunds::book(app, order, intent, by_event, now)).await
}

async fn take_steps(app: &App, order: Order, mut intent: PaymentIntent, now: Timestamp) -> Result<Order, Error> {
    for attempt in 1..=MAX_STEPS {
        intent = match next_step(&order, &intent, now) {
            Step::Confirm => confirm(app, &order, &intent.id, attempt).await?,
            Step::Cancel(reason) => cancel_intent(app, &intent.id, reason).await?,
            Step::Save(outcome) => return Box::pin(save(app, order, Some(&intent), outcome, now)).await,
            Step::Mismatch(why) => return Box::pin(mismatched(app, order, &intent, why, now)).await,
            Step::Wait => {
                if let PaymentIntentStatus::Other(_) = intent.status {
                    alarms::status(order.id, &intent);
                }
                return Ok(order);
            }
        };
    }
    Err(Error::Unsettled)
}

/// The own PaymentIntent captured money that does not pay for the order: it is booked as unmatched, and raises an alarm. An
/// open order waits for staff until its time to pay is over; then it expires, and its stock is released.
async fn mismatched(
    app: &App,
    order: Order,
    intent: &PaymentIntent,
    why: Mismatch,
    now: Timestamp,
) -> Result<Order, Error> {
    let db = &app.database;
    let (books, seen) = (Books::of(ledger_store::list(db, order.id).await?), store::seen(db, order.id).await?);
    let charge = intent.latest_charge.as_ref().filter(|charge| !books.has(charge.id.as_str()));
    let booking = charge.and_then(|charge| {
        let amount = money(charge.amount_captured, &charge.currency).filter(|amount| amount.amount > 0)?;
        Some(ledger::unmatched(&charge.id, amount, now))
    });
    let is_known = booking.is_none() && seen.get(intent.id.as_str()).is_some_and(|seen| seen == why.as_str());
    let ends = order.state.is_open() && order.is_overdue(now);
    if is_known && !ends {
        return Ok(order);
    }
    alarms::mismatch(&order, intent, why);
    let ended = if ends { order.after(Outcome::Expired, now)? } else { None };
    let mut next = ended.unwrap_or_else(|| order.with_refunds(order.payment.refunded, order.payment.disputed, now));
    next.payment.intent = Some(intent.id.clone());
    let messages = if ends { messages::after(&next) } else { Vec::new() };
    let seen = [(intent.id.to_string(), why.as_str().to_owned())];
    let with = Effects { bookings: booking.as_slice(), messages: &messages, seen: &seen };
    Ok(write(app, &order, next, with, now).await?.order())
}

/// A PaymentIntent that names an order and is not its own pays nothing. If it has money, it raises an alarm, once.
pub async fn foreign(app: &App, order: &Order, intent: &PaymentIntent, now: Timestamp) -> Result<(), Error> {
    let why = Mismatch::NotItsOwn;
    if !has_money(intent) {
        return Ok(());
    }
    let db = &app.database;
    if store::seen(db, order.id).await?.get(intent.id.as_str()).is_none_or(|seen| seen != why.as_str()) {
        alarms::mismatch(order, intent, why);
        store::remember(db, order.id, &[(intent.id.to_string(), why.as_str().to_owned())], now).await?;
    }
    Ok(())
}

/// Cancels an open order. Stripe decides: if the payment succeeded first, the order becomes paid.
pub async fn cancel(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    match find(app, &order, now).await? {
        Found::Intent(intent) => {
            let intent = cancel_intent(app, &intent.id, CancellationReason::RequestedByCustomer).await?;
            match intent.status {
                // Cancelled, or too late for that.
                PaymentIntentStatus::Canceled
                | PaymentIntentStatus::Succeeded
                | PaymentIntentStatus::Processing
                | PaymentIntentStatus::RequiresCapture => settle_with(app, order, intent, now).await,
                // Not cancelled, and still possible: the steps of a payment must not go on with an order that is being
                // cancelled.
                PaymentIntentStatus::RequiresPaymentMethod
                | PaymentIntentStatus::RequiresConfirmation
                | PaymentIntentStatus::RequiresAction
                | PaymentIntentStatus::Other(_) => Err(Error::Unsettled),
            }
        }
        Found::Refused(_) | Found::None => Box::pin(save(app, order, None, Outcome::Cancelled, now)).await,
    }
}

/// Result of creating a PaymentIntent.
enum Created {
    /// The PaymentIntent as it was at its creation.
    Intent(Box<PaymentIntent>),
    /// Stripe refuses to create one: nothing can be charged.
    Refused(Failure),
}

/// The PaymentIntent of an order, as it is at Stripe.
enum Found {
    /// The present PaymentIntent.
    Intent(Box<PaymentIntent>),
    /// Stripe refuses to create one: nothing can be charged.
    Refused(Failure),
    /// There is none, and it is too late to create one.
    None,
}

async fn find(app: &App, order: &Order, now: Timestamp) -> Result<Found, Error> {
    let id = match own(app, order, now).await? {
        Own::Intent(id) => id,
        Own::Refused(failure) => return Ok(Found::Refused(failure)),
        Own::None => return Ok(Found::None),
    };
    match app.stripe.retrieve_payment_intent(&id).await {
        Ok(intent) => Ok(Found::Intent(Box::new(intent))),
        // Stripe cannot charge a PaymentIntent that it does not have.
        Err(StripeError::NotFound) if order.is_overdue(now) => Ok(Found::None),
        Err(error) => Err(error.into()),
    }
}

/// The id of the order's own PaymentIntent.
enum Own {
    /// The id.
    Intent(PaymentIntentId),
    /// Stripe refuses to create one.
    Refused(Failure),
    /// There is none, and it is too late to create one.
    None,
}

/// Whether a PaymentIntent is the order's own. An order that was closed without one has none.
pub async fn is_own(app: &App, order: &Order, id: &PaymentIntentId, now: Timestamp) -> Result<bool, Error> {
    if order.payment.intent.is_none() && !order.state.is_open() {
        return Ok(false);
    }
    Ok(matches!(own(app, order, now).await?, Own::Intent(own) if own == *id))
}

async fn own(app: &App, order: &Order, now: Timestamp) -> Result<Own, Error> {
    if let Some(id) = &order.payment.intent {
        return Ok(Own::Intent(id.clone()));
    }
    if order.created_at.plus(CREATE_WITHIN) > now {
        // Under a known key Stripe repeats its first answer, so the id is that of the order's own.
        return Ok(match create(app, order).await? {
            Created::Intent(intent) => Own::Intent(intent.id),
            Created::Refused(failure) => Own::Refused(failure),
        });
    }
    let found = app.stripe.search_payment_intents((ORDER_ID, &order.id.to_string())).await?;
    match own_of(order, found) {
        Ok(Some(intent)) => {
            // Saved, so that another search cannot choose another one.
            let pinned = order_store::pin_payment(&app.database, order.id, &intent.id).await?;
            Ok(Own::Intent(pinned))
        }
        Ok(None) => Ok(Own::None),
        Err(_) => {
            alarms::ambiguous(order.id);
            Err(Error::Unsettled)
        }
    }
}

async fn create(app: &App, order: &Order) -> Result<Created, Error> {
    // Made of saved data alone: the same key must come with the same parameters in every call.
    let (customer, payment_method) = match &order.payment.method {
        Method::Saved { customer, payment_method } => (Some(customer.clone()), Some(payment_method.clone())),
        Method::Client => (None, None),
    };
    let metadata = vec![(ORDER_ID, order.id.to_string())];
    let amount = order.pricing.total;
    let new = NewPaymentIntent { amount, customer, payment_method, metadata };
    let failure = match app.stripe.create_payment_intent(&order.id.to_string(), &new).await {
        Ok(intent) if is_saved_by_another(order, &intent) => {
            // It was not confirmed. When cancelling fails it stays open at Stripe, and no client knows its secret.
            if let Err(error) = cancel_intent(app, &intent.id, CancellationReason::Abandoned).await {
                tracing::warn!(order_id = %order.id, %error, "unconfirmed PaymentIntent not cancelled; it stays open at Stripe");
            }
            not_saved()
        }
        Ok(intent) => return Ok(Created::Intent(Box::new(intent))),
        Err(StripeError::Declined(decline)) => {
            Failure { code: decline.decline_code.unwrap_or(decline.code), message: decline.message }
        }
        // A payment method of another customer, an amount outside Stripe's limits, or a fault of this service.
        Err(StripeError::Invalid(invalid)) => {
            let (code, param) = (invalid.code.as_deref(), invalid.param.as_deref());
            tracing::error!(order_id = %order.id, code, param, "Stripe refused to create the PaymentIntent; the order fails");
            refused(*invalid)
        }
        Err(StripeError::NotFound) => Failure {
            code: "resource_missing".to_owned(),
            message: "This payment method does not exist any more. Choose another one.".to_owned(),
        },
        Err(error) => return Err(error.into()),
    };
    Ok(Created::Refused(failure))
}

/// Whether the payment method is not saved by the order's customer: Stripe accepts one that belongs to no customer.
fn is_saved_by_another(order: &Order, intent: &PaymentIntent) -> bool {
    let Method::Saved { customer, .. } = &order.payment.method else { return false };
    intent.payment_method.as_ref().is_some_and(|used| used.customer.as_ref() != Some(customer))
}

fn not_saved() -> Failure {
    Failure {
        code: "unknown_payment_method".to_owned(),
        message: "This is not one of your saved payment methods. Choose another one.".to_owned(),
    }
}

/// Stripe's messages about refused requests are for developers; those about amounts can be shown to shoppers.
fn refused(invalid: Invalid) -> Failure {
    let code = invalid.code.unwrap_or_else(|| "payment_refused".to_owned());
    let message = match code.as_str() {
        "amount_too_small" | "amount_too_large" => invalid.message,
        _ => "This order cannot be paid with this payment method. Choose another one.".to_owned(),
    };
    Failure { code, message }
}

async fn confirm(app: &App, order: &Order, id: &PaymentIntentId, attempt: u32) -> Result<PaymentIntent, Error> {
    let key = format!("{}:{attempt}", order.id);
    let confirmed = app.stripe.confirm_payment_intent(&key, id).await;
    reconcile(app, id, confirmed).await
}

/// Cancels a PaymentIntent, which is harmless to repeat. Each call has a key of its own, or Stripe would repeat a failure.
async fn cancel_intent(app: &App, id: &PaymentIntentId, reason: CancellationReason) -> Result<PaymentIntent, Error> {
    let cancelled = app.stripe.cancel_payment_intent(&Uuid::new_v4().to_string(), id, &reason).await;
    reconcile(app, id, cancelled).await
}

/// The PaymentIntent after a step: as answered, or else as it is now at Stripe.
async fn reconcile(
    app: &App,
    id: &PaymentIntentId,
    answered: Result<PaymentIntent, StripeError>,
) -> Result<PaymentIntent, Error> {
    match answered {
        Ok(intent) => Ok(intent),
        Err(error @ (StripeError::KeyReused(_) | StripeError::Unauthorized(_) | StripeError::RateLimited)) => {
            Err(error.into())
        }
        // Declined, refused in this state, or unclear: the present PaymentIntent decides.
        Err(
            StripeError::Declined(_)
            | StripeError::Invalid(_)
            | StripeError::NotFound
            | StripeError::Busy
            | StripeError::Unknown(_)
            | StripeError::Unreadable(_),
        ) => Ok(app.stripe.retrieve_payment_intent(id).await?),
    }
}

/// Commit 2: saves the outcome of an order, with its booking and messages.
async fn save(
    app: &App,
    order: Order,
    intent: Option<&PaymentIntent>,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Order, Error> {
    let Some(mut next) = order.after(outcome, now)? else { return Ok(order) };
    if let Some(intent) = intent {
        next.payment.intent = Some(intent.id.clone());
    }
    let charge = intent.and_then(|intent| intent.latest_charge.as_ref());
    let booking = match (next.state, charge) {
        (State::Paid, Some(charge)) => Some(ledger::capture(&charge.id, &next.pricing, now)),
        (State::Paid, None) => return Err(Error::Corrupt(format!("paid without a charge: order {}", next.id))),
        _ => None,
    };
    let messages = messages::after(&next);
    let with = Effects { bookings: booking.as_slice(), messages: &messages, seen: &[] };
    Ok(write(app, &order, next, with, now).await?.order())
}
