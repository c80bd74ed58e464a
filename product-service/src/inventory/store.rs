//! Every query of stock. Those of the availability that the catalogue shows are in [`availability`], those of low-stock alerts in
//! [`low_stock`].

use common::{etag::IfMatch, id::Id, input::Patch, sku::Sku, timestamp::Timestamp};
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Namespace,
    bson::{Bson, DateTime, Document, doc},
    options::WriteModel,
};
use serde::{Deserialize, Serialize};

pub mod availability;
pub mod low_stock;

use super::domain::{
    Availability, AvailableToPromise, MovementId, MovementKind, Stock, StockChange, StockMovement, StockPatch, unnamed,
};
use crate::{
    collections,
    error::Error,
    ids::OrderId,
    mongo::{Mongo, date, timestamp, update_or_fail, update_or_skip},
    mongo_error::{is_invalid, violates},
};

/// The low-stock alert of the SKU is armed: staff are notified when the stock runs low.
const ARMED: &str = "watched";

/// Stock as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: Sku,
    on_hand: i64,
    available: i64,
    version: i64,
    updated_at: DateTime,
    movements: Vec<MovementRecord>,
    #[serde(default)]
    backorder: bool,
    #[serde(default)]
    low_stock_at: Option<i64>,
    /// The availability that the catalogue shows; `None` where that is not known.
    #[serde(default, rename = "listed", skip_serializing_if = "Option::is_none")]
    shown: Option<Availability>,
    /// Identifies the stock in its tags; drawn when the document is made.
    #[serde(default)]
    document: Option<i64>,
    /// How many low-stock alerts were sent.
    #[serde(default, rename = "times_told")]
    times_notified: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct MovementRecord {
    id: MovementId,
    order_id: OrderId,
    kind: MovementKind,
    quantity: u32,
    at: DateTime,
}

/// The stock of a SKU.
pub async fn find(db: &Mongo, sku: &Sku) -> Result<Option<Stock>, Error> {
    Ok(stock(db).await?.find_one(doc! { "_id": sku.as_str() }).await?.map(Stock::from))
}

/// The stock of each of these SKUs; a SKU without a stock document is left out.
pub async fn find_many(db: &Mongo, skus: &[&Sku]) -> Result<Vec<Stock>, Error> {
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = stock(db).await?.find(doc! { "_id": { "$in": skus } }).await?;
    Ok(found.map_ok(Stock::from).try_collect().await?)
}

/// The units of each of these SKUs that can still be reserved; a SKU without a stock document is left out.
pub async fn available_to_promise(db: &Mongo, skus: &[&Sku]) -> Result<Vec<(Sku, AvailableToPromise)>, Error> {
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = stock(db).await?.find(doc! { "_id": { "$in": skus } }).await?;
    let read = |record: Record| {
        let holds = record.movements.iter().filter(|movement| movement.kind == MovementKind::Hold);
        let in_flight = holds.map(|hold| i64::from(hold.quantity)).sum();
        (record.id, AvailableToPromise { count: record.available, in_flight, backorder: record.backorder })
    };
    Ok(found.map_ok(read).try_collect().await?)
}

/// Sets the number on hand, and records the stocktake as an adjustment on the SKU. `count` makes its document from the
/// expression of the difference. Reserved units stay reserved; the collection's validator refuses an `available` below zero.
pub async fn set(
    db: &Mongo,
    sku: &Sku,
    on_hand: i64,
    if_match: &IfMatch,
    now: Timestamp,
    count: impl FnOnce(Document) -> Result<Document, Error>,
) -> Result<(), Error> {
    let stock = stock(db).await?;
    let reserved = doc! { "$subtract": [number("on_hand"), number("available")] };
    let available = doc! { "$subtract": [on_hand, reserved] };
    let counted = count(doc! { "$subtract": [on_hand, number("on_hand")] })?;
    let update = vec![doc! { "$set": {
        "available": &available,
        "above_low_stock": { "$subtract": [available, number("low_stock_at")] },
        "on_hand": on_hand,
        "version": { "$add": [number("version"), 1_i64] },
        "document": { "$ifNull": ["$document", named(now)] },
        "updated_at": date(now),
        "movements": { "$ifNull": ["$movements", []] },
        "adjustments": { "$concatArrays": [{ "$ifNull": ["$adjustments", []] }, [counted]] },
    }}];
    let (filter, upsert) = matching(sku, if_match);
    let updated = match stock.update_one(filter.clone(), update.clone()).upsert(upsert).await {
        // Another request made the document at the same time, so now it can be updated.
        Err(error) if violates(&error, "_id_") => stock.update_one(filter, update).await,
        updated => updated,
    };
    match updated {
        Ok(result) if result.matched_count == 0 && result.upserted_id.is_none() => Err(Error::Stale),
        Ok(_) => Ok(()),
        Err(error) if is_invalid(&error) => Err(Error::BelowReserved),
        Err(error) => Err(error.into()),
    }
}

