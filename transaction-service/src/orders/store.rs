//! Every query of orders with their lines and payments. Reads are one statement, whatever the number of lines.

use common::{
    contact::{Email, PostalAddress},
    money::{Currency, Money},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgExecutor, types::Json};
use stripe::{CustomerId, PaymentIntentId, PaymentMethodId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{ClientSecret, Failure, Method, Order, OrderId, Owner, Payment, State};
use crate::{
    error::Error,
    pricing::{Line, Pricing, Shipping},
};

/// Everything of an order, its lines as one JSON value.
macro_rules! select_order {
    ($($rest:literal)*) => {
        concat!(
            "SELECT o.id, o.owner_kind, o.owner_id, o.request_hash, o.state, o.version, o.due_at, o.expires_at,
                    o.currency, o.subtotal, o.shipping, o.tax, o.total, o.shipping_method, o.shipping_tax,
                    o.shipping_address, o.email, o.locale, o.from_cart, o.closing_reason, o.answer, o.created_at,
                    o.updated_at, p.method, p.stripe_customer, p.stripe_payment_method, p.stripe_payment_intent,
                    p.client_secret, p.captured, p.refunded, p.disputed, p.failure_code, p.failure_message,
                    (SELECT jsonb_agg(to_jsonb(l) - 'order_id' - 'position' ORDER BY l.position)
                     FROM order_lines l WHERE l.order_id = o.id) AS lines
             FROM orders o JOIN payments p ON p.order_id = o.id ",
            $($rest),*
        )
    };
}

/// The order of this id, whoever's it is.
pub async fn find(db: impl PgExecutor<'_>, id: OrderId) -> Result<Option<Order>, Error> {
    let found: Option<Row> =
        sqlx::query_as(select_order!("WHERE o.id = $1")).bind(id.uuid()).fetch_optional(db).await?;
    found.map(Order::try_from).transpose()
}

/// The order of this id, if it is the owner's.
pub async fn find_owned(db: impl PgExecutor<'_>, owner: Owner, id: OrderId) -> Result<Option<Order>, Error> {
    let find = select_order!("WHERE o.id = $1 AND o.owner_id = $2 AND o.owner_kind = $3");
    let found: Option<Row> =
        sqlx::query_as(find).bind(id.uuid()).bind(owner.id()).bind(owner.kind()).fetch_optional(db).await?;
    found.map(Order::try_from).transpose()
}

/// The order whose own PaymentIntent this is; or else the one that it names, whose own it is not, or not yet known to be.
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

/// Saves which PaymentIntent is an order's own, where that is not saved yet; which it is.
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

/// Where an order stands in the list of its owner: newest first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Place {
    /// When it was made.
    pub created_at: Timestamp,
    /// Which of those made then.
    pub id: OrderId,
}

