//! Every query of carts. Each is one statement on one row, so that simultaneous changes wait for each other and none is
//! lost.

use std::{collections::BTreeMap, time::Duration};

use common::{etag::IfMatch, sku::Sku, timestamp::Timestamp};
use sqlx::{FromRow, PgExecutor, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Cart, CartItem, ClearCart, Owner, OwnerId, items};

/// How long a guest's cart is kept after its last change: until all sessions that could reach it have ended, and a day
/// more for their access tokens.
const UNUSED_FOR: Duration = crate::sessions::domain::WHOLE_LIFE.saturating_add(Duration::from_hours(24));
/// How long cleared orders are recorded; far longer than the outbox repeats a message.
const CLEARINGS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How many rows one sweep deletes at most.
const BATCH: i64 = 1_000;

#[derive(FromRow)]
struct CartRow {
    owner_id: Uuid,
    items: Json<BTreeMap<Sku, u32>>,
    version: i64,
    updated_at: Option<OffsetDateTime>,
}

impl From<CartRow> for Cart {
    fn from(row: CartRow) -> Self {
        let updated_at = row.updated_at.map(Timestamp::from);
        Self { owner_id: row.owner_id.into(), version: row.version, items: items(row.items.0), updated_at }
    }
}

/// Finds the cart of a user or a guest; an empty one when there is none.
pub async fn find(db: impl PgExecutor<'_>, owner: OwnerId) -> Result<Cart, sqlx::Error> {
    let select = "SELECT owner_id, items, version, updated_at FROM carts WHERE owner_id = $1";
    let row: Option<CartRow> = sqlx::query_as(select).bind(owner.uuid()).fetch_optional(db).await?;
    Ok(row.map_or_else(|| Cart::empty(owner), Cart::from))
}

/// Sets the quantity of a SKU in a cart; `None` when `if_match` does not allow the cart's version. Setting the same
/// quantity keeps the version. A new cart begins above every version that was ever deleted, so that no version of an
/// owner is used twice. The constraint `carts_item_limit` fails the statement when the cart would have too many items.
pub async fn put_item(
    db: impl PgExecutor<'_>,
    owner: Owner,
    item: &CartItem,
    if_match: &IfMatch,
    now: Timestamp,
) -> Result<Option<Cart>, sqlx::Error> {
    let put = "INSERT INTO carts AS cart (user_id, guest_id, items, version, created_at, updated_at)
               SELECT $1, $2, jsonb_build_object($3::text, $4::int), deleted + 1, $5, $5 FROM cart_versions
               WHERE $6::bigint[] IS NULL OR 0 = ANY ($6)
                   OR EXISTS (SELECT FROM carts WHERE owner_id = COALESCE($1, $2))
               ON CONFLICT (owner_id) DO UPDATE SET
                   items = cart.items || excluded.items,
                   version = cart.version + (NOT cart.items @> excluded.items)::int,
                   updated_at = CASE WHEN cart.items @> excluded.items THEN cart.updated_at
                                     ELSE GREATEST($5, cart.updated_at) END
               WHERE $6 IS NULL OR cart.version = ANY ($6)
               RETURNING owner_id, items, version, updated_at";
    let (user_id, guest_id) = match owner {
        Owner::User(id) => (Some(id), None),
        Owner::Guest(id) => (None, Some(id)),
    };
    let row: Option<CartRow> = sqlx::query_as(put)
        .bind(user_id)
        .bind(guest_id)
        .bind(item.sku.as_str())
        .bind(i64::from(item.quantity))
        .bind(now.to_offset())
        .bind(if_match.versions_of(owner.id().uuid()))
        .fetch_optional(db)
        .await?;
    Ok(row.map(Cart::from))
}

