//! Stripe's events, from the webhook or from Stripe's list of them. An event names a PaymentIntent; everything else is read from Stripe.
//!
//! An event that cannot be applied does not hold up others: it is passed over with an error in the log, stored
//! (`stripe_passed_over`) and tried again by later sweeps. Only a failure that all other events would share stops a sweep.

pub mod store;

use std::collections::BTreeSet;

use common::timestamp::Timestamp;
use stripe::{Event, EventId, List, PaymentIntentId, PaymentIntentStatus, StripeError};

use super::{
    alarms,
    domain::has_money,
    flow::{self, ORDER_ID, is_own, settle_with},
    refunds,
};
use crate::{
    app::App,
    error::Error,
    limits::{
        declines,
        setups::{self, DeclinedSetup},
    },
    orders::store as order_store,
};

/// Most pages of events that one sweep reads.
const PAGES: usize = 5;
/// Number of payments without a clear answer after which a sweep takes Stripe for unreachable.
const MAX_UNCLEAR: usize = 3;
/// Most passed-over payments that one sweep tries again.
const RETRIES: i64 = 20;

/// Report of a sweep about events.
#[derive(Debug, Default, serde::Serialize)]
pub struct EventReport {
    /// Number of applied events.
    pub events: usize,
    /// Number of passed-over events and objects.
    pub passed_over: usize,
}

/// Applies an event of the webhook. An event that cannot be applied is passed over, as in the sweep, since Stripe would
/// repeat it for days. An error is transient: Stripe is to repeat the event.
///
/// Events that another event of the same payment makes redundant are skipped, or every payment would be read three times. The
/// sweep applies all events, so a lost one is made up for.
pub async fn receive(app: &App, event: &Event, now: Timestamp) -> Result<(), Error> {
    if !event.is_news() {
        tracing::debug!(event_id = %event.id, kind = event.kind, "Stripe event skipped: another event has the same news");
        return Ok(());
    }
    let applied = apply(app, event, now).await;
    if applied.as_ref().is_err_and(Error::is_transient) {
        return applied.map(drop);
    }
    let payment = event.payment_intent();
    let cause = cause(&applied, &event.id, payment.as_ref());
    remember(app, cause, &event.id, payment.as_ref(), now).await
}

/// Logs why an event is passed over, and returns the cause; `None` when all of it was applied. Unreadable objects were logged
/// when they were read.
fn cause(applied: &Result<usize, Error>, event: &EventId, payment: Option<&PaymentIntentId>) -> Option<String> {
    match applied {
        Ok(0) => None,
        Ok(_) => Some("objects that cannot be read".to_owned()),
        Err(error) => {
            let payment_intent = payment.map(ToString::to_string);
            tracing::error!(%error, event_id = %event, payment_intent, "event passed over, look at its order");
            Some(error.to_string())
        }
    }
}

/// Stores a payment of which something was passed over, so that later sweeps try it again.
async fn remember(
    app: &App,
    cause: Option<String>,
    event: &EventId,
    payment: Option<&PaymentIntentId>,
    now: Timestamp,
) -> Result<(), Error> {
    let (Some(cause), Some(payment)) = (cause, payment) else { return Ok(()) };
    store::pass_over(&app.database, payment, event, &cause, now).await
}

/// Updates the order of an event to the present state at Stripe. Events about other objects change nothing. Returns the
/// number of objects that could not be read.
pub async fn apply(app: &App, event: &Event, now: Timestamp) -> Result<usize, Error> {
    if event.api_version.as_deref().is_some_and(|version| version != stripe::API_VERSION) {
        tracing::info!(event_id = %event.id, api_version = event.api_version, "Stripe event of another API version");
    }
    if let Some(setup) = DeclinedSetup::read(event) {
        return setups::note(app, &setup, now).await.map(|()| 0);
    }
    let Some(id) = event.payment_intent() else {
        let object = event.object()["object"].as_str();
        tracing::info!(event_id = %event.id, kind = event.kind, object, "Stripe event skipped: it names no payment");
        return Ok(0);
    };
    // Boxed, here and below: with the client's futures inside, this future is too large to move.
    let decline = declines::name(event);
    let hint = Hint { event: &event.id, decline, is_about_money_back: event.is_about_money_back() };
    Box::pin(apply_payment(app, &id, hint, now)).await
}

/// The parts of an event beside its payment.
struct Hint<'a> {
    event: &'a EventId,
    /// The declined try that it reports.
    decline: Option<String>,
    is_about_money_back: bool,
}

