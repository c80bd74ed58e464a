//! Every query of the ledger.

use common::timestamp::Timestamp;
use sqlx::{FromRow, PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Booking, LedgerEntry};
use crate::orders::domain::OrderId;

/// Books in the caller's transaction. What was booked before fails it, by `ledger_entries_once` or
/// `ledger_entries_one_capture`.
pub async fn book(db: &mut PgConnection, order: OrderId, bookings: &[Booking]) -> Result<(), sqlx::Error> {
    for booking in bookings {
        let accounts: Vec<&str> = booking.entries.iter().map(|entry| entry.account.as_str()).collect();
        let amounts: Vec<i64> = booking.entries.iter().map(|entry| entry.amount).collect();
        let book = "INSERT INTO ledger_entries (order_id, kind, source, account, amount, currency, booked_at)
                    SELECT $1, $2, $3, account, amount, $6, $7
                    FROM unnest($4::text[], $5::bigint[]) AS entry (account, amount)";
        sqlx::query(book)
            .bind(order.uuid())
            .bind(booking.kind.as_str())
            .bind(&booking.source)
            .bind(accounts)
            .bind(amounts)
            .bind(booking.currency.to_string())
            .bind(booking.booked_at.to_offset())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    kind: String,
    source: String,
    account: String,
    amount: i64,
    currency: String,
    booked_at: OffsetDateTime,
}

/// The entries of an order, oldest first. An order has one capture and few refunds.
pub async fn list(db: impl PgExecutor<'_>, order: OrderId) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let list = "SELECT kind, source, account, amount, currency, booked_at FROM ledger_entries
                WHERE order_id = $1 ORDER BY id";
    let rows: Vec<Row> = sqlx::query_as(list).bind(order.uuid()).fetch_all(db).await?;
    let entry = |Row { kind, source, account, amount, currency, booked_at }: Row| {
        let booked_at = Timestamp::from(booked_at);
        LedgerEntry { kind, source, account, amount, currency, booked_at }
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Which refunds of an order are booked.
pub async fn booked_refunds(db: impl PgExecutor<'_>, order: Uuid) -> Result<Vec<String>, sqlx::Error> {
    let booked = "SELECT DISTINCT source FROM ledger_entries WHERE order_id = $1 AND kind = 'refund'";
    sqlx::query_scalar(booked).bind(order).fetch_all(db).await
}
