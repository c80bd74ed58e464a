//! Every query of imports. A process acquires the lease of an import by raising its `attempt`. It saves progress on the
//! condition that `attempt` and position are still the ones that it read: a process that lost the lease saves nothing.

use common::{problem::FieldError, timestamp::Timestamp};
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc, serialize_to_bson, serialize_to_document},
    options::{ReplaceOneModel, ReturnDocument, WriteModel},
};
use serde::{Deserialize, Serialize};

use super::domain::{Counts, Import, ImportId, Outcome, Position, Refused, State};
use crate::{
    collections,
    error::Error,
    jobs::LEASE,
    mongo::{Mongo, Written, date, timestamp, update_or_fail},
};

/// An import as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: ImportId,
    state: State,
    reason: Option<String>,
    size: Option<i64>,
    e_tag: Option<String>,
    #[serde(rename = "place")]
    position: Position,
    counts: Counts,
    planned: Vec<Outcome>,
    attempt: i64,
    lease_until: DateTime,
    expires_at: DateTime,
    created_at: DateTime,
    updated_at: DateTime,
    delete_at: DateTime,
}

/// A refused line as a document. Its id begins with its import's, and sorts by line.
#[derive(Debug, Serialize, Deserialize)]
struct RefusedRecord {
    #[serde(rename = "_id")]
    id: String,
    line: i64,
    errors: Vec<FieldError>,
    delete_at: DateTime,
}

/// Saves a new import.
pub async fn insert(db: &Mongo, import: &Import) -> Result<(), Error> {
    imports(db).await?.insert_one(Record::from(import.clone())).await?;
    Ok(())
}

/// An import.
pub async fn find(db: &Mongo, id: ImportId) -> Result<Option<Import>, Error> {
    Ok(imports(db).await?.find_one(doc! { "_id": id.to_string() }).await?.map(Import::from))
}

/// Starts a pending import with a file of this size; the first process that acquires the lease runs it.
pub async fn set_running(
    db: &Mongo,
    id: ImportId,
    size: i64,
    e_tag: Option<String>,
    now: Timestamp,
) -> Result<(), Error> {
    let set = doc! {
        "state": State::Running.as_str(), "size": size, "e_tag": e_tag,
        "lease_until": date(now), "updated_at": date(now),
    };
    imports(db).await?.update_one(in_state(id, State::Pending), doc! { "$set": set }).await?;
    Ok(())
}

/// Marks a pending import as failed.
pub async fn set_failed(db: &Mongo, id: ImportId, reason: &str, now: Timestamp) -> Result<(), Error> {
    let set = doc! { "state": State::Failed.as_str(), "reason": reason, "updated_at": date(now) };
    imports(db).await?.update_one(in_state(id, State::Pending), doc! { "$set": set }).await?;
    Ok(())
}

/// Acquires the lease of a running import; `None` when another process holds it, or the import is not running.
pub async fn acquire_lease(db: &Mongo, id: ImportId, now: Timestamp) -> Result<Option<Import>, Error> {
    let mut filter = in_state(id, State::Running);
    filter.insert("lease_until", doc! { "$lte": date(now) });
    let update = doc! { "$set": { "lease_until": date(now.plus(LEASE)) }, "$inc": { "attempt": 1_i64 } };
    let imports = imports(db).await?;
    let claimed = imports.find_one_and_update(filter, update).return_document(ReturnDocument::After).await?;
    Ok(claimed.map(Import::from))
}

/// Saves the planned outcomes of the next lines before any of them is applied; `false` when another process has acquired the
/// lease.
pub async fn set_planned(db: &Mongo, import: &Import, planned: &[Outcome]) -> Result<bool, Error> {
    let set = doc! { "$set": { "planned": serialize_to_bson(&planned)? } };
    Ok(imports(db).await?.update_one(held(import), set).await?.matched_count == 1)
}

