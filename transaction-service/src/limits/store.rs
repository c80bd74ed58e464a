//! Queries of the counters alone. Orders are counted in the statement that makes them, and discounted in the one that closes
//! them (`orders::store`). Rows are locked in the order of their keys everywhere, and after the order's.

use std::time::Duration;

use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use sqlx::{FromRow, PgConnection, PgExecutor};
use stripe::SetupIntentId;
use uuid::Uuid;

use super::domain::{Limits, owner_key};
use crate::{
    error::Error,
    ids::{OrderId, Owner},
};

/// Most counters that one sweep corrects.
const AT_ONCE: i64 = 50;
/// Most rows that one sweep deletes or clears.
const ROWS: i64 = 1_000;
/// Most SetupIntents that one sweep cancels.
const CANCELLATIONS: i64 = 20;
/// Time that the declines of a SetupIntent are kept after the last: Stripe lists events for 30 days.
const KEEP_SETUPS: Duration = Duration::from_hours(31 * 24);

/// Marks an attempt as ended in its owner's counter, which every statement that makes an order has to take: from here on
/// none can make one of this attempt, and one in progress is waited for. Only the newest 64 are kept, many more than a caller
/// has in progress.
pub async fn end_attempt(
    db: &mut PgConnection,
    owner: Owner,
    attempt: OrderId,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), Error> {
    let end =
        "INSERT INTO limit_counters AS c (kind, key, ended_attempts, expires_at) VALUES ($1, $2, ARRAY[$3::uuid], $4)
               ON CONFLICT (kind, key) DO UPDATE SET
                   expires_at = greatest(c.expires_at, excluded.expires_at),
                   ended_attempts = CASE WHEN $3 = ANY (c.ended_attempts) THEN c.ended_attempts
                                         WHEN cardinality(c.ended_attempts) < 64 THEN c.ended_attempts || $3
                                         ELSE c.ended_attempts[2:] || $3 END";
    let (kind, key) = owner_key(owner);
    sqlx::query(end)
        .bind(kind.as_str())
        .bind(&key[..])
        .bind(attempt.uuid())
        .bind(now.plus(limits.keep_for()).to_offset())
        .execute(db)
        .await?;
    Ok(())
}

/// Number of declines so far.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Declined {
    /// Declines of the order, or of the SetupIntent.
    pub of_one: i64,
    /// Declines of its caller, or of the e-mail address that a guest gave, whichever has more.
    pub of_caller: i64,
    /// Whether this decline was not counted before.
    pub is_new: bool,
}

/// Counts a decline of this name, unless it is counted already, for the order and in all counters of the order. Returns the
/// new counts.
pub async fn count_decline(
    db: impl PgExecutor<'_>,
    order: OrderId,
    name: &str,
    limits: &Limits,
    now: Timestamp,
) -> Result<Declined, Error> {
    let count = "WITH noted AS (
            UPDATE orders SET declines = array_append(declines, $2)
            WHERE id = $1 AND NOT $2 = ANY (declines) AND cardinality(declines) < 1000
            RETURNING owner_kind, owner_id, recipient_key, source_key, cardinality(declines)::bigint AS declines),
        counted AS (
            INSERT INTO limit_counters AS c (kind, key, declines, declines_until, expires_at)
            SELECT k.kind, k.key, 1, $4::timestamptz, $5::timestamptz
            FROM noted, LATERAL (VALUES (owner_kind, uuid_send(owner_id)), ('recipient', recipient_key),
                                        ('source', source_key)) AS k (kind, key)
            WHERE k.key IS NOT NULL ORDER BY k.kind, k.key
            ON CONFLICT (kind, key) DO UPDATE SET
                declines = CASE WHEN c.declines_until > $3 THEN c.declines ELSE 0 END + 1,
                declines_until = CASE WHEN c.declines_until > $3 THEN c.declines_until ELSE $4 END,
                expires_at = greatest(c.expires_at, $5)
            RETURNING kind, declines)
        SELECT coalesce((SELECT declines FROM noted),
                        (SELECT cardinality(declines)::bigint FROM orders WHERE id = $1), 0) AS of_one,
               coalesce((SELECT max(declines)::bigint FROM counted WHERE kind <> 'source'),
                        (SELECT max(c.declines)::bigint FROM orders o
                         JOIN limit_counters c ON (c.kind, c.key) IN
                             ((o.owner_kind, uuid_send(o.owner_id)), ('recipient', o.recipient_key))
                         WHERE o.id = $1 AND c.declines_until > $3), 0) AS of_caller,
               EXISTS (SELECT FROM noted) AS is_new";
    let declined = sqlx::query_as(count)
        .bind(order.uuid())
        .bind(name)
        .bind(now.to_offset())
        .bind(now.plus(limits.window).to_offset())
        .bind(now.plus(limits.keep_for()).to_offset())
        .fetch_one(db)
        .await?;
    Ok(declined)
}