/// Makes an empty stock for a SKU that has none.
pub async fn open(db: &Mongo, sku: &Sku, now: Timestamp) -> Result<(), Error> {
    let empty = doc! { "on_hand": 0_i64, "available": 0_i64, "above_low_stock": 0_i64, "version": 1_i64,
    "document": named(now), "updated_at": date(now), "movements": [], "adjustments": [] };
    let update = doc! { "$setOnInsert": empty };
    match stock(db).await?.update_one(doc! { "_id": sku.as_str() }, update).upsert(true).await {
        Err(error) if !violates(&error, "_id_") => Err(error.into()),
        _ => Ok(()),
    }
}

/// Changes how a SKU is sold. The validator refuses to end backorders while more units are reserved than are on hand.
pub async fn patch(db: &Mongo, sku: &Sku, patch: &StockPatch, if_match: &IfMatch, now: Timestamp) -> Result<(), Error> {
    let mut set = doc! { "version": { "$add": [number("version"), 1_i64] }, "updated_at": date(now) };
    if let Some(backorder) = patch.backorder {
        // The availability may be another one now: the next sweep looks at it.
        set.extend(doc! { "backorder": backorder, "listed": null });
    }
    let low_stock_at = match patch.low_stock_at {
        Patch::Keep => None,
        Patch::Remove => Some(None),
        Patch::Set(low_stock_at) => Some(Some(low_stock_at)),
    };
    if let Some(low_stock_at) = low_stock_at {
        let above = doc! { "$subtract": ["$available", low_stock_at.unwrap_or(0)] };
        let alert = low_stock_at.map(|_| ARMED);
        set.extend(doc! { "low_stock_at": low_stock_at, "above_low_stock": above, "low_stock": alert });
    }
    let (filter, _) = matching(sku, if_match);
    match stock(db).await?.update_one(filter, vec![doc! { "$set": set }]).await {
        Ok(updated) if updated.matched_count == 0 => Err(Error::Stale),
        Ok(_) => Ok(()),
        Err(error) if is_invalid(&error) => Err(Error::BelowReserved),
        Err(error) => Err(error.into()),
    }
}

/// The filter for a SKU with one of these tags, and whether an update may insert the document: not where a tag is required.
fn matching(sku: &Sku, if_match: &IfMatch) -> (Document, bool) {
    let mut filter = doc! { "_id": sku.as_str() };
    filter.extend(seen(sku, if_match));
    (filter, *if_match == IfMatch::Any)
}

/// The filter for a stock with one of these tags.
pub(crate) fn seen(sku: &Sku, if_match: &IfMatch) -> Document {
    let IfMatch::Tags(tags) = if_match else { return Document::new() };
    let named = tags.iter().map(|tag| doc! { "document": tag.document.cast_signed(), "version": tag.version });
    let unnamed = tags.iter().filter(|tag| tag.document == unnamed(sku));
    let unnamed = unnamed.map(|tag| doc! { "document": null, "version": tag.version });
    let known: Vec<Document> = named.chain(unnamed).collect();
    if known.is_empty() {
        doc! { "version": { "$in": [] } }
    } else {
        doc! { "$or": known }
    }
}

/// A new number that identifies a stock in its tags.
fn named(now: Timestamp) -> i64 {
    common::etag::number(Id::<Stock>::new(now).uuid()).cast_signed()
}

/// A number of the document, inside a pipeline; 0 where there is none.
fn number(field: &str) -> Document {
    doc! { "$ifNull": [format!("${field}"), 0_i64] }
}

