//! Every query of stock.

use common::{etag::IfMatch, timestamp::Timestamp};
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Namespace,
    bson::{DateTime, Document, doc},
    options::WriteModel,
};
use serde::{Deserialize, Serialize};

use super::domain::{Change, Movement, MovementId, MovementKind, Stock};
use crate::{
    error::Error,
    products::domain::Sku,
    reservations::domain::OrderId,
    schema,
    store::{Store, date, is_invalid, may_match, must_match, timestamp, violates},
};

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
}

#[derive(Debug, Serialize, Deserialize)]
struct MovementRecord {
    id: MovementId,
    order_id: OrderId,
    kind: MovementKind,
    quantity: u32,
    at: DateTime,
}

/// How many there are of a SKU.
pub async fn find(store: &Store, sku: &Sku) -> Result<Option<Stock>, Error> {
    Ok(stock(store).await?.find_one(doc! { "_id": sku.as_str() }).await?.map(Stock::from))
}

/// What may still be promised of each of these SKUs; one that has no stock document is left out.
pub async fn available(store: &Store, skus: &[&Sku]) -> Result<Vec<(Sku, i64)>, Error> {
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let found = stock(store).await?.find(doc! { "_id": { "$in": skus } }).await?;
    Ok(found.map_ok(|record| (record.id, record.available)).try_collect().await?)
}

/// Sets what is on hand; what is reserved stays so. The collection's validator refuses an `available` below zero.
pub async fn set(store: &Store, sku: &Sku, on_hand: i64, if_match: &IfMatch, now: Timestamp) -> Result<(), Error> {
    let stock = stock(store).await?;
    let number = |field: &str| doc! { "$ifNull": [format!("${field}"), 0_i64] };
    let reserved = doc! { "$subtract": [number("on_hand"), number("available")] };
    let update = vec![doc! { "$set": {
        "available": { "$subtract": [on_hand, reserved] },
        "on_hand": on_hand,
        "version": { "$add": [number("version"), 1_i64] },
        "updated_at": date(now),
        "movements": { "$ifNull": ["$movements", []] },
    }}];
    let (filter, upsert) = match if_match {
        IfMatch::Any => (doc! { "_id": sku.as_str() }, true),
        IfMatch::Versions(versions) => (doc! { "_id": sku.as_str(), "version": { "$in": versions } }, false),
    };
    let updated = match stock.update_one(filter.clone(), update.clone()).upsert(upsert).await {
        // Two first settings at once: the other made the document in between, so now it is there to be updated.
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

/// Ends the stock of a SKU that is not sold any more, unless orders hold units of it or are about to; false then.
pub async fn close(store: &Store, sku: &Sku) -> Result<bool, Error> {
    let stock = stock(store).await?;
    let unreserved = doc! { "$eq": ["$on_hand", "$available"] };
    let filter = doc! { "_id": sku.as_str(), "movements": [], "$expr": unreserved };
    if stock.delete_one(filter).await?.deleted_count == 1 {
        return Ok(true);
    }
    Ok(stock.find_one(doc! { "_id": sku.as_str() }).await?.is_none())
}

/// Records a movement. A hold takes its units by this, and does not hold unless there are enough.
pub fn record(namespace: &Namespace, sku: &Sku, movement: &Movement) -> WriteModel {
    let mut filter = doc! { "_id": sku.as_str() };
    if movement.kind == MovementKind::Hold {
        filter.insert("available", doc! { "$gte": i64::from(movement.quantity) });
    }
    must_match(namespace, filter, recording(movement))
}

fn recording(movement: &Movement) -> Document {
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

/// Settles a movement, if it is still on the SKU: its last effect, and its end, in one update.
pub fn settle(namespace: &Namespace, sku: &Sku, movement: &Movement, counts: bool) -> WriteModel {
    let id = movement.id.to_string();
    let mut update = change(movement.kind.when_settled(counts, movement.quantity));
    update.insert("$pull", doc! { "movements": { "id": &id } });
    may_match(namespace, doc! { "_id": sku.as_str(), "movements.id": id }, update)
}

/// Movements that were recorded before a moment and never settled, with their SKUs: what a crash left. At most `limit`
/// SKUs, by an index that holds only movements in flight.
pub async fn unsettled(store: &Store, before: Timestamp, limit: i64) -> Result<Vec<(Sku, Movement)>, Error> {
    let filter = doc! { "movements.at": { "$lt": date(before) } };
    let records: Vec<Record> = stock(store).await?.find(filter).limit(limit).await?.try_collect().await?;
    let old = |record: Record| {
        let sku = record.id;
        let movements = record.movements.into_iter().map(Movement::from).filter(move |movement| movement.at < before);
        movements.map(move |movement| (sku.clone(), movement))
    };
    Ok(records.into_iter().flat_map(old).collect())
}

async fn stock(store: &Store) -> Result<Collection<Record>, Error> {
    store.collection(schema::STOCK).await
}

fn change(change: Change) -> Document {
    let mut numbers = Document::new();
    for (field, by) in [("on_hand", change.on_hand), ("available", change.available)] {
        if by != 0 {
            numbers.insert(field, by);
        }
    }
    if numbers.is_empty() {
        Document::new()
    } else {
        doc! { "$inc": numbers }
    }
}

impl From<Record> for Stock {
    fn from(record: Record) -> Self {
        Self {
            sku: record.id,
            on_hand: record.on_hand,
            reserved: record.on_hand - record.available,
            available: record.available,
            version: record.version,
            updated_at: timestamp(record.updated_at),
        }
    }
}

impl From<MovementRecord> for Movement {
    fn from(record: MovementRecord) -> Self {
        let MovementRecord { id, order_id, kind, quantity, at } = record;
        Self { id, order_id, kind, quantity, at: timestamp(at) }
    }
}