/// Counts a declined card of this SetupIntent by the name of the attempt, unless it is counted already, for the SetupIntent
/// and for its account. Returns the new counts.
pub async fn count_declined_setup(
    db: impl PgExecutor<'_>,
    (setup_intent, attempt): (&SetupIntentId, &str),
    user: Uuid,
    limits: &Limits,
    now: Timestamp,
) -> Result<Declined, Error> {
    let count = "WITH noted AS (
            INSERT INTO setup_declines AS s (setup_intent, attempts, expires_at) VALUES ($1, ARRAY[$2::text], $7)
            ON CONFLICT (setup_intent) DO UPDATE SET
                attempts = array_append(s.attempts, $2), expires_at = excluded.expires_at
            WHERE NOT $2 = ANY (s.attempts) AND cardinality(s.attempts) < 1000
            RETURNING cardinality(attempts)::bigint AS declines),
        counted AS (
            INSERT INTO limit_counters AS c (kind, key, declines, declines_until, expires_at)
            SELECT 'user', $3, 1, $5::timestamptz, $6::timestamptz FROM noted
            ON CONFLICT (kind, key) DO UPDATE SET
                declines = CASE WHEN c.declines_until > $4 THEN c.declines ELSE 0 END + 1,
                declines_until = CASE WHEN c.declines_until > $4 THEN c.declines_until ELSE $5 END,
                expires_at = greatest(c.expires_at, $6)
            RETURNING declines)
        SELECT coalesce((SELECT declines FROM noted),
                        (SELECT cardinality(attempts)::bigint FROM setup_declines WHERE setup_intent = $1), 0) AS of_one,
               coalesce((SELECT declines::bigint FROM counted),
                        (SELECT declines::bigint FROM limit_counters
                         WHERE kind = 'user' AND key = $3 AND declines_until > $4), 0) AS of_caller,
               EXISTS (SELECT FROM noted) AS is_new";
    let (_, key) = owner_key(Owner::User(user));
    let declined = sqlx::query_as(count)
        .bind(setup_intent.as_str())
        .bind(attempt)
        .bind(&key[..])
        .bind(now.to_offset())
        .bind(now.plus(limits.window).to_offset())
        .bind(now.plus(limits.keep_for()).to_offset())
        .bind(now.plus(KEEP_SETUPS).to_offset())
        .fetch_one(db)
        .await?;
    Ok(declined)
}

/// Stores that a SetupIntent is to be cancelled: at once by the caller of this, or by a sweep when that fails.
pub async fn remember_cancellation(
    db: impl PgExecutor<'_>,
    setup_intent: &SetupIntentId,
    now: Timestamp,
) -> Result<(), Error> {
    let remember = "UPDATE setup_declines SET cancel_due_at = $2::timestamptz + interval '30 seconds'
                    WHERE setup_intent = $1 AND cancel_due_at IS NULL";
    sqlx::query(remember).bind(setup_intent.as_str()).bind(now.to_offset()).execute(db).await?;
    Ok(())
}

