//! Queries of the status in which refunds, disputes and mismatched payments were last seen.

use common::timestamp::Timestamp;
use sqlx::PgExecutor;

use super::domain::statement::Seen;
use crate::ids::OrderId;

/// The seen objects of an order.
pub async fn seen(db: impl PgExecutor<'_>, order: OrderId) -> Result<Seen, sqlx::Error> {
    let seen = "SELECT id, status FROM stripe_seen WHERE order_id = $1";
    let rows: Vec<(String, String)> = sqlx::query_as(seen).bind(order.uuid()).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Stores the status of these objects by id, in one statement. No id may be there twice.
pub async fn remember(
    db: impl PgExecutor<'_>,
    order: OrderId,
    seen: &[(String, String)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let remember = "INSERT INTO stripe_seen (id, order_id, status, seen_at)
                    SELECT id, $1, status, $2 FROM unnest($3::text[], $4::text[]) AS seen (id, status)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, seen_at = excluded.seen_at
                    WHERE stripe_seen.status <> excluded.status";
    let (ids, statuses): (Vec<&str>, Vec<&str>) =
        seen.iter().map(|(id, status)| (id.as_str(), status.as_str())).unzip();
    sqlx::query(remember).bind(order.uuid()).bind(now.to_offset()).bind(ids).bind(statuses).execute(db).await?;
    Ok(())
}
