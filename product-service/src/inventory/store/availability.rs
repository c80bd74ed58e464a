//! The availability of a SKU that the catalogue shows, as the stock's document remembers it.

use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::{Record, stock};
use crate::{
    error::Error,
    inventory::domain::{Availability, Stock},
    mongo::Mongo,
};

/// A SKU whose availability the catalogue may show wrongly.
#[derive(Debug, Clone)]
pub struct StaleAvailability {
    /// The SKU's stock.
    pub stock: Stock,
    /// The availability that the catalogue shows; `None` where that is not known.
    pub shown: Option<Availability>,
}

/// SKUs whose availability the catalogue may show wrongly, up to `limit` of each kind: not known, sold out since, restocked
/// since.
pub async fn find_stale(db: &Mongo, limit: i64) -> Result<Vec<StaleAvailability>, Error> {
    let stock = stock(db).await?;
    let mut stale = Vec::new();
    for filter in [
        doc! { "listed": null },
        doc! { "listed": Availability::InStock.as_str(), "available": { "$lt": 1 } },
        doc! { "listed": Availability::OutOfStock.as_str(), "available": { "$gte": 1 } },
    ] {
        let records: Vec<Record> = stock.find(filter).limit(limit).await?.try_collect().await?;
        stale.extend(records.into_iter().map(|record| StaleAvailability { shown: record.shown, stock: record.into() }));
    }
    Ok(stale)
}

/// Remembers the availability that the catalogue shows. Where another sweep wrote one since `seen` was read, the availability is
/// marked as not known, and the next sweep looks at the SKU again.
pub async fn save(db: &Mongo, seen: &StaleAvailability, shown: Availability) -> Result<(), Error> {
    let stock = stock(db).await?;
    let id = seen.stock.sku.as_str();
    let filter = doc! { "_id": id, "listed": seen.shown.map(Availability::as_str) };
    let updated = stock.update_one(filter, doc! { "$set": { "listed": shown.as_str() } }).await?;
    if updated.matched_count == 0 {
        stock.update_one(doc! { "_id": id }, doc! { "$set": { "listed": null } }).await?;
    }
    Ok(())
}
