//! Every query of orders with their lines and payments. A read is one statement for any number of lines.

mod row;

use common::{contact::Phone, timestamp::Timestamp};
use platform::postgres;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgExecutor, Row as _, types::Json};
use stripe::PaymentIntentId;
use uuid::Uuid;

use self::row::Row;
use super::domain::{Method, Order};
use crate::{
    error::Error,
    ids::{OrderId, Owner},
    limits::{
        domain::{Change, Count, Counters, Kind, Limits},
        store::bytes,
    },
    pricing::OrderLine,
};

/// The columns of an order, its lines as one JSON value.
macro_rules! order_columns {
    () => {
        "o.id, o.owner_kind, o.owner_id, o.request_hash, o.state, o.version, o.due_at, o.expires_at, o.currency,
         o.subtotal, o.shipping, o.tax, o.total, o.shipping_method, o.shipping_tax, o.shipping_address, o.email, o.notify_by, o.phone,
         o.locale, o.from_cart, o.cart_version, o.no_more_tries, o.closing_reason, o.answer, o.created_at, o.updated_at, p.method,
         p.stripe_customer, p.stripe_payment_method, p.stripe_payment_intent, p.client_secret, p.captured, p.refunded,
         p.disputed, p.failure_code, p.failure_message,
         (SELECT jsonb_agg(to_jsonb(l) - 'order_id' - 'position' ORDER BY l.position)
          FROM order_lines l WHERE l.order_id = o.id) AS lines"
    };
}

/// A query of whole orders.
macro_rules! select_order {
    ($($rest:literal)*) => {
        concat!("SELECT ", order_columns!(), " FROM orders o JOIN payments p ON p.order_id = o.id ", $($rest),*)
    };
}

/// The order of this id, of any owner.
pub async fn find(db: impl PgExecutor<'_>, id: OrderId) -> Result<Option<Order>, Error> {
    let found: Option<Row> =
        sqlx::query_as(select_order!("WHERE o.id = $1")).bind(id.uuid()).fetch_optional(db).await?;
    found.map(Order::try_from).transpose()
}

/// The order of this id, if `owner` owns it.
pub async fn find_owned(db: impl PgExecutor<'_>, owner: Owner, id: OrderId) -> Result<Option<Order>, Error> {
    let find = select_order!("WHERE o.id = $1 AND o.owner_id = $2 AND o.owner_kind = $3");
    let found: Option<Row> =
        sqlx::query_as(find).bind(id.uuid()).bind(owner.id()).bind(owner.kind()).fetch_optional(db).await?;
    found.map(Order::try_from).transpose()
}

/// The order whose own PaymentIntent is `intent`; or else the order `named` in its metadata.
pub async fn find_of_payment(
    db: impl PgExecutor<'_>,
    intent: &PaymentIntentId,
    named: Option<OrderId>,
) -> Result<Option<Order>, Error> {
    let find = select_order!(
        "WHERE p.stripe_payment_intent = $1 OR p.order_id = $2
         ORDER BY (p.stripe_payment_intent = $1) IS TRUE DESC LIMIT 1"
    );
    let found: Option<Row> =
        sqlx::query_as(find).bind(intent.as_str()).bind(named.map(OrderId::uuid)).fetch_optional(db).await?;
    found.map(Order::try_from).transpose()
}

/// Saves the id of an order's own PaymentIntent unless one is saved already. Returns the saved id.
pub async fn pin_payment(
    db: impl PgExecutor<'_>,
    order: OrderId,
    intent: &PaymentIntentId,
) -> Result<PaymentIntentId, Error> {
    let pin = "UPDATE payments SET stripe_payment_intent = coalesce(stripe_payment_intent, $2)
               WHERE order_id = $1 RETURNING stripe_payment_intent";
    let pinned: String = sqlx::query_scalar(pin).bind(order.uuid()).bind(intent.as_str()).fetch_one(db).await?;
    pinned.parse().map_err(|_| Error::Corrupt(format!("payment of order {order}")))
}

