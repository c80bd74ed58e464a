//! Paying for an order: the one function that handler, retry, webhook and sweep share. It may be interrupted anywhere
//! and begun again by anybody: it starts from what Stripe says, and ends by saving what became of the order on the
//! condition that nobody else did.
//!
//! One PaymentIntent an order, ever. It is created under the order's id as idempotency key, so that creating it again
//! finds it, and nothing has to be saved between creating and confirming. It is confirmed under `<id>:<attempt>`. What
//! an unclear answer means is found by reading the PaymentIntent, never by asking again blindly.
//!
//! Only the order's own PaymentIntent counts, by id, and only where what it took is what the order costs. Anything else
//! pays nothing: staff hear of it, and what Stripe holds is booked as money that no order accounts for.

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

/// The metadata that leads from a PaymentIntent to its order.
pub const ORDER_ID: &str = "order_id";
/// How many steps a payment takes at most before it is left to the sweep.
const MAX_STEPS: u32 = 6;

/// Pays for an order that was saved just now, by this very request.
pub async fn begin(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    match create(app, &order).await? {
        Created::Intent(intent) => settle_with(app, order, *intent, now).await,
        Created::Refused(failure) => Box::pin(save(app, order, None, Outcome::Failed(failure), now)).await,
    }
}

/// Brings an open order's payment as far as it goes, and answers the order as it is saved then.
pub async fn settle(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    match find(app, &order, now).await? {
        Found::Intent(intent) => settle_with(app, order, *intent, now).await,
        Found::Refused(failure) => Box::pin(save(app, order, None, Outcome::Failed(failure), now)).await,
        Found::None => Box::pin(save(app, order, None, Outcome::Expired, now)).await,
    }
}

/// Like [`settle`], with the PaymentIntent as it is now in hand.
pub async fn settle_with(app: &App, order: Order, intent: PaymentIntent, now: Timestamp) -> Result<Order, Error> {
    // Boxed: with the clients' futures inside, this one is too large to move about.
    if order.state.is_open() {
        Box::pin(take_steps(app, order, intent, now)).await
    } else {
        Box::pin(book_late(app, order, &intent, false, now)).await.map(|booked| booked.order)
    }
}

/// Books what Stripe says of an order that came to an end. `by_event` as for [`refunds::book`].
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

/// Its own PaymentIntent took money that does not pay for the order. What Stripe holds is booked, and staff hear of it. An
/// open order waits for them until its time to be paid is over; then it expires, and its stock is free.
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

/// A PaymentIntent that names an order and is not its own pays nothing. Where it took money, staff hear of it once.
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

/// Calls an open order off. What Stripe says decides: a payment that was quicker makes it paid.
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
                // Not done, and not impossible: nothing else may be done about an order that shall be called off, least of
                // all its payment.
                PaymentIntentStatus::RequiresPaymentMethod
                | PaymentIntentStatus::RequiresConfirmation
                | PaymentIntentStatus::RequiresAction
                | PaymentIntentStatus::Other(_) => Err(Error::Unsettled),
            }
        }
        Found::Refused(_) | Found::None => Box::pin(save(app, order, None, Outcome::Cancelled, now)).await,
    }
}

/// What creating a PaymentIntent brings.
enum Created {
    /// The PaymentIntent as it was when it was created.
    Intent(Box<PaymentIntent>),
    /// Stripe refuses to make one: nothing can be charged.
    Refused(Failure),
}

/// What there is at Stripe of an order.
enum Found {
    /// Its PaymentIntent as it is now.
    Intent(Box<PaymentIntent>),
    /// Stripe refuses to make one: nothing can be charged.
    Refused(Failure),
    /// There is none, and it is too late to make one.
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
        // What Stripe does not have, it cannot charge.
        Err(StripeError::NotFound) if order.is_overdue(now) => Ok(Found::None),
        Err(error) => Err(error.into()),
    }
}

/// Which PaymentIntent is the order's own.
enum Own {
    /// This one.
    Intent(PaymentIntentId),
    /// Stripe refuses to make one.
    Refused(Failure),
    /// There is none, and it is too late to make one.
    None,
}

