//! Low-stock alerts. The alert of a SKU is *armed* while staff are to be notified when the stock runs low, and *notified* from
//! the notification until the SKU is restocked.

use common::timestamp::Timestamp;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, doc};

use super::{ARMED, Record, stock};
use crate::{
    error::Error,
    inventory::domain::Stock,
    mongo::{Mongo, date},
};

/// The alert was sent; it is armed again once the SKU is restocked.
const NOTIFIED: &str = "told";

/// A SKU that runs low.
#[derive(Debug, Clone)]
pub struct LowStock {
    /// The SKU's stock.
    pub stock: Stock,
    /// How many alerts were sent for the SKU before.
    pub times_notified: i64,
}

/// SKUs that run low and whose alert is armed.
pub async fn find_armed(db: &Mongo, limit: i64) -> Result<Vec<LowStock>, Error> {
    let filter = doc! { "low_stock": ARMED, "above_low_stock": { "$lt": 1 } };
    let found = stock(db).await?.find(filter).limit(limit).await?;
    let read = |record: Record| LowStock { times_notified: record.times_notified, stock: record.into() };
    Ok(found.map_ok(read).try_collect().await?)
}

/// Remembers that staff were notified.
pub async fn set_notified(db: &Mongo, low: &LowStock, now: Timestamp) -> Result<(), Error> {
    let times = times_filter(low.times_notified);
    let filter = doc! { "_id": low.stock.sku.as_str(), "low_stock": ARMED, "times_told": times };
    let update = doc! { "$set": { "low_stock": NOTIFIED, "told_at": date(now), "times_told": low.times_notified + 1 } };
    stock(db).await?.update_one(filter, update).await?;
    Ok(())
}

/// A SKU without any alert before may have no number.
fn times_filter(times: i64) -> Bson {
    if times == 0 { doc! { "$in": [0_i64, null] }.into() } else { times.into() }
}

/// Arms the alert again of all SKUs that were restocked since staff were notified.
pub async fn rearm(db: &Mongo) -> Result<(), Error> {
    let filter = doc! { "low_stock": NOTIFIED, "above_low_stock": { "$gte": 1 } };
    stock(db).await?.update_many(filter, doc! { "$set": { "low_stock": ARMED } }).await?;
    Ok(())
}