/// Removes a SKU from a cart; `None` when `if_match` does not allow the cart's version. An owner without a cart is at
/// version 0.
pub async fn delete_item(
    db: impl PgExecutor<'_>,
    owner: OwnerId,
    sku: &Sku,
    if_match: &IfMatch,
    now: Timestamp,
) -> Result<Option<Cart>, sqlx::Error> {
    let delete = "WITH changed AS (
                      UPDATE carts SET items = items - $2, version = version + (items ? $2)::int,
                          updated_at = CASE WHEN items ? $2 THEN GREATEST($3, updated_at) ELSE updated_at END
                      WHERE owner_id = $1 AND ($4::bigint[] IS NULL OR version = ANY ($4))
                      RETURNING owner_id, items, version, updated_at)
                  SELECT owner_id, items, version, updated_at FROM changed
                  UNION ALL
                  SELECT $1, '{}', 0, NULL
                  WHERE ($4 IS NULL OR 0 = ANY ($4)) AND NOT EXISTS (SELECT FROM carts WHERE owner_id = $1)";
    let row: Option<CartRow> = sqlx::query_as(delete)
        .bind(owner.uuid())
        .bind(sku.as_str())
        .bind(now.to_offset())
        .bind(if_match.versions_of(owner.uuid()))
        .fetch_optional(db)
        .await?;
    Ok(row.map(Cart::from))
}

/// Subtracts the ordered quantities from a cart, once for each order. Items that were added since stay.
pub async fn clear(
    db: impl PgExecutor<'_>,
    owner: OwnerId,
    command: &ClearCart,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let clear = "WITH first AS (
                     INSERT INTO cart_clearings (order_id, cleared_at) VALUES ($2, $4)
                     ON CONFLICT (order_id) DO NOTHING RETURNING order_id)
                 UPDATE carts SET version = version + 1, updated_at = GREATEST($4, updated_at),
                     items = (SELECT COALESCE(jsonb_object_agg(sku, held - ordered), '{}')
                              FROM (SELECT sku, quantity::int AS held, COALESCE(($3 ->> sku)::int, 0) AS ordered
                                    FROM jsonb_each_text(items) AS item (sku, quantity)) AS line
                              WHERE held > ordered)
                 WHERE owner_id = $1 AND items ?| ARRAY(SELECT jsonb_object_keys($3::jsonb))
                     AND EXISTS (SELECT FROM first)";
    sqlx::query(clear)
        .bind(owner.uuid())
        .bind(command.order_id.0)
        .bind(Json(command.quantities()))
        .bind(now.to_offset())
        .execute(db)
        .await
        .map(|_| ())
}

/// Deletes carts that no guest can reach any more, and records the highest of their versions; returns how many.
pub async fn delete_unused(db: impl PgExecutor<'_>, now: Timestamp) -> Result<i64, sqlx::Error> {
    let delete = "WITH gone AS (
                      DELETE FROM carts WHERE owner_id = ANY (ARRAY(
                          SELECT owner_id FROM carts WHERE guest_id IS NOT NULL AND updated_at <= $1
                          ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED))
                      RETURNING version),
                  highest AS (
                      UPDATE cart_versions SET deleted = GREATEST(deleted, (SELECT max(version) FROM gone))
                      WHERE deleted < (SELECT max(version) FROM gone))
                  SELECT count(*) FROM gone";
    let before = now.minus(UNUSED_FOR).to_offset();
    sqlx::query_scalar(delete).bind(before).bind(BATCH).fetch_one(db).await
}

/// Deletes old records of cleared orders; returns how many.
pub async fn delete_old_clearings(db: impl PgExecutor<'_>, now: Timestamp) -> Result<u64, sqlx::Error> {
    let delete = "DELETE FROM cart_clearings WHERE order_id = ANY (ARRAY(
                      SELECT order_id FROM cart_clearings WHERE cleared_at <= $1
                      ORDER BY cleared_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let before = now.minus(CLEARINGS_KEPT).to_offset();
    Ok(sqlx::query(delete).bind(before).bind(BATCH).execute(db).await?.rows_affected())
}