/// Up to `count` orders of an owner after a place.
pub async fn list(
    db: impl PgExecutor<'_>,
    owner: Owner,
    after: Option<Place>,
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
        .bind(after.map(|place| place.created_at.to_offset()))
        .bind(after.map(|place| place.id.uuid()))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Saves a new order with its lines and payment, in one statement and so in one commit. False where the order exists:
/// another request with the same key was first.
pub async fn insert(db: impl PgExecutor<'_>, order: &Order) -> Result<bool, Error> {
    let insert = "WITH made AS (
            INSERT INTO orders (id, owner_kind, owner_id, request_hash, state, version, due_at, expires_at, currency,
                                subtotal, shipping, tax, total, shipping_method, shipping_tax, shipping_address, email,
                                locale, from_cart, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19)
            ON CONFLICT (id) DO NOTHING RETURNING id),
        lines AS (
            INSERT INTO order_lines (order_id, position, sku, product_id, title, options, quantity, unit_price, subtotal,
                                     tax, total)
            SELECT made.id, line.* FROM made,
                unnest($20::smallint[], $21::text[], $22::uuid[], $23::text[], $24::jsonb[], $25::integer[],
                       $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[]) AS line)
        INSERT INTO payments (order_id, method, stripe_customer, stripe_payment_method, amount)
        SELECT made.id, $30, $31, $32, $12 FROM made";
    let pricing = &order.pricing;
    let lines = &pricing.lines;
    let each = |amount: fn(&Line) -> i64| lines.iter().map(amount).collect::<Vec<i64>>();
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
        .bind(order.locale.as_ref().map(super::locale::Locale::as_str))
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
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Saves what became of an order since it was `before`. False where somebody else changed it in between; nothing is
/// written then.
pub async fn save(db: &mut PgConnection, before: &Order, after: &Order) -> Result<bool, Error> {
    let save = "WITH changed AS (
            UPDATE orders SET state = $3, version = $4, due_at = $5, closing_reason = $6, answer = $7, updated_at = $8
            WHERE id = $1 AND version = $2 RETURNING id)
        UPDATE payments SET stripe_payment_intent = $9, client_secret = $10, captured = $11, refunded = $12,
                            disputed = $13, failure_code = $14, failure_message = $15
        FROM changed WHERE order_id = changed.id";
    let payment = &after.payment;
    let done = sqlx::query(save)
        .bind(after.id.uuid())
        .bind(before.version)
        .bind(after.state.as_str())
        .bind(after.version)
        .bind(after.due_at.map(Timestamp::to_offset))
        .bind(&after.closing_reason)
        .bind(&after.answer)
        .bind(after.updated_at.to_offset())
        .bind(payment.intent.as_ref().map(PaymentIntentId::to_string))
        .bind(payment.client_secret.as_ref().map(|secret| secret.0.as_str()))
        .bind(payment.captured)
        .bind(payment.refunded)
        .bind(payment.disputed)
        .bind(payment.failure.as_ref().map(|failure| &failure.code))
        .bind(payment.failure.as_ref().map(|failure| &failure.message))
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes over a pending order whose lease ran out, until `until`. False where somebody else was quicker.
pub async fn take_over(
    db: impl PgExecutor<'_>,
    order: &Order,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let take = "UPDATE orders SET due_at = $4 WHERE id = $1 AND version = $2 AND state = 'pending' AND due_at <= $3";
    let done = sqlx::query(take)
        .bind(order.id.uuid())
        .bind(order.version)
        .bind(now.to_offset())
        .bind(until.to_offset())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a pending order up, so that the next who asks may go on with it at once.
pub async fn give_up(db: impl PgExecutor<'_>, order: &Order, now: Timestamp) -> Result<(), Error> {
    let give_up = "UPDATE orders SET due_at = $3 WHERE id = $1 AND version = $2 AND state = 'pending'";
    sqlx::query(give_up).bind(order.id.uuid()).bind(order.version).bind(now.to_offset()).execute(db).await?;
    Ok(())
}

/// Picks up to `count` open orders that are due, and takes them until `until`; two sweeps never pick the same.
pub async fn pick_due(
    db: impl PgExecutor<'_>,
    count: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<OrderId>, Error> {
    let pick = "UPDATE orders SET due_at = $2
                WHERE id = ANY (ARRAY(SELECT id FROM orders WHERE due_at <= $1
                                      ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED))
                RETURNING id";
    let ids: Vec<Uuid> =
        sqlx::query_scalar(pick).bind(now.to_offset()).bind(until.to_offset()).bind(count).fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId::from).collect())
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    owner_kind: String,
    owner_id: Uuid,
    request_hash: Vec<u8>,
    state: String,
    version: i32,
    due_at: Option<OffsetDateTime>,
    expires_at: OffsetDateTime,
    currency: String,
    subtotal: i64,
    shipping: i64,
    tax: i64,
    total: i64,
    shipping_method: String,
    shipping_tax: i64,
    shipping_address: Json<PostalAddress>,
    email: String,
    locale: Option<String>,
    from_cart: bool,
    closing_reason: Option<String>,
    answer: Option<String>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    method: String,
    stripe_customer: Option<String>,
    stripe_payment_method: Option<String>,
    stripe_payment_intent: Option<String>,
    client_secret: Option<String>,
    captured: i64,
    refunded: i64,
    disputed: bool,
    failure_code: Option<String>,
    failure_message: Option<String>,
    lines: Json<Vec<LineRow>>,
}

#[derive(Deserialize)]
struct LineRow {
    sku: Sku,
    product_id: Uuid,
    title: String,
    options: std::collections::BTreeMap<String, String>,
    quantity: u32,
    unit_price: i64,
    subtotal: i64,
    tax: i64,
    total: i64,
}

/// What the constraints of the table keep right is read back as such; anything else is told, never guessed.
impl TryFrom<Row> for Order {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let corrupt = |what: &str| Error::Corrupt(format!("{what} of order {}", row.id));
        let currency: Currency = row.currency.parse().map_err(|_| corrupt("currency"))?;
        let money = |amount| Money { amount, currency };
        let line = |line: &LineRow| Line {
            sku: line.sku.clone(),
            product_id: line.product_id,
            title: line.title.clone(),
            options: line.options.clone(),
            quantity: line.quantity,
            unit_price: money(line.unit_price),
            subtotal: money(line.subtotal),
            tax: money(line.tax),
            total: money(line.total),
        };
        let shipping = Shipping {
            method: row.shipping_method.parse().map_err(|_| corrupt("shipping method"))?,
            price: money(row.shipping),
            tax: money(row.shipping_tax),
        };
        Ok(Self {
            id: row.id.into(),
            owner: row.owner().ok_or_else(|| corrupt("owner"))?,
            request_hash: row.request_hash.as_slice().try_into().map_err(|_| corrupt("request hash"))?,
            state: State::named(&row.state).ok_or_else(|| corrupt("state"))?,
            version: row.version,
            due_at: row.due_at.map(Timestamp::from),
            expires_at: row.expires_at.into(),
            pricing: Pricing {
                lines: row.lines.iter().map(line).collect(),
                shipping,
                subtotal: money(row.subtotal),
                tax: money(row.tax),
                total: money(row.total),
            },
            payment: row.payment().ok_or_else(|| corrupt("payment"))?,
            shipping_address: row.shipping_address.0.clone(),
            email: row.email.parse::<Email>().map_err(|_| corrupt("e-mail address"))?,
            locale: row.locale.as_deref().map(str::parse).transpose().map_err(|_| corrupt("locale"))?,
            from_cart: row.from_cart,
            closing_reason: row.closing_reason,
            answer: row.answer,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        })
    }
}

impl Row {
    fn owner(&self) -> Option<Owner> {
        match self.owner_kind.as_str() {
            "user" => Some(Owner::User(self.owner_id)),
            "guest" => Some(Owner::Guest(self.owner_id)),
            _ => None,
        }
    }

    fn payment(&self) -> Option<Payment> {
        let method = match (&*self.method, &self.stripe_customer, &self.stripe_payment_method) {
            ("client", None, None) => Method::Client,
            ("saved", Some(customer), Some(payment_method)) => Method::Saved {
                customer: customer.parse::<CustomerId>().ok()?,
                payment_method: payment_method.parse::<PaymentMethodId>().ok()?,
            },
            _ => return None,
        };
        let failure = self.failure_code.clone().zip(self.failure_message.clone());
        Some(Payment {
            method,
            intent: self.stripe_payment_intent.as_deref().map(str::parse).transpose().ok()?,
            client_secret: self.client_secret.clone().map(ClientSecret),
            captured: self.captured,
            refunded: self.refunded,
            disputed: self.disputed,
            failure: failure.map(|(code, message)| Failure { code, message }),
        })
    }
}
