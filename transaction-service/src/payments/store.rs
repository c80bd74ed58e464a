//! In which status refunds, disputes and odd payments were seen last.

use common::timestamp::Timestamp;
use sqlx::PgExecutor;

use super::domain::statement::Seen;
use crate::ids::OrderId;

/// What was seen of an order.
pub async fn seen(db: impl PgExecutor<'_>, order: OrderId) -> Result<Seen, sqlx::Error> {
    let seen = "SELECT id, status FROM stripe_seen WHERE order_id = $1";
    let rows: Vec<(String, String)> = sqlx::query_as(seen).bind(order.uuid()).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Remembers in which status these are seen now, by id; one statement, in the caller's transaction where there is one. No id
/// may be there twice.
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