/// Deletes the stock of a SKU that is not sold any more; `false` when orders hold units of it or are about to.
pub async fn close(db: &Mongo, sku: &Sku) -> Result<bool, Error> {
    let stock = stock(db).await?;
    let unreserved = doc! { "$eq": ["$on_hand", "$available"] };
    let none: [Bson; 2] = [Bson::Null, Bson::Array(Vec::new())];
    let filter = doc! { "_id": sku.as_str(), "movements": [], "adjustments": { "$in": none.to_vec() },
    "$expr": unreserved };
    if stock.delete_one(filter).await?.deleted_count == 1 {
        return Ok(true);
    }
    Ok(stock.find_one(doc! { "_id": sku.as_str() }).await?.is_none())
}

/// Records a movement. A hold takes its units by this write, which fails when too few are available.
pub fn record(namespace: &Namespace, sku: &Sku, movement: &StockMovement) -> WriteModel {
    let mut filter = doc! { "_id": sku.as_str() };
    if movement.kind == MovementKind::Hold {
        let enough = doc! { "available": { "$gte": i64::from(movement.quantity) } };
        filter.insert("$or", [enough, doc! { "backorder": true }]);
    }
    update_or_fail(namespace, filter, recording(movement))
}

fn recording(movement: &StockMovement) -> Document {
    let mut update = change(movement.kind.when_recorded(movement.quantity));
    let record = doc! {
        "id": movement.id.to_string(),
        "order_id": movement.order_id.to_string(),
        "kind": movement.kind.as_str(),
        "quantity": i64::from(movement.quantity),
        "at": date(movement.at),
    };
    update.insert("$push", doc! { "movements": record });
    update
}

/// Settles a movement that is still on the SKU: applies its last change and removes it, in one update.
pub fn settle(namespace: &Namespace, sku: &Sku, movement: &StockMovement, is_applied: bool) -> WriteModel {
    let id = movement.id.to_string();
    let mut update = change(movement.kind.when_settled(is_applied, movement.quantity));
    update.insert("$pull", doc! { "movements": { "id": &id } });
    update_or_skip(namespace, doc! { "_id": sku.as_str(), "movements.id": id }, update)
}

/// Movements that were recorded before a moment and not settled, because a crash came in between, with their SKUs. Reads at
/// most `limit` SKUs, by an index that holds only movements in flight.
pub async fn unsettled(db: &Mongo, before: Timestamp, limit: i64) -> Result<Vec<(Sku, StockMovement)>, Error> {
    let filter = doc! { "movements.at": { "$lt": date(before) } };
    let records: Vec<Record> = stock(db).await?.find(filter).limit(limit).await?.try_collect().await?;
    let old = |record: Record| {
        let sku = record.id;
        let movements =
            record.movements.into_iter().map(StockMovement::from).filter(move |movement| movement.at < before);
        movements.map(move |movement| (sku.clone(), movement))
    };
    Ok(records.into_iter().flat_map(old).collect())
}

async fn stock(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::STOCK).await
}

/// The update that makes a change. `available` and its distance from the low-stock threshold change together. A change that
/// clients can see raises the version, and so changes the tag.
pub(crate) fn change(change: StockChange) -> Document {
    if change.is_nothing() {
        return Document::new();
    }
    let mut numbers = doc! { "version": 1_i64 };
    let fields = [("on_hand", change.on_hand), ("available", change.available), ("above_low_stock", change.available)];
    for (field, by) in fields {
        if by != 0 {
            numbers.insert(field, by);
        }
    }
    doc! { "$inc": numbers }
}

impl From<Record> for Stock {
    fn from(record: Record) -> Self {
        Self {
            document: record.document.map_or_else(|| unnamed(&record.id), i64::cast_unsigned),
            sku: record.id,
            on_hand: record.on_hand,
            reserved: record.on_hand - record.available,
            available: record.available,
            backorder: record.backorder,
            low_stock_at: record.low_stock_at,
            low_stock: record.low_stock_at.is_some_and(|low| record.available <= low),
            version: record.version,
            updated_at: timestamp(record.updated_at),
        }
    }
}

impl From<MovementRecord> for StockMovement {
    fn from(record: MovementRecord) -> Self {
        let MovementRecord { id, order_id, kind, quantity, at } = record;
        Self { id, order_id, kind, quantity, at: timestamp(at) }
    }
}