/// Whether a PaymentIntent is the order's own. An order that came to an end without one has none.
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
        // An answer under a known key is that of the first time, so that its id is the order's own.
        return Ok(match create(app, order).await? {
            Created::Intent(intent) => Own::Intent(intent.id),
            Created::Refused(failure) => Own::Refused(failure),
        });
    }
    let found = app.stripe.search_payment_intents((ORDER_ID, &order.id.to_string())).await?;
    match own_of(order, found) {
        Ok(Some(intent)) => {
            // From now on it is this one, whatever another search finds.
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
    // Made of what is saved and nothing else: the same key must come with the same parameters, whoever calls.
    let (customer, payment_method) = match &order.payment.method {
        Method::Saved { customer, payment_method } => (Some(customer.clone()), Some(payment_method.clone())),
        Method::Client => (None, None),
    };
    let metadata = vec![(ORDER_ID, order.id.to_string())];
    let amount = order.pricing.total;
    let new = NewPaymentIntent { amount, customer, payment_method, metadata };
    let failure = match app.stripe.create_payment_intent(&order.id.to_string(), &new).await {
        Ok(intent) if is_saved_by_another(order, &intent) => {
            // Nothing was confirmed. Where the cancellation fails it stays open at Stripe, and no client knows its secret.
            if let Err(error) = cancel_intent(app, &intent.id, CancellationReason::Abandoned).await {
                tracing::warn!(order_id = %order.id, %error, "a payment that is not confirmed stays open at Stripe");
            }
            not_saved()
        }
        Ok(intent) => return Ok(Created::Intent(Box::new(intent))),
        Err(StripeError::Declined(decline)) => {
            Failure { code: decline.decline_code.unwrap_or(decline.code), message: decline.message }
        }
        // The shopper's doing, or Stripe's limits: a method that is not theirs, an amount below the minimum. Or ours.
        Err(StripeError::Invalid(invalid)) => {
            let (code, param) = (invalid.code.as_deref(), invalid.param.as_deref());
            tracing::error!(order_id = %order.id, code, param, "Stripe refuses the payment of an order");
            refused(*invalid)
        }
        Err(StripeError::NotFound) => Failure {
            code: "resource_missing".to_owned(),
            message: "This payment method does not exist any more.".to_owned(),
        },
        Err(error) => return Err(error.into()),
    };
    Ok(Created::Refused(failure))
}

/// Whether Stripe would take a payment method that the order's customer has not saved: it takes one that no customer has.
fn is_saved_by_another(order: &Order, intent: &PaymentIntent) -> bool {
    let Method::Saved { customer, .. } = &order.payment.method else { return false };
    intent.payment_method.as_ref().is_some_and(|used| used.customer.as_ref() != Some(customer))
}

fn not_saved() -> Failure {
    Failure {
        code: "unknown_payment_method".to_owned(),
        message: "This payment method is none of your saved ones.".to_owned(),
    }
}

/// What Stripe writes about a refused request is for developers; about amounts it is fit for shoppers.
fn refused(invalid: Invalid) -> Failure {
    let code = invalid.code.unwrap_or_else(|| "payment_refused".to_owned());
    let message = match code.as_str() {
        "amount_too_small" | "amount_too_large" => invalid.message,
        _ => "This order cannot be paid in this way.".to_owned(),
    };
    Failure { code, message }
}

async fn confirm(app: &App, order: &Order, id: &PaymentIntentId, attempt: u32) -> Result<PaymentIntent, Error> {
    let key = format!("{}:{attempt}", order.id);
    let confirmed = app.stripe.confirm_payment_intent(&key, id).await;
    reconcile(app, id, confirmed).await
}

/// Cancelling what is cancelled changes nothing, so each try has a key of its own: a saved failure must not stand in
/// the way of the next.
async fn cancel_intent(app: &App, id: &PaymentIntentId, reason: CancellationReason) -> Result<PaymentIntent, Error> {
    let cancelled = app.stripe.cancel_payment_intent(&Uuid::new_v4().to_string(), id, &reason).await;
    reconcile(app, id, cancelled).await
}

/// The PaymentIntent after a step: as answered, or else as Stripe has it now.
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
        // Declined, refused in this state, or unclear: what holds is what Stripe has now.
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

/// Commit 2: what became of the order, with what is booked and told because of it.
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
