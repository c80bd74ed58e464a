//! In which status refunds, disputes and odd payments were seen last.

use common::timestamp::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::domain::statement::Seen;
use crate::orders::domain::OrderId;

/// What was seen of an order.
pub async fn seen(db: impl PgExecutor<'_>, order: OrderId) -> Result<Seen, sqlx::Error> {
    let seen = "SELECT id, status FROM stripe_seen WHERE order_id = $1";
    let rows: Vec<(String, String)> = sqlx::query_as(seen).bind(order.uuid()).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Remembers what is seen now, by id and status, in the caller's transaction. In one statement.
pub async fn remember(
    db: &mut PgConnection,
    order: OrderId,
    seen: &[(String, String)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    note(db, order, seen, now).await.map(drop)
}

/// Remembers one thing by itself; whether that is news.
pub async fn is_news(
    db: impl PgExecutor<'_>,
    order: OrderId,
    seen: (&str, &str),
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    note(db, order, &[(seen.0.to_owned(), seen.1.to_owned())], now).await.map(|changed| changed > 0)
}

/// How many of these were not seen so before.
async fn note(
    db: impl PgExecutor<'_>,
    order: OrderId,
    seen: &[(String, String)],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let note = "INSERT INTO stripe_seen (id, order_id, status, seen_at)
                SELECT id, $1, status, $2 FROM unnest($3::text[], $4::text[]) AS seen (id, status)
                ON CONFLICT (id) DO UPDATE SET status = excluded.status, seen_at = excluded.seen_at
                WHERE stripe_seen.status <> excluded.status";
    let (ids, statuses): (Vec<&str>, Vec<&str>) =
        seen.iter().map(|(id, status)| (id.as_str(), status.as_str())).unzip();
    let done = sqlx::query(note).bind(order.uuid()).bind(now.to_offset()).bind(ids).bind(statuses).execute(db).await?;
    Ok(done.rows_affected())
}
