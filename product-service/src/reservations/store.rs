//! Every query of reservations. Those that change a reservation together with stock are ordered bulk writes: they stop at the
//! first write whose condition does not hold.

use std::{collections::BTreeSet, time::Duration};

use common::{
    id::Id,
    money::{Currency, Money},
    sku::Sku,
    timestamp::Timestamp,
};
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Namespace,
    bson::{self, DateTime, Document, doc},
    options::{InsertOneModel, WriteModel},
};
use serde::{Deserialize, Serialize};

use super::domain::{Attempt, Basket, Decision, Hold, PricedLine, Reservation, State, StateName};
use crate::{
    basket::LineItem,
    collections,
    error::Error,
    ids::{OrderId, ProductId},
    inventory::{
        domain::{MovementId, MovementKind, StockMovement},
        store as inventory_store,
    },
    mongo::{Mongo, Written, date, timestamp, update_or_fail, update_or_skip},
    products::domain::TaxClass,
};

/// How long a decided reservation is kept, so that a repeated request that comes days late still finds it.
const KEPT: Duration = Duration::from_hours(8 * 24);

/// A reservation as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: OrderId,
    state: StateName,
    currency: Option<Currency>,
    basket: Vec<LineItem>,
    lines: Vec<LineRecord>,
    hold: Option<MovementId>,
    decision: Option<MovementId>,
    lease_until: DateTime,
    expires_at: DateTime,
    created_at: DateTime,
    updated_at: DateTime,
    /// When the server deletes it; only on reservations that are void, committed or released.
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_at: Option<DateTime>,
}

/// A priced line as a document: its options as pairs, because names that staff choose can hold characters that field names
/// cannot (dots, dollars).
#[derive(Debug, Serialize, Deserialize)]
struct LineRecord {
    sku: Sku,
    quantity: u32,
    product_id: ProductId,
    title: String,
    options: Vec<(String, String)>,
    unit_price: Money,
    /// Missing on reservations that were saved without one.
    #[serde(default)]
    tax_class: TaxClass,
}

/// How the document of an attempt is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertMode {
    /// Inserted: the order has no reservation yet.
    New,
    /// In place of a void reservation.
    Replace,
}

/// What an insert took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// All units.
    Complete,
    /// The units of the lines before one whose SKU has too few.
    Shortage,
    /// Nothing: the order has a reservation already.
    Exists,
}

/// An order's reservation.
pub async fn find(db: &Mongo, order_id: OrderId) -> Result<Option<Reservation>, Error> {
    let found = reservations(db).await?.find_one(doc! { "_id": order_id.to_string() }).await?;
    found.map(Reservation::try_from).transpose()
}

/// A reservation of a list by its order; or why this one cannot be read, which says nothing of the others.
type Found = (OrderId, Result<Reservation, Error>);

/// The reservations of several orders.
pub async fn find_many(db: &Mongo, orders: &BTreeSet<OrderId>) -> Result<Vec<Found>, Error> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
    // No more come back than were asked for; 0 is no limit.
    find_all(db, doc! { "_id": { "$in": ids } }, 0).await
}

/// Reservations in the state `reserving` whose lease ran out before a moment.
pub async fn abandoned(db: &Mongo, before: Timestamp, limit: i64) -> Result<Vec<Found>, Error> {
    find_all(db, doc! { "state": StateName::Reserving.as_str(), "lease_until": { "$lt": date(before) } }, limit).await
}

/// Held reservations that have expired.
pub async fn expired(db: &Mongo, now: Timestamp, limit: i64) -> Result<Vec<Found>, Error> {
    find_all(db, doc! { "state": StateName::Held.as_str(), "expires_at": { "$lt": date(now) } }, limit).await
}

/// Inserts the document of an attempt and takes its units, SKU by SKU in order, in one command.
pub async fn insert(db: &Mongo, attempt: &Attempt, mode: InsertMode) -> Result<InsertOutcome, Error> {
    let (reservations, stock) = namespaces(db).await?;
    let document = bson::serialize_to_document(&Record::of_attempt(attempt))?;
    let mut writes = vec![match mode {
        InsertMode::New => InsertOneModel::builder().namespace(reservations).document(document).build().into(),
        InsertMode::Replace => {
            let filter = doc! { "_id": attempt.order_id.to_string(), "state": StateName::Void.as_str() };
            update_or_fail(&reservations, filter, replace(document))
        }
    }];
    for (sku, hold) in holds(attempt) {
        writes.push(inventory_store::record(&stock, &sku, &hold));
    }
    Ok(match db.write_in_order(writes).await? {
        Written::All => InsertOutcome::Complete,
        Written::Until(0) => InsertOutcome::Exists,
        Written::Until(_) => InsertOutcome::Shortage,
    })
}

