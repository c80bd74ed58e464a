//! The availability of a SKU that was last written to the catalogue. The stock's document has it in the field `listed`; `null`
//! means that it must be determined again.

use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::{Record, stock};
use crate::{
    error::Error,
    inventory::domain::{Availability, Stock},
    mongo::Mongo,
};

/// A SKU whose availability in the catalogue may be out of date.
#[derive(Debug, Clone)]
pub struct StaleAvailability {
    /// The SKU's stock.
    pub stock: Stock,
    /// The availability that the catalogue shows; `None` where that is not known.
    pub shown: Option<Availability>,
}

/// SKUs whose shown availability is unknown, or no longer agrees with the available units: at most `limit` that are unknown,
/// `limit` sold out since, and `limit` restocked since.
pub async fn find_stale(db: &Mongo, limit: i64) -> Result<Vec<StaleAvailability>, Error> {
    let stock = stock(db).await?;
    let mut stale = Vec::new();
    // Backorders need no filter: a change of `backorder` makes the availability unknown.
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

/// Records the availability that was just written to the catalogue. Where it was recorded, or `backorder` was changed, after
/// `seen` was read, the availability becomes unknown instead, and the next sweep checks the SKU again.
pub async fn save(db: &Mongo, seen: &StaleAvailability, shown: Availability) -> Result<(), Error> {
    let stock = stock(db).await?;
    let id = seen.stock.sku.as_str();
    // Of `null` alone it cannot be seen that `backorder` was changed meanwhile: that writes `null` as well.
    let backorder = if seen.stock.backorder {
        doc! { "$eq": true }
    } else {
        doc! { "$ne": true }
    };
    let filter = doc! { "_id": id, "listed": seen.shown.map(Availability::as_str), "backorder": backorder };
    let updated = stock.update_one(filter, doc! { "$set": { "listed": shown.as_str() } }).await?;
    if updated.matched_count == 0 {
        stock.update_one(doc! { "_id": id }, doc! { "$set": { "listed": null } }).await?;
    }
    Ok(())
}
