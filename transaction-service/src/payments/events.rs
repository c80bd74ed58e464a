//! Stripe's events, from the webhook or from Stripe's list of them. An event names a PaymentIntent; all else is read.

pub mod store;

use common::timestamp::Timestamp;
use stripe::{Event, PaymentIntentStatus, StripeError};

use super::flow::{ORDER_ID, settle_with};
use crate::{App, error::Error, limits, orders};

/// How many pages of events one sweep reads at most.
const PAGES: usize = 5;

/// Brings the order that an event is about to what Stripe has now. Events about anything else change nothing.
pub async fn apply(app: &App, event: &Event, now: Timestamp) -> Result<(), Error> {
    let Some(id) = event.payment_intent() else { return Ok(()) };
    let intent = match app.stripe.retrieve_payment_intent(&id).await {
        Ok(intent) => intent,
        Err(StripeError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Some(order) = intent.metadata.get(ORDER_ID).and_then(|id| id.parse().ok()) else { return Ok(()) };
    let Some(order) = orders::store::find(app.database.pool().await?, order).await? else { return Ok(()) };
    // While whoever made it is at it, only what has come to an end is news; the rest is their business.
    let has_ended = matches!(intent.status, PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled);
    if order.is_in_progress(now) && !has_ended {
        return Ok(());
    }
    tracing::info!(event_id = %event.id, kind = event.kind, order_id = %order.id, "Stripe event");
    let order = limits::declines::note(app, event, order, now).await?;
    settle_with(app, order, intent, now).await.map(drop)
}

/// Reads the events since the last time, and applies those that our webhook may have missed: all of them, since applying
/// one twice changes nothing. Answers how many.
pub async fn catch_up(app: &App, now: Timestamp) -> Result<usize, Error> {
    let pool = app.database.pool().await?;
    let mut cursor = store::cursor(pool).await?;
    let mut applied = 0;
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
        let Some(newest) = page.data.first().map(|event| event.id.clone()) else { break };
        for event in page.data.iter().rev() {
            match apply(app, event, now).await {
                Ok(()) => applied += 1,
                Err(error) if error.passes() => return Err(error),
                // It would stand in the way of all that came after it, for ever.
                Err(error) => tracing::error!(%error, event_id = %event.id, "event passed over, look at its order"),
            }
        }
        store::move_cursor(pool, &newest, now).await?;
        let is_first_look = cursor.replace(newest).is_none();
        if !page.has_more || is_first_look {
            break;
        }
    }
    Ok(applied)
}
