//! Queries of the cursor in Stripe's list of events, and of passed-over payments.

use common::timestamp::Timestamp;
use sqlx::PgExecutor;
use stripe::{EventId, PaymentIntentId};

use crate::error::Error;

/// The newest event that was applied; `None` before the first.
pub async fn cursor(db: impl PgExecutor<'_>) -> Result<Option<EventId>, Error> {
    let id: Option<String> = sqlx::query_scalar("SELECT event_id FROM stripe_event_cursor").fetch_optional(db).await?;
    id.map(|id| id.parse().map_err(|_| Error::Corrupt("the cursor of Stripe's events".to_owned()))).transpose()
}

/// Stores the newest event that was applied. Two sweeps at once may move it back: then some events are applied again.
pub async fn move_cursor(db: impl PgExecutor<'_>, to: &EventId, now: Timestamp) -> Result<(), Error> {
    let remember = "INSERT INTO stripe_event_cursor (event_id, read_at) VALUES ($1, $2)
                    ON CONFLICT (only_row) DO UPDATE SET event_id = excluded.event_id, read_at = excluded.read_at";
    sqlx::query(remember).bind(to.to_string()).bind(now.to_offset()).execute(db).await?;
    Ok(())
}

/// Stores a payment of which an event was passed over. It is tried again at once and then at growing intervals of up to six
/// hours.
pub async fn pass_over(
    db: impl PgExecutor<'_>,
    payment: &PaymentIntentId,
    event: &EventId,
    cause: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let remember = "INSERT INTO stripe_passed_over (payment_intent, event_id, cause, due_at) VALUES ($1, $2, $3, $4)
                    ON CONFLICT (payment_intent) DO UPDATE SET event_id = excluded.event_id, cause = excluded.cause";
    sqlx::query(remember)
        .bind(payment.as_str())
        .bind(event.as_str())
        .bind(cause)
        .bind(now.to_offset())
        .execute(db)
        .await?;
    Ok(())
}

/// Claims payments that are to be tried again; two sweeps never claim the same.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    count: i64,
    now: Timestamp,
) -> Result<Vec<(PaymentIntentId, EventId)>, Error> {
    let claim = "UPDATE stripe_passed_over SET attempts = attempts + 1,
                    due_at = $1::timestamptz + least(30 * 2 ^ least(attempts, 12), 21600) * interval '1 second'
                WHERE payment_intent = ANY (ARRAY(SELECT payment_intent FROM stripe_passed_over WHERE due_at <= $1
                                                  ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING payment_intent, event_id";
    let rows: Vec<(String, String)> = sqlx::query_as(claim).bind(now.to_offset()).bind(count).fetch_all(db).await?;
    let corrupt = |_| Error::Corrupt("a payment that was passed over".to_owned());
    rows.into_iter()
        .map(|(payment, event)| Ok((payment.parse().map_err(corrupt)?, event.parse().map_err(corrupt)?)))
        .collect()
}

/// Deletes a passed-over payment that was applied.
pub async fn forget(db: impl PgExecutor<'_>, payment: &PaymentIntentId) -> Result<(), Error> {
    sqlx::query("DELETE FROM stripe_passed_over WHERE payment_intent = $1").bind(payment.as_str()).execute(db).await?;
    Ok(())
}