/// Saves the progress of an import since `before`, with the lines that were refused; `false` when another process has acquired
/// the lease. Refused lines are saved first: saving them again is harmless.
pub async fn advance(db: &Mongo, before: &Import, after: &Import, refused: &[Refused]) -> Result<bool, Error> {
    let reasons = db.namespace(collections::IMPORT_ERRORS).await?;
    let mut writes: Vec<WriteModel> = Vec::with_capacity(refused.len() + 1);
    for Refused { line, errors } in refused {
        let (id, delete_at) = (refused_id(before.id, *line), date(before.forgotten_at()));
        let record = serialize_to_document(&RefusedRecord { id, line: *line, errors: errors.clone(), delete_at })?;
        let filter = doc! { "_id": record.get_str("_id").unwrap_or_default() };
        let model = ReplaceOneModel::builder().namespace(reasons.clone()).filter(filter).replacement(record);
        writes.push(model.upsert(true).build().into());
    }
    let set = doc! {
        "state": after.state.as_str(),
        "reason": after.reason.clone(),
        "place": serialize_to_bson(&after.position)?,
        "counts": serialize_to_bson(&after.counts)?,
        "planned": [],
        "lease_until": date(after.updated_at.plus(LEASE)),
        "updated_at": date(after.updated_at),
    };
    let imports = db.namespace(collections::IMPORTS).await?;
    writes.push(update_or_fail(&imports, held(before), doc! { "$set": set }));
    Ok(db.write_in_order(writes).await? == Written::All)
}

/// Releases the lease of an import that has not ended: the next process may continue it.
pub async fn release_lease(db: &Mongo, import: &Import, now: Timestamp) -> Result<(), Error> {
    let set = doc! { "$set": { "lease_until": date(now) } };
    imports(db).await?.update_one(held(import), set).await?;
    Ok(())
}

/// Imports whose lease is free, those first that have waited longest.
pub async fn find_waiting(db: &Mongo, now: Timestamp, limit: i64) -> Result<Vec<ImportId>, Error> {
    let found = imports(db).await?.find(waiting_filter(now)).sort(doc! { "lease_until": 1 }).limit(limit).await?;
    Ok(found.map_ok(|record| record.id).try_collect().await?)
}

/// The filter of [`find_waiting`]; the test that asks the server to explain it uses the same.
pub fn waiting_filter(now: Timestamp) -> Document {
    doc! { "state": State::Running.as_str(), "lease_until": { "$lte": date(now) } }
}

/// Up to `limit` refused lines of an import, by number, after one.
pub async fn find_refused(db: &Mongo, id: ImportId, after: Option<i64>, limit: usize) -> Result<Vec<Refused>, Error> {
    let reasons = db.collection::<RefusedRecord>(collections::IMPORT_ERRORS).await?;
    // All ids of this import's begin with its own and a slash; a digit stands behind that, and ":" behind all digits.
    let filter = doc! { "_id": { "$gt": refused_id(id, after.unwrap_or(0)), "$lt": format!("{id}/:") } };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = reasons.find(filter).sort(doc! { "_id": 1 }).limit(limit).await?;
    Ok(found.map_ok(|record| Refused { line: record.line, errors: record.errors }).try_collect().await?)
}

fn refused_id(id: ImportId, line: i64) -> String {
    format!("{id}/{line:010}")
}

fn in_state(id: ImportId, state: State) -> Document {
    doc! { "_id": id.to_string(), "state": state.as_str() }
}

/// The filter for an import whose lease the caller still holds, and whose position is still the one that the caller read.
fn held(import: &Import) -> Document {
    let mut filter = in_state(import.id, State::Running);
    filter.insert("attempt", import.attempt);
    filter.insert("place.offset", import.position.offset);
    filter
}

async fn imports(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::IMPORTS).await
}

impl From<Import> for Record {
    fn from(import: Import) -> Self {
        let delete_at = date(import.forgotten_at());
        let Import { id, state, reason, size, e_tag, position, counts, planned, attempt, .. } = import;
        Self {
            id,
            state,
            reason,
            size,
            e_tag,
            position,
            counts,
            planned,
            attempt,
            lease_until: date(import.created_at),
            expires_at: date(import.expires_at),
            created_at: date(import.created_at),
            updated_at: date(import.updated_at),
            delete_at,
        }
    }
}

impl From<Record> for Import {
    fn from(record: Record) -> Self {
        let Record { id, state, reason, size, e_tag, position, counts, planned, attempt, .. } = record;
        Self {
            id,
            state,
            reason,
            size,
            e_tag,
            position,
            counts,
            planned,
            attempt,
            expires_at: timestamp(record.expires_at),
            created_at: timestamp(record.created_at),
            updated_at: timestamp(record.updated_at),
        }
    }
}