/// Position of an order in the list of its owner, newest first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cursor {
    /// When the order was made.
    pub created_at: Timestamp,
    /// Id, which orders those of one moment.
    pub id: OrderId,
}

/// Up to `count` orders of an owner after `after`, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    owner: Owner,
    after: Option<Cursor>,
    count: usize,
) -> Result<Vec<Order>, Error> {
    let list = select_order!(
        "WHERE o.owner_id = $1 AND o.owner_kind = $2
           AND ($3::timestamptz IS NULL OR (o.created_at, o.id) < ($3, $4))
         ORDER BY o.created_at DESC, o.id DESC LIMIT $5"
    );
    let rows: Vec<Row> = sqlx::query_as(list)
        .bind(owner.id())
        .bind(owner.kind())
        .bind(after.map(|cursor| cursor.created_at.to_offset()))
        .bind(after.map(|cursor| cursor.id.uuid()))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// The stored state that an attempt starts from.
#[derive(Debug)]
pub struct Found {
    /// The order that its key made.
    pub order: Option<Order>,
    /// The live order that the version of the cart became, under any key.
    pub of_cart: Option<OrderId>,
    /// Whether the attempt has ended and its stock was released.
    pub is_ended: bool,
    /// The count of each of its counters.
    pub counts: Vec<Count>,
}

/// Everything that an attempt needs from the database before it calls other services, in one round trip.
pub async fn look_up(
    db: impl PgExecutor<'_>,
    id: OrderId,
    cart_version: Option<i64>,
    counters: &Counters,
) -> Result<Found, Error> {
    let look_up = concat!(
        "SELECT (SELECT l.id FROM orders l WHERE l.owner_id = $2 AND l.owner_kind = $3 AND l.cart_version = $4
                 AND l.state IN ('pending', 'requires_action', 'paid')) AS of_cart,
                (SELECT jsonb_agg(jsonb_build_object('kind', c.kind, 'open_orders', c.open_orders,
                        'held_units', c.held_units, 'declines', c.declines,
                        'declines_until', (extract(epoch FROM c.declines_until) * 1000)::bigint,
                        'is_ended', $1 = ANY (c.ended_attempts)))
                 FROM unnest($5::text[], $6::bytea[]) AS k (kind, key) JOIN limit_counters c USING (kind, key)) AS counts, ",
        order_columns!(),
        " FROM (VALUES (1)) AS one (row) LEFT JOIN (orders o JOIN payments p ON p.order_id = o.id) ON o.id = $1"
    );
    let row = sqlx::query(look_up)
        .bind(id.uuid())
        .bind(counters.owner.id())
        .bind(counters.owner.kind())
        .bind(cart_version)
        .bind(counters.each().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>())
        .bind(bytes(counters.each().map(|(_, key)| key)))
        .fetch_one(db)
        .await?;
    let is_made = row.try_get::<Option<Uuid>, _>("id")?.is_some();
    let order = if is_made { Some(Order::try_from(Row::from_row(&row)?)?) } else { None };
    let of_cart: Option<Uuid> = row.try_get("of_cart")?;
    let known = row.try_get::<Option<Json<Vec<CountRow>>>, _>("counts")?.map(|known| known.0).unwrap_or_default();
    let counts = counters.each().map(|(kind, _)| match known.iter().find(|count| count.kind == kind.as_str()) {
        Some(count) => count.read(kind),
        None => Count::of_nothing(kind),
    });
    Ok(Found {
        order,
        of_cart: of_cart.map(OrderId::from),
        is_ended: known.iter().any(|count| count.is_ended),
        counts: counts.collect(),
    })
}

#[derive(Deserialize)]
struct CountRow {
    kind: String,
    open_orders: i64,
    held_units: i64,
    declines: i64,
    declines_until: Option<i64>,
    is_ended: bool,
}

impl CountRow {
    fn read(&self, kind: Kind) -> Count {
        let Self { open_orders, held_units, declines, declines_until, .. } = *self;
        let declines_until = declines_until.and_then(Timestamp::from_unix_millis);
        Count { kind, open_orders, held_units, declines, declines_until }
    }
}