/// Makes an attempt held, with its priced lines, and settles its holds; `None` when it was ended or replaced meanwhile.
pub async fn hold(db: &Mongo, attempt: &Attempt, lines: Vec<PricedLine>) -> Result<Option<Reservation>, Error> {
    let (reservations, stock) = namespaces(db).await?;
    let records: Vec<LineRecord> = lines.iter().cloned().map(LineRecord::from).collect();
    let set = doc! { "state": StateName::Held.as_str(), "lines": bson::serialize_to_bson(&records)? };
    let mut writes = vec![update_or_fail(&reservations, attempt_of(attempt), doc! { "$set": set })];
    writes.extend(holds(attempt).map(|(sku, hold)| inventory_store::settle(&stock, &sku, &hold, true)));
    Ok(db.write_in_order(writes).await?.went_past(0).then(|| attempt.held(lines)))
}

/// Gives back the units that the caller's own attempt took, and makes it void. Safe in any state: only the request that made an
/// attempt can make it held.
pub async fn roll_back(db: &Mongo, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
    let (reservations, stock) = namespaces(db).await?;
    let mut writes: Vec<_> =
        holds(attempt).map(|(sku, hold)| inventory_store::settle(&stock, &sku, &hold, false)).collect();
    writes.push(update_or_skip(&reservations, attempt_of(attempt), ended(StateName::Void, now)));
    db.write_in_order(writes).await.map(|_| ())
}

/// Makes an attempt void whose lease ran out, and gives back its units; does nothing when its request has made it held after all.
pub async fn unwind(db: &Mongo, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
    end_as(db, attempt, StateName::Void, now).await.map(|_| ())
}

/// Releases an attempt and gives back its units, because the order is cancelled; `None` when another attempt has replaced it.
pub async fn release_attempt(db: &Mongo, attempt: Attempt, now: Timestamp) -> Result<Option<Reservation>, Error> {
    let ended = end_as(db, &attempt, StateName::Released, now).await?;
    Ok(ended.then(|| attempt.cancelled(now)))
}

async fn end_as(db: &Mongo, attempt: &Attempt, state: StateName, now: Timestamp) -> Result<bool, Error> {
    let (reservations, stock) = namespaces(db).await?;
    let mut writes = vec![update_or_fail(&reservations, attempt_of(attempt), ended(state, now))];
    writes.extend(holds(attempt).map(|(sku, hold)| inventory_store::settle(&stock, &sku, &hold, false)));
    Ok(db.write_in_order(writes).await?.went_past(0))
}

/// Commits or releases a held reservation and moves its stock, in one command; `None` when another request decided it first.
pub async fn decide(
    db: &Mongo,
    reservation: &Reservation,
    hold: &Hold,
    decision: Decision,
    now: Timestamp,
) -> Result<Option<Reservation>, Error> {
    let (reservations, stock) = namespaces(db).await?;
    let id = Id::new(now);
    let order_id = reservation.order_id;
    let movement = |quantity| StockMovement { id, order_id, kind: decision.movement(), quantity, at: now };
    let movements = || hold.basket.lines.iter().map(|line| (&line.sku, movement(line.quantity)));
    let mut writes: Vec<_> = movements().map(|(sku, m)| inventory_store::record(&stock, sku, &m)).collect();
    let decides = writes.len();
    writes.push(deciding(&reservations, reservation, id, decision, now));
    writes.extend(movements().map(|(sku, m)| inventory_store::settle(&stock, sku, &m, true)));
    if db.write_in_order(writes).await?.went_past(decides) {
        let state = decision.state(hold.clone(), id);
        return Ok(Some(Reservation { state, updated_at: now, ..reservation.clone() }));
    }
    let void = movements().map(|(sku, m)| inventory_store::settle(&stock, sku, &m, false)).collect();
    db.write_in_order(void).await?;
    Ok(None)
}

/// Inserts a tombstone, or writes it in place of a void reservation; `None` when the order has got a reservation meanwhile.
pub async fn insert_tombstone(
    db: &Mongo,
    tombstone: Reservation,
    replaces_void: bool,
) -> Result<Option<Reservation>, Error> {
    let (reservations, _) = namespaces(db).await?;
    let document = bson::serialize_to_document(&Record::of_tombstone(&tombstone))?;
    let write: WriteModel = if replaces_void {
        let filter = doc! { "_id": tombstone.order_id.to_string(), "state": StateName::Void.as_str() };
        update_or_fail(&reservations, filter, replace(document))
    } else {
        InsertOneModel::builder().namespace(reservations).document(document).build().into()
    };
    Ok((db.write_in_order(vec![write]).await? == Written::All).then_some(tombstone))
}

/// Settles a movement that the sweep found on a SKU.
pub async fn settle(db: &Mongo, sku: &Sku, movement: &StockMovement, is_applied: bool) -> Result<(), Error> {
    let (_, stock) = namespaces(db).await?;
    db.write_in_order(vec![inventory_store::settle(&stock, sku, movement, is_applied)]).await.map(|_| ())
}

/// The filter for this attempt, and no other one of the same order.
fn attempt_of(attempt: &Attempt) -> Document {
    let (id, hold) = (attempt.order_id.to_string(), attempt.hold.to_string());
    doc! { "_id": id, "state": StateName::Reserving.as_str(), "hold": hold }
}