/// Updates the order of a payment to the present state at Stripe.
async fn apply_payment(app: &App, id: &PaymentIntentId, hint: Hint<'_>, now: Timestamp) -> Result<usize, Error> {
    let intent = match app.stripe.retrieve_payment_intent(id).await {
        Ok(intent) => intent,
        Err(StripeError::NotFound) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let named = intent.metadata.get(ORDER_ID).and_then(|id| id.parse().ok());
    let Some(order) = order_store::find_of_payment(&app.database, id, named).await? else {
        return Ok(0);
    };
    // While a request pays for the order, only a final status is applied; the request handles the rest.
    let has_ended = matches!(intent.status, PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled);
    if order.is_in_progress(now) && !has_ended {
        return Ok(0);
    }
    tracing::info!(event_id = %hint.event, order_id = %order.id, payment_intent = %id, "Stripe event matched to an order");
    if !is_own(app, &order, id, now).await? {
        flow::foreign(app, &order, &intent, now).await?;
        return Ok(0);
    }
    let order = declines::note(app, hint.decline.as_deref(), order, now).await?;
    if hint.is_about_money_back && !order.state.is_open() {
        return Ok(Box::pin(flow::book_late(app, order, &intent, true, now)).await?.passed_over);
    }
    let order = settle_with(app, order, intent.clone(), now).await?;
    // An open order has refunds only of money that does not pay for it.
    if !hint.is_about_money_back || (order.state.is_open() && !has_money(&intent)) {
        return Ok(0);
    }
    Ok(Box::pin(refunds::book(app, order, &intent, true, now)).await?.passed_over)
}

/// Reads the events since the last sweep and applies all of them, since the webhook may have missed some, and applying one
/// twice changes nothing. Passed-over payments are tried first.
pub async fn catch_up(app: &App, now: Timestamp) -> Result<EventReport, Error> {
    let db = &app.database;
    let mut cursor = store::cursor(db).await?;
    let mut run = Run { app, caught: EventReport::default(), now, unclear: BTreeSet::new() };
    run.try_again().await?;
    for _ in 0..PAGES {
        let page = match app.stripe.list_events(cursor.as_ref()).await {
            Ok(page) => page,
            // Stripe keeps events for 30 days; after a longer silence it starts again with the newest.
            Err(StripeError::NotFound) if cursor.is_some() => {
                cursor = None;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        alarms::unreadable(None, &page.unreadable);
        run.caught.passed_over += page.unreadable.len();
        run.page(&page).await?;
        let Some(newest) = newest(&page) else { break };
        store::move_cursor(db, &newest, now).await?;
        let is_first_look = cursor.replace(newest).is_none();
        if !page.has_more || is_first_look {
            break;
        }
    }
    Ok(run.caught)
}

/// The cursor of the next page: the newest event, readable or not.
fn newest(page: &List<Event>) -> Option<EventId> {
    let newest = page.newest().and_then(|id| id.parse().ok());
    newest.or_else(|| page.data.first().map(|event| event.id.clone()))
}

struct Run<'a> {
    app: &'a App,
    caught: EventReport,
    now: Timestamp,
    /// Payments without a clear answer of Stripe in this run, which does not read them again.
    unclear: BTreeSet<PaymentIntentId>,
}

impl Run<'_> {
    /// Applies a page, oldest first. When it has to stop, the cursor is moved to the last applied event.
    async fn page(&mut self, page: &List<Event>) -> Result<(), Error> {
        let mut done: Option<&EventId> = None;
        for event in page.data.iter().rev() {
            let payment = event.payment_intent();
            if payment.as_ref().is_some_and(|payment| self.unclear.contains(payment)) {
                self.caught.passed_over += 1;
                done = Some(&event.id);
                continue;
            }
            let applied = apply(self.app, event, self.now).await;
            if let Err(error) = self.take(applied, &event.id, payment.as_ref()).await {
                if let Some(done) = done {
                    store::move_cursor(&self.app.database, done, self.now).await?;
                }
                return Err(error);
            }
            done = Some(&event.id);
        }
        Ok(())
    }

    /// Tries passed-over payments again.
    async fn try_again(&mut self) -> Result<(), Error> {
        let db = &self.app.database;
        for (payment, event) in store::claim_due(db, RETRIES, self.now).await? {
            // The declined try of the event is not stored, so a passed-over decline is not counted.
            let hint = Hint { event: &event, decline: None, is_about_money_back: true };
            let applied = Box::pin(apply_payment(self.app, &payment, hint, self.now)).await;
            let is_done = matches!(applied, Ok(0));
            self.take(applied, &event, Some(&payment)).await?;
            if is_done {
                store::forget(db, &payment).await?;
            }
        }
        Ok(())
    }

    /// Counts the result of an event, and stores its payment when it was passed over. An error stops the sweep.
    async fn take(
        &mut self,
        applied: Result<usize, Error>,
        event: &EventId,
        payment: Option<&PaymentIntentId>,
    ) -> Result<(), Error> {
        if applied.as_ref().is_err_and(Error::is_outage) {
            return applied.map(drop);
        }
        let cause = cause(&applied, event, payment);
        match applied {
            Ok(passed_over) => {
                self.caught.events += 1;
                self.caught.passed_over += passed_over;
            }
            // As an error it would stop all later events for as long as it lasts.
            Err(error) => {
                self.caught.passed_over += 1;
                if let Error::Stripe(StripeError::Unknown(_)) = error {
                    self.unclear.extend(payment.cloned());
                }
                if self.unclear.len() >= MAX_UNCLEAR {
                    return Err(error);
                }
            }
        }
        remember(self.app, cause, event, payment, self.now).await
    }
}
