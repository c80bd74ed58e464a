//! Every query of exports. As with imports, only the process that acquired the lease last may save progress.

use common::timestamp::Timestamp;
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc, serialize_to_bson},
    options::ReturnDocument,
};
use serde::{Deserialize, Serialize};

use super::domain::{Export, ExportId, File, State};
use crate::{
    collections,
    error::Error,
    ids::ProductId,
    jobs::LEASE,
    mongo::{Mongo, date, timestamp},
};

/// An export as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: ExportId,
    state: State,
    files: Vec<File>,
    after: Option<ProductId>,
    attempt: i64,
    lease_until: DateTime,
    created_at: DateTime,
    updated_at: DateTime,
    delete_at: DateTime,
}

/// Saves a new export.
pub async fn insert(db: &Mongo, export: &Export) -> Result<(), Error> {
    exports(db).await?.insert_one(Record::from(export.clone())).await?;
    Ok(())
}

/// An export.
pub async fn find(db: &Mongo, id: ExportId) -> Result<Option<Export>, Error> {
    Ok(exports(db).await?.find_one(doc! { "_id": id.to_string() }).await?.map(Export::from))
}

/// Acquires the lease of a running export; `None` when another process holds it, or the export is done.
pub async fn acquire_lease(db: &Mongo, id: ExportId, now: Timestamp) -> Result<Option<Export>, Error> {
    let mut filter = waiting_filter(now);
    filter.insert("_id", id.to_string());
    let update = doc! { "$set": { "lease_until": date(now.plus(LEASE)) }, "$inc": { "attempt": 1_i64 } };
    let exports = exports(db).await?;
    let claimed = exports.find_one_and_update(filter, update).return_document(ReturnDocument::After).await?;
    Ok(claimed.map(Export::from))
}

/// Saves the progress of an export since `before`; `false` when another process has acquired the lease.
pub async fn advance(db: &Mongo, before: &Export, after: &Export) -> Result<bool, Error> {
    let set = doc! { "$set": {
        "state": after.state.as_str(),
        "files": serialize_to_bson(&after.files)?,
        "after": after.after.map(|id| id.to_string()),
        "lease_until": date(after.updated_at.plus(LEASE)),
        "updated_at": date(after.updated_at),
    }};
    Ok(exports(db).await?.update_one(held(before), set).await?.matched_count == 1)
}

/// Releases the lease of an export that is not done: the next process may continue it.
pub async fn release_lease(db: &Mongo, export: &Export, now: Timestamp) -> Result<(), Error> {
    let set = doc! { "$set": { "lease_until": date(now) } };
    exports(db).await?.update_one(held(export), set).await?;
    Ok(())
}

/// Exports whose lease is free, those first that have waited longest.
pub async fn find_waiting(db: &Mongo, now: Timestamp, limit: i64) -> Result<Vec<ExportId>, Error> {
    let found = exports(db).await?.find(waiting_filter(now)).sort(doc! { "lease_until": 1 }).limit(limit).await?;
    Ok(found.map_ok(|record| record.id).try_collect().await?)
}

/// The filter of [`find_waiting`]; the test that asks the server to explain it uses the same.
pub fn waiting_filter(now: Timestamp) -> Document {
    doc! { "state": State::Running.as_str(), "lease_until": { "$lte": date(now) } }
}

/// The filter for an export whose lease the caller still holds.
fn held(export: &Export) -> Document {
    doc! { "_id": export.id.to_string(), "state": State::Running.as_str(), "attempt": export.attempt }
}

async fn exports(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::EXPORTS).await
}

impl From<Export> for Record {
    fn from(export: Export) -> Self {
        let delete_at = date(export.forgotten_at());
        let Export { id, state, files, after, attempt, created_at, updated_at } = export;
        let (created_at, updated_at) = (date(created_at), date(updated_at));
        Self { id, state, files, after, attempt, lease_until: created_at, created_at, updated_at, delete_at }
    }
}

impl From<Record> for Export {
    fn from(record: Record) -> Self {
        let Record { id, state, files, after, attempt, created_at, updated_at, .. } = record;
        let (created_at, updated_at) = (timestamp(created_at), timestamp(updated_at));
        Self { id, state, files, after, attempt, created_at, updated_at }
    }
}
