//! How far Stripe's list of events has been read.

use common::timestamp::Timestamp;
use sqlx::PgExecutor;
use stripe::EventId;

use crate::error::Error;

/// The newest event that was applied; `None` before the first.
pub async fn cursor(db: impl PgExecutor<'_>) -> Result<Option<EventId>, Error> {
    let id: Option<String> = sqlx::query_scalar("SELECT event_id FROM stripe_event_cursor").fetch_optional(db).await?;
    id.map(|id| id.parse().map_err(|_| Error::Corrupt("the cursor of Stripe's events".to_owned()))).transpose()
}

/// Remembers the newest event that was applied. Two sweeps at once may move it back: then some events are applied again.
pub async fn move_cursor(db: impl PgExecutor<'_>, to: &EventId, now: Timestamp) -> Result<(), Error> {
    let remember = "INSERT INTO stripe_event_cursor (event_id, read_at) VALUES ($1, $2)
                    ON CONFLICT (only_row) DO UPDATE SET event_id = excluded.event_id, read_at = excluded.read_at";
    sqlx::query(remember).bind(to.to_string()).bind(now.to_offset()).execute(db).await?;
    Ok(())
}