/// The ids of an owner's open orders, oldest first; at most 20.
pub async fn open_ids(db: impl PgExecutor<'_>, owner: Owner) -> Result<Vec<OrderId>, Error> {
    let open = "SELECT id FROM orders WHERE owner_id = $1 AND owner_kind = $2 AND due_at IS NOT NULL
                ORDER BY created_at, id LIMIT 20";
    let ids: Vec<Uuid> = sqlx::query_scalar(open).bind(owner.id()).bind(owner.kind()).fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId::from).collect())
}

/// Result of saving a new order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The order is saved and counted.
    Made,
    /// The order exists: another request with the same key was first.
    Exists,
    /// The version of the cart became an order under another key.
    CartOrdered,
    /// A counter has no room for it, or the attempt has ended. Nothing is saved and nothing counted.
    NoRoom,
}

/// Saves a new order with its lines and payment and takes its counters, in one statement and so in one commit. The
/// database's constraints decide every race; when one is violated, nothing of the statement is saved.
///
/// The order is inserted before its counters are taken, and they are taken in the order of their keys, as everywhere:
/// so no two statements deadlock.
pub async fn insert(
    db: impl PgExecutor<'_>,
    order: &Order,
    counters: &Counters,
    limits: &Limits,
) -> Result<Inserted, Error> {
    let insert = "WITH made AS (
            INSERT INTO orders (id, owner_kind, owner_id, request_hash, state, version, due_at, expires_at, currency,
                                subtotal, shipping, tax, total, shipping_method, shipping_tax, shipping_address, email,
                                locale, from_cart, created_at, updated_at, cart_version, recipient_key, source_key,
                                counted_units, notify_by, phone)
            VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19, $33, $34,
                    $35, $36::integer, $47, $48)
            RETURNING id),
        lines AS (
            INSERT INTO order_lines (order_id, position, sku, product_id, title, options, quantity, unit_price, subtotal,
                                     tax, total, tax_class)
            SELECT made.id, line.* FROM made,
                unnest($20::smallint[], $21::text[], $22::uuid[], $23::text[], $24::jsonb[], $25::integer[],
                       $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[], $46::text[]) AS line),
        taken AS (
            INSERT INTO limit_counters AS c (kind, key, open_orders, held_units, expires_at)
            SELECT k.kind, k.key, 1, $36::integer, $39::timestamptz FROM made, unnest($37::text[], $38::bytea[]) AS k (kind, key)
            WHERE $36::integer <= CASE k.kind WHEN 'source' THEN $44::bigint ELSE $41::bigint END
            ORDER BY k.kind, k.key
            ON CONFLICT (kind, key) DO UPDATE SET
                open_orders = c.open_orders + 1,
                held_units = c.held_units + excluded.held_units,
                declines = CASE WHEN c.declines_until > $19 THEN c.declines ELSE 0 END,
                expires_at = greatest(c.expires_at, excluded.expires_at)
            WHERE c.open_orders < CASE c.kind WHEN 'source' THEN $43::bigint ELSE $40::bigint END
              AND c.held_units + excluded.held_units <= CASE c.kind WHEN 'source' THEN $44::bigint ELSE $41::bigint END
              AND CASE WHEN c.declines_until > $19 THEN c.declines ELSE 0 END + c.open_orders
                  < CASE c.kind WHEN 'source' THEN $45::bigint ELSE $42::bigint END
              AND NOT $1 = ANY (c.ended_attempts)
            RETURNING 1)
        INSERT INTO payments (order_id, method, stripe_customer, stripe_payment_method, amount, within_limits)
        SELECT made.id, $30, $31, $32, $12, (SELECT count(*) FROM taken) = cardinality($37::text[]) FROM made";
    let pricing = &order.pricing;
    let lines = &pricing.lines;
    let each = |amount: fn(&OrderLine) -> i64| lines.iter().map(amount).collect::<Vec<i64>>();
    let (customer, payment_method) = match &order.payment.method {
        Method::Saved { customer, payment_method } => (Some(customer.to_string()), Some(payment_method.to_string())),
        Method::Client => (None, None),
    };
    let done = sqlx::query(insert)
        .bind(order.id.uuid())
        .bind(order.owner.kind())
        .bind(order.owner.id())
        .bind(&order.request_hash[..])
        .bind(order.state.as_str())
        .bind(order.due_at.map(Timestamp::to_offset))
        .bind(order.expires_at.to_offset())
        .bind(pricing.currency().to_string())
        .bind(pricing.subtotal.amount)
        .bind(pricing.shipping.price.amount)
        .bind(pricing.tax.amount)
        .bind(pricing.total.amount)
        .bind(pricing.shipping.method.as_str())
        .bind(pricing.shipping.tax.amount)
        .bind(Json(&order.shipping_address))
        .bind(order.email.as_str())
        .bind(order.locale.as_ref().map(ToString::to_string))
        .bind(order.from_cart)
        .bind(order.created_at.to_offset())
        .bind((0_i16..).take(lines.len()).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.sku.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.product_id).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| line.title.as_str()).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| Json(&line.options)).collect::<Vec<_>>())
        .bind(lines.iter().map(|line| i32::try_from(line.quantity).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(each(|line| line.unit_price.amount))
        .bind(each(|line| line.subtotal.amount))
        .bind(each(|line| line.tax.amount))
        .bind(each(|line| line.total.amount))
        .bind(order.payment.method.as_str())
        .bind(customer)
        .bind(payment_method)
        .bind(order.cart_version)
        .bind(counters.recipient.as_ref().map(|key| &key[..]))
        .bind(counters.source.as_ref().map(|key| &key[..]))
        .bind(i32::try_from(order.units()).unwrap_or(i32::MAX))
        .bind(counters.each().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>())
        .bind(bytes(counters.each().map(|(_, key)| key)))
        .bind(order.created_at.plus(limits.keep_for()).to_offset())
        .bind(i64::from(limits.caller.open_orders))
        .bind(i64::from(limits.caller.held_units))
        .bind(i64::from(limits.caller.declines))
        .bind(i64::from(limits.source.open_orders))
        .bind(i64::from(limits.source.held_units))
        .bind(i64::from(limits.source.declines))
        .bind(lines.iter().map(|line| line.tax_class.as_str()).collect::<Vec<_>>())
        .bind(order.notify_by.names())
        .bind(order.phone.as_ref().map(Phone::as_str))
        .execute(db)
        .await;
    done.map_or_else(not_inserted, |_| Ok(Inserted::Made))
}

/// The constraint that a new order violated.
fn not_inserted(error: sqlx::Error) -> Result<Inserted, Error> {
    match postgres::violated(&error) {
        Some("orders_pkey") => Ok(Inserted::Exists),
        Some("orders_one_live_per_cart") => Ok(Inserted::CartOrdered),
        Some("payments_within_limits") => Ok(Inserted::NoRoom),
        _ => Err(error.into()),
    }
}

/// Saves the change of an order from `before` to `after`, and takes it off its counters when that closes it. Returns false,
/// and writes nothing, when the order is not in the version of `before`.
pub async fn save(db: &mut PgConnection, before: &Order, after: &Order, limits: &Limits) -> Result<bool, Error> {
    // The hashes of recipient and source are deleted when the order closes, unless declines of its payment may still arrive.
    let save = "WITH before AS (
            SELECT id, owner_kind, owner_id, recipient_key, source_key, counted_units FROM orders
            WHERE id = $1 AND version = $2 FOR UPDATE),
        changed AS (
            UPDATE orders o SET state = $3, version = $4, due_at = $5, closing_reason = $6, answer = $7, updated_at = $8,
                counted_units = CASE WHEN $16 THEN NULL ELSE o.counted_units END,
                recipient_key = CASE WHEN $16 AND o.declines = '{}' THEN NULL ELSE o.recipient_key END,
                source_key = CASE WHEN $16 AND o.declines = '{}' THEN NULL ELSE o.source_key END
            FROM before WHERE o.id = before.id AND o.version = $2 RETURNING before.*),
        held AS MATERIALIZED (
            SELECT c.kind, c.key, changed.counted_units AS units
            FROM changed, LATERAL (VALUES (owner_kind, uuid_send(owner_id)), ('recipient', recipient_key),
                                          ('source', source_key)) AS k (kind, key)
            JOIN limit_counters c USING (kind, key)
            WHERE $16 AND counted_units IS NOT NULL ORDER BY c.kind, c.key FOR UPDATE OF c),
        given_back AS (
            UPDATE limit_counters c SET
                open_orders = c.open_orders - 1,
                held_units = c.held_units - held.units,
                declines = CASE WHEN c.declines_until > $8 THEN c.declines ELSE 0 END + $17,
                declines_until = CASE WHEN $17 = 0 OR c.declines_until > $8 THEN c.declines_until ELSE $18 END,
                expires_at = greatest(c.expires_at, $19)
            FROM held WHERE c.kind = held.kind AND c.key = held.key)
        UPDATE payments SET stripe_payment_intent = $9, client_secret = $10, captured = $11, refunded = $12,
                            disputed = $13, failure_code = $14, failure_message = $15
        FROM changed WHERE order_id = changed.id";
    let Change { closes, declined } = Change::between(before, after);
    let payment = &after.payment;
    let done = sqlx::query(save)
        .bind(after.id.uuid())
        .bind(before.version)
        .bind(after.state.as_str())
        .bind(after.version)
        .bind(after.due_at.map(Timestamp::to_offset))
        .bind(&after.cancellation_reason)
        .bind(&after.answer)
        .bind(after.updated_at.to_offset())
        .bind(payment.intent.as_ref().map(PaymentIntentId::to_string))
        .bind(payment.client_secret.as_ref().map(|secret| secret.0.as_str()))
        .bind(payment.captured)
        .bind(payment.refunded)
        .bind(payment.disputed)
        .bind(payment.failure.as_ref().map(|failure| &failure.code))
        .bind(payment.failure.as_ref().map(|failure| &failure.message))
        .bind(closes)
        .bind(i32::from(declined))
        .bind(after.updated_at.plus(limits.window).to_offset())
        .bind(after.updated_at.plus(limits.keep_for()).to_offset())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Acquires the lease of a pending order until `until`. Returns false when the lease has not run out, or another acquired it.
pub async fn acquire_lease(
    db: impl PgExecutor<'_>,
    order: &Order,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let acquire = "UPDATE orders SET due_at = $4 WHERE id = $1 AND version = $2 AND state = 'pending' AND due_at <= $3";
    let done = sqlx::query(acquire)
        .bind(order.id.uuid())
        .bind(order.version)
        .bind(now.to_offset())
        .bind(until.to_offset())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Releases the lease of a pending order, so that the next request or sweep may work on it at once.
pub async fn release_lease(db: impl PgExecutor<'_>, order: &Order, now: Timestamp) -> Result<(), Error> {
    let release = "UPDATE orders SET due_at = $3 WHERE id = $1 AND version = $2 AND state = 'pending'";
    sqlx::query(release).bind(order.id.uuid()).bind(order.version).bind(now.to_offset()).execute(db).await?;
    Ok(())
}

/// Claims up to `count` open orders that are due, with a lease until `until`; two sweeps never claim the same.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    count: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<OrderId>, Error> {
    let claim = "UPDATE orders SET due_at = $2
                WHERE id = ANY (ARRAY(SELECT id FROM orders WHERE due_at <= $1
                                      ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
                RETURNING id";
    let ids: Vec<Uuid> =
        sqlx::query_scalar(claim).bind(now.to_offset()).bind(until.to_offset()).bind(count).fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId::from).collect())
}
