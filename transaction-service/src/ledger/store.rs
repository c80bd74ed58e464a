//! The queries of `ledger_entries`.

use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Booking, LedgerEntry};
use crate::{error::Error, ids::OrderId};

/// Inserts the entries of bookings, in the caller's transaction. Fails on a source that was booked before
/// (`ledger_entries_once`), on a second capture of an order (`ledger_entries_one_capture`), and on a second reversal of a
/// booking (`ledger_entries_reversed_once`).
pub async fn book(db: &mut PgConnection, order: OrderId, bookings: &[Booking]) -> Result<(), sqlx::Error> {
    for booking in bookings {
        let accounts: Vec<&str> = booking.entries.iter().map(|entry| entry.account.as_str()).collect();
        let amounts: Vec<i64> = booking.entries.iter().map(|entry| entry.amount).collect();
        let book = "INSERT INTO ledger_entries (order_id, kind, source, account, amount, currency, booked_at,
                                                 reverses)
                    SELECT $1, $2, $3, account, amount, $6, $7, $8
                    FROM unnest($4::text[], $5::bigint[]) AS entry (account, amount)";
        sqlx::query(book)
            .bind(order.uuid())
            .bind(booking.kind.as_str())
            .bind(&booking.source)
            .bind(accounts)
            .bind(amounts)
            .bind(booking.currency.to_string())
            .bind(booking.booked_at.to_offset())
            .bind(&booking.reverses)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// An entry as it is stored.
#[derive(FromRow)]
struct Row {
    kind: String,
    source: String,
    reverses: Option<String>,
    account: String,
    amount: i64,
    currency: String,
    booked_at: OffsetDateTime,
}

/// The entries of an order, oldest first. Not paged: an order has few.
pub async fn list(db: impl PgExecutor<'_>, order: OrderId) -> Result<Vec<LedgerEntry>, Error> {
    let list = "SELECT kind, source, reverses, account, amount, currency, booked_at FROM ledger_entries
                WHERE order_id = $1 ORDER BY id";
    let rows: Vec<Row> = sqlx::query_as(list).bind(order.uuid()).fetch_all(db).await?;
    let entry = |Row { kind, source, reverses, account, amount, currency, booked_at }: Row| {
        let corrupt = |what: &str| Error::Corrupt(format!("the {what} of a ledger entry of order {order}"));
        let kind = kind.parse().map_err(|_| corrupt("kind"))?;
        let account = account.parse().map_err(|_| corrupt("account"))?;
        Ok(LedgerEntry { kind, source, reverses, account, amount, currency, booked_at: booked_at.into() })
    };
    rows.into_iter().map(entry).collect()
}

/// Orders, among those of the newest `newest_entries` entries, whose ledger does not agree with their payment: the entries do
/// not sum to zero, or the captured or refunded amount differs. All entries of such an order are compared.
///
/// A failed refund does not count as refunded. Nor does a refund of unmatched money: its entries of `stripe` and `unmatched` cancel out.
pub async fn find_differing_orders(db: impl PgExecutor<'_>, newest_entries: i64) -> Result<Vec<OrderId>, Error> {
    let differing = "WITH booked AS (
            SELECT DISTINCT order_id FROM (SELECT order_id FROM ledger_entries ORDER BY id DESC LIMIT $1) AS newest),
        sums AS (
            SELECT order_id, sum(amount) AS balance,
                coalesce(sum(amount) FILTER (WHERE account = 'stripe' AND kind = 'capture'), 0) AS captured,
                coalesce(-sum(amount) FILTER (WHERE account IN ('stripe', 'unmatched')
                    AND kind IN ('refund', 'refund_failure')), 0) AS refunded
            FROM booked JOIN ledger_entries USING (order_id) GROUP BY order_id)
        SELECT order_id FROM sums JOIN payments p USING (order_id)
        WHERE balance <> 0 OR p.captured <> sums.captured OR p.refunded <> sums.refunded
        ORDER BY order_id";
    let ids: Vec<Uuid> = sqlx::query_scalar(differing).bind(newest_entries).fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId::from).collect())
}
