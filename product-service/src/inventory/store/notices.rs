//! Who has to hear how much there is: the catalogue, which shows what is in stock, and staff, where it runs low.

use common::timestamp::Timestamp;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, doc};

use super::{Record, TOLD, WATCHED, stock};
use crate::{
    error::Error,
    inventory::domain::{Listing, Stock},
    mongo::{Mongo, date},
};

/// A SKU, and how the catalogue shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// How many there are.
    pub stock: Stock,
    /// `None` where that has to be looked at.
    pub listed: Option<Listing>,
}

/// SKUs that the catalogue may show wrongly, up to `limit` of each kind: not looked at yet, sold out since, back since.
pub async fn listed_wrongly(db: &Mongo, limit: i64) -> Result<Vec<Listed>, Error> {
    let stock = stock(db).await?;
    let mut wrong = Vec::new();
    for filter in [
        doc! { "listed": null },
        doc! { "listed": Listing::InStock.as_str(), "available": { "$lt": 1 } },
        doc! { "listed": Listing::OutOfStock.as_str(), "available": { "$gte": 1 } },
    ] {
        let records: Vec<Record> = stock.find(filter).limit(limit).await?.try_collect().await?;
        wrong.extend(records.into_iter().map(|record| Listed { listed: record.listed, stock: record.into() }));
    }
    Ok(wrong)
}

/// Remembers how the catalogue shows a SKU. Where somebody else did since it was seen, the next sweep looks again.
pub async fn list_as(db: &Mongo, seen: &Listed, listing: Listing) -> Result<(), Error> {
    let stock = stock(db).await?;
    let id = seen.stock.sku.as_str();
    let filter = doc! { "_id": id, "listed": seen.listed.map(Listing::as_str) };
    let updated = stock.update_one(filter, doc! { "$set": { "listed": listing.as_str() } }).await?;
    if updated.matched_count == 0 {
        stock.update_one(doc! { "_id": id }, doc! { "$set": { "listed": null } }).await?;
    }
    Ok(())
}

/// A SKU that runs low.
#[derive(Debug, Clone)]
pub struct Low {
    /// How many there are.
    pub stock: Stock,
    /// How often staff were told before.
    pub times_told: i64,
}

/// SKUs that run low and that staff have not been told of.
pub async fn low(db: &Mongo, limit: i64) -> Result<Vec<Low>, Error> {
    let filter = doc! { "low_stock": WATCHED, "above_low_stock": { "$lt": 1 } };
    let found = stock(db).await?.find(filter).limit(limit).await?;
    let read = |record: Record| Low { times_told: record.times_told, stock: record.into() };
    Ok(found.map_ok(read).try_collect().await?)
}

/// Remembers that staff were told.
pub async fn told(db: &Mongo, low: &Low, now: Timestamp) -> Result<(), Error> {
    let filter =
        doc! { "_id": low.stock.sku.as_str(), "low_stock": WATCHED, "times_told": told_before(low.times_told) };
    let update = doc! { "$set": { "low_stock": TOLD, "told_at": date(now), "times_told": low.times_told + 1 } };
    stock(db).await?.update_one(filter, update).await?;
    Ok(())
}

/// A SKU that was never told of may have no number.
fn told_before(times: i64) -> Bson {
    if times == 0 { doc! { "$in": [0_i64, null] }.into() } else { times.into() }
}

/// Has SKUs that were filled up be told of when they run low the next time.
pub async fn watch_again(db: &Mongo) -> Result<(), Error> {
    let filter = doc! { "low_stock": TOLD, "above_low_stock": { "$gte": 1 } };
    stock(db).await?.update_many(filter, doc! { "$set": { "low_stock": WATCHED } }).await?;
    Ok(())
}