/// The movements by which an attempt takes its units.
fn holds(attempt: &Attempt) -> impl Iterator<Item = (Sku, StockMovement)> {
    let Attempt { order_id, hold: id, begun_at: at, .. } = *attempt;
    let movement = move |quantity| StockMovement { id, order_id, kind: MovementKind::Hold, quantity, at };
    attempt.basket.lines.iter().map(move |line| (line.sku.clone(), movement(line.quantity)))
}

fn ended(state: StateName, now: Timestamp) -> Document {
    let delete_at = date(now.plus(KEPT));
    doc! { "$set": { "state": state.as_str(), "hold": null, "updated_at": date(now), "delete_at": delete_at } }
}

fn deciding(
    reservations: &Namespace,
    held: &Reservation,
    id: MovementId,
    decision: Decision,
    now: Timestamp,
) -> WriteModel {
    let filter = doc! { "_id": held.order_id.to_string(), "state": StateName::Held.as_str() };
    let set = doc! {
        "state": decision.name().as_str(),
        "decision": id.to_string(),
        "updated_at": date(now),
        "delete_at": date(now.plus(KEPT)),
    };
    update_or_fail(reservations, filter, doc! { "$set": set })
}

/// Overwrites every field; `_id` stays, and the date of deletion goes unless the new document has one.
fn replace(mut document: Document) -> Document {
    document.remove("_id");
    let forever = !document.contains_key("delete_at");
    let mut update = doc! { "$set": document };
    if forever {
        update.insert("$unset", doc! { "delete_at": "" });
    }
    update
}

async fn find_all(db: &Mongo, filter: Document, limit: i64) -> Result<Vec<Found>, Error> {
    let reservations = reservations(db).await?;
    let records: Vec<Record> = reservations.find(filter).limit(limit).await?.try_collect().await?;
    Ok(records.into_iter().map(|record| (record.id, Reservation::try_from(record))).collect())
}

async fn reservations(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::RESERVATIONS).await
}

async fn namespaces(db: &Mongo) -> Result<(Namespace, Namespace), Error> {
    Ok((db.namespace(collections::RESERVATIONS).await?, db.namespace(collections::STOCK).await?))
}

impl Record {
    fn of_attempt(attempt: &Attempt) -> Self {
        let Attempt { order_id, basket, hold, lease_until, expires_at, begun_at } = attempt.clone();
        Self {
            id: order_id,
            state: StateName::Reserving,
            currency: Some(basket.currency),
            basket: basket.lines,
            lines: Vec::new(),
            hold: Some(hold),
            decision: None,
            lease_until: date(lease_until),
            expires_at: date(expires_at),
            created_at: date(begun_at),
            updated_at: date(begun_at),
            delete_at: None,
        }
    }

    fn of_tombstone(tombstone: &Reservation) -> Self {
        Self {
            id: tombstone.order_id,
            state: tombstone.state.name(),
            currency: None,
            basket: Vec::new(),
            lines: Vec::new(),
            hold: None,
            decision: None,
            lease_until: date(tombstone.updated_at),
            expires_at: date(tombstone.expires_at),
            created_at: date(tombstone.created_at),
            updated_at: date(tombstone.updated_at),
            delete_at: Some(date(tombstone.updated_at.plus(KEPT))),
        }
    }
}

impl TryFrom<Record> for Reservation {
    type Error = Error;

    fn try_from(record: Record) -> Result<Self, Error> {
        let Record { id: order_id, currency, lines, decision, .. } = record;
        let (expires_at, created_at) = (timestamp(record.expires_at), timestamp(record.created_at));
        let updated_at = timestamp(record.updated_at);
        let basket = currency.map(|currency| Basket { currency, lines: record.basket });
        let hold = |id, basket| Hold { id, basket, lines: lines.into_iter().map(PricedLine::from).collect() };
        let state = match (record.state, basket, record.hold, decision) {
            (StateName::Void, ..) => State::Void,
            (StateName::Reserving, Some(basket), Some(hold), _) => {
                let lease_until = timestamp(record.lease_until);
                State::Reserving(Attempt { order_id, basket, hold, lease_until, expires_at, begun_at: created_at })
            }
            (StateName::Held, Some(basket), Some(id), _) => State::Held(hold(id, basket)),
            (StateName::Committed, Some(basket), Some(id), Some(decision)) => {
                State::Committed { hold: hold(id, basket), decision }
            }
            (StateName::Released, Some(basket), Some(id), Some(decision)) => {
                State::Released { hold: hold(id, basket), decision }
            }
            (StateName::Released, _, None, _) => State::Cancelled { currency },
            _ => return Err(Error::IncompleteReservation(order_id)),
        };
        Ok(Self { order_id, state, expires_at, created_at, updated_at })
    }
}

impl From<PricedLine> for LineRecord {
    fn from(line: PricedLine) -> Self {
        let PricedLine { sku, quantity, product_id, title, options, unit_price, tax_class } = line;
        Self { sku, quantity, product_id, title, options: options.into_iter().collect(), unit_price, tax_class }
    }
}

impl From<LineRecord> for PricedLine {
    fn from(record: LineRecord) -> Self {
        let LineRecord { sku, quantity, product_id, title, options, unit_price, tax_class } = record;
        Self { sku, quantity, product_id, title, options: options.into_iter().collect(), unit_price, tax_class }
    }
}