/// Claims SetupIntents that are to be cancelled, with their number of declined cards: again after one minute, two, four, and
/// up to six hours. Two sweeps never claim the same.
pub async fn claim_due_cancellations(
    db: impl PgExecutor<'_>,
    now: Timestamp,
) -> Result<Vec<(SetupIntentId, i64)>, Error> {
    let claim = "UPDATE setup_declines SET cancel_attempts = cancel_attempts + 1,
                    cancel_due_at = $1::timestamptz + least(60 * 2 ^ least(cancel_attempts, 12), 21600) * interval '1 second'
                WHERE setup_intent = ANY (ARRAY(SELECT setup_intent FROM setup_declines WHERE cancel_due_at <= $1
                                                ORDER BY cancel_due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING setup_intent, cardinality(attempts)::bigint";
    let rows: Vec<(String, i64)> =
        sqlx::query_as(claim).bind(now.to_offset()).bind(CANCELLATIONS).fetch_all(db).await?;
    let corrupt = |_| Error::Corrupt("a SetupIntent that is to be cancelled".to_owned());
    rows.into_iter().map(|(id, declines)| Ok((id.parse().map_err(corrupt)?, declines))).collect()
}

/// Stores that a SetupIntent is cancelled, or cannot be cancelled any more.
pub async fn forget_cancellation(db: impl PgExecutor<'_>, setup_intent: &SetupIntentId) -> Result<(), Error> {
    let forget = "UPDATE setup_declines SET cancel_due_at = NULL WHERE setup_intent = $1";
    sqlx::query(forget).bind(setup_intent.as_str()).execute(db).await?;
    Ok(())
}

/// Deletes declines of SetupIntents that have expired. Returns their number.
pub async fn delete_expired_setups(db: impl PgExecutor<'_>, now: Timestamp) -> Result<u64, Error> {
    let delete = "DELETE FROM setup_declines
                  WHERE ctid = ANY (ARRAY(SELECT ctid FROM setup_declines WHERE expires_at <= $1
                                          LIMIT $2 FOR UPDATE SKIP LOCKED))";
    Ok(sqlx::query(delete).bind(now.to_offset()).bind(ROWS).execute(db).await?.rows_affected())
}

/// Stores that an open order accepts no more tries, so that its payment is cancelled.
pub async fn allow_no_more_tries(db: impl PgExecutor<'_>, order: OrderId) -> Result<(), Error> {
    let end = "UPDATE orders SET no_more_tries = true WHERE id = $1 AND due_at IS NOT NULL";
    sqlx::query(end).bind(order.uuid()).execute(db).await?;
    Ok(())
}

/// Deletes expired counters. Returns their number.
pub async fn delete_expired(db: impl PgExecutor<'_>, now: Timestamp) -> Result<u64, Error> {
    let delete = "DELETE FROM limit_counters
                  WHERE ctid = ANY (ARRAY(SELECT ctid FROM limit_counters WHERE open_orders = 0 AND expires_at <= $1
                                          LIMIT $2 FOR UPDATE SKIP LOCKED))";
    Ok(sqlx::query(delete).bind(now.to_offset()).bind(ROWS).execute(db).await?.rows_affected())
}

/// Deletes the hashes of recipient and source from orders that closed before this time. Returns the number of orders.
pub async fn forget_closed(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, Error> {
    let forget = "UPDATE orders SET recipient_key = NULL, source_key = NULL
                  WHERE id = ANY (ARRAY(SELECT id FROM orders
                                        WHERE due_at IS NULL AND (recipient_key IS NOT NULL OR source_key IS NOT NULL)
                                          AND updated_at < $1
                                        LIMIT $2 FOR UPDATE SKIP LOCKED))";
    Ok(sqlx::query(forget).bind(before.to_offset()).bind(ROWS).execute(db).await?.rows_affected())
}

/// A counter by its key.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Named {
    /// Kind of the counter.
    pub kind: String,
    /// Key of the counter.
    pub key: Vec<u8>,
}

/// Counters that differ from the open orders. Both are read at one moment and change together, so any is a fault.
pub async fn wrong(db: impl PgExecutor<'_>) -> Result<Vec<Named>, Error> {
    let wrong = "WITH held AS (
            SELECT k.kind, k.key, count(*) AS open_orders, sum(o.counted_units) AS held_units
            FROM orders o, LATERAL (VALUES (o.owner_kind, uuid_send(o.owner_id)), ('recipient', o.recipient_key),
                                           ('source', o.source_key)) AS k (kind, key)
            WHERE o.due_at IS NOT NULL AND o.counted_units IS NOT NULL AND k.key IS NOT NULL GROUP BY k.kind, k.key)
        SELECT kind, key FROM limit_counters c FULL JOIN held h USING (kind, key)
        WHERE coalesce(c.open_orders, 0) <> coalesce(h.open_orders, 0)
           OR coalesce(c.held_units, 0) <> coalesce(h.held_units, 0)
        LIMIT $1";
    Ok(sqlx::query_as(wrong).bind(AT_ONCE).fetch_all(db).await?)
}

/// Sets a counter to the sums of the open orders. A statement of its own locks it before they are read, so that no order
/// changes it in between.
pub async fn repair(db: &mut PgConnection, counter: &Named, expires_at: Timestamp) -> Result<(), Error> {
    let lock = "INSERT INTO limit_counters AS c (kind, key, expires_at) VALUES ($1, $2, $3)
                ON CONFLICT (kind, key) DO UPDATE SET expires_at = greatest(c.expires_at, excluded.expires_at)";
    let lock = sqlx::query(lock).bind(&counter.kind).bind(&counter.key).bind(expires_at.to_offset());
    lock.execute(&mut *db).await?;
    let set = "UPDATE limit_counters SET (open_orders, held_units) = (
                   SELECT count(*), coalesce(sum(counted_units), 0) FROM orders
                   WHERE due_at IS NOT NULL AND counted_units IS NOT NULL
                     AND CASE $1 WHEN 'recipient' THEN recipient_key = $2 WHEN 'source' THEN source_key = $2
                                 ELSE owner_kind = $1 AND uuid_send(owner_id) = $2 END)
               WHERE kind = $1 AND key = $2";
    sqlx::query(set).bind(&counter.kind).bind(&counter.key).execute(db).await?;
    Ok(())
}

/// Keys as they are bound.
pub fn bytes(keys: impl Iterator<Item = Fingerprint>) -> Vec<Vec<u8>> {
    keys.map(Vec::from).collect()
}
