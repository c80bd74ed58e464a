//! Every query of adjustments: of those that are recorded on a SKU, and of the audit log.

use common::{etag::IfMatch, sku::Sku, timestamp::Timestamp};
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{self, Bson, DateTime, Document, doc},
    options::InsertOneModel,
};
use serde::{Deserialize, Serialize};

use super::domain::{Adjustment, AdjustmentId, AttemptId, Reason, ReturnId};
use crate::{
    basket::LineItem,
    collections,
    error::Error,
    inventory::{
        domain::MAX_ON_HAND,
        store::{change, seen},
    },
    mongo::{Mongo, Written, date, timestamp, update_or_fail, update_or_skip},
    mongo_error::violates,
};

/// An adjustment in the audit log.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: AdjustmentId,
    sku: Sku,
    delta: i64,
    reason: Reason,
    note: Option<String>,
    by: String,
    at: DateTime,
    /// The attempt that was applied.
    #[serde(rename = "claim")]
    attempt: AttemptId,
}

/// An adjustment on its SKU, until it is settled.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    id: AdjustmentId,
    #[serde(rename = "claim")]
    attempt: AttemptId,
    delta: i64,
    reason: Reason,
    note: Option<String>,
    by: String,
    at: DateTime,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The adjustment is made.
    Applied,
    /// Another attempt at the same adjustment was applied; this one is still recorded on the SKU.
    Superseded,
    /// Nothing was recorded: the SKU has no stock, or too few units, or would have too many, or its stock has changed.
    Refused,
}

/// Records an adjustment, decides that this attempt is applied, and settles it, in one command.
pub async fn apply(
    db: &Mongo,
    adjustment: &Adjustment,
    attempt: AttemptId,
    if_match: &IfMatch,
) -> Result<AttemptOutcome, Error> {
    let stock = db.namespace(collections::STOCK).await?;
    let room = if adjustment.delta < 0 {
        doc! { "$or": [{ "available": { "$gte": -adjustment.delta } }, { "backorder": true }] }
    } else {
        doc! { "on_hand": { "$lte": MAX_ON_HAND - adjustment.delta } }
    };
    let mut filter = doc! { "_id": adjustment.sku.as_str(), "$and": [room] };
    filter.extend(seen(&adjustment.sku, if_match));
    let mut recording = change(adjustment.when_recorded());
    recording.insert("$push", doc! { "adjustments": recorded(adjustment, attempt)? });
    let settle = settling(adjustment, attempt, true);
    let writes = vec![
        update_or_fail(&stock, filter, recording),
        InsertOneModel::builder()
            .namespace(db.namespace(collections::ADJUSTMENTS).await?)
            .document(audit_entry(adjustment, attempt)?)
            .build()
            .into(),
        update_or_skip(&stock, settle.0, settle.1),
    ];
    let written = db.write_in_order(writes).await?;
    Ok(match written {
        Written::Until(0) => AttemptOutcome::Refused,
        written if written.went_past(1) => AttemptOutcome::Applied,
        _ => AttemptOutcome::Superseded,
    })
}

/// Decides an adjustment that was recorded; `false` when another attempt at it was applied.
pub async fn decide(db: &Mongo, adjustment: &Adjustment, attempt: AttemptId) -> Result<bool, Error> {
    let record = Record::new(adjustment, attempt);
    match audit_log(db).await?.insert_one(record).await {
        Ok(_) => Ok(true),
        Err(error) if violates(&error, "_id_") => {
            Ok(find(db, adjustment.id).await?.is_some_and(|(_, applied)| applied == attempt))
        }
        Err(error) => Err(error.into()),
    }
}

/// Settles an attempt that is still on its SKU: applies its last change and removes it, in one update.
pub async fn settle(db: &Mongo, adjustment: &Adjustment, attempt: AttemptId, is_applied: bool) -> Result<(), Error> {
    let (filter, update) = settling(adjustment, attempt, is_applied);
    db.collection::<Document>(collections::STOCK).await?.update_one(filter, update).await?;
    Ok(())
}

fn settling(adjustment: &Adjustment, attempt: AttemptId, is_applied: bool) -> (Document, Document) {
    let attempt = attempt.to_string();
    let mut update = change(adjustment.when_settled(is_applied));
    update.insert("$pull", doc! { "adjustments": { "claim": &attempt } });
    // A stocktake has set the time already.
    if is_applied && adjustment.reason != Reason::Counted {
        update.insert("$set", doc! { "updated_at": date(adjustment.at) });
    }
    (doc! { "_id": adjustment.sku.as_str(), "adjustments.claim": attempt }, update)
}

/// An adjustment, with the attempt at it that was applied.
pub async fn find(db: &Mongo, id: AdjustmentId) -> Result<Option<(Adjustment, AttemptId)>, Error> {
    let found = audit_log(db).await?.find_one(doc! { "_id": id.to_string() }).await?;
    Ok(found.map(|record| (record.attempt, record)).map(|(attempt, record)| (record.into(), attempt)))
}

/// Up to `limit` adjustments of a SKU, newest first, after a place.
pub async fn list(
    db: &Mongo,
    sku: &Sku,
    after: Option<(Timestamp, AdjustmentId)>,
    limit: usize,
) -> Result<Vec<Adjustment>, Error> {
    let mut filter = doc! { "sku": sku.as_str() };
    if let Some((at, id)) = after {
        // Where the index is entered, beside what stands behind the place.
        filter.insert("at", doc! { "$lte": date(at) });
        let earlier = doc! { "at": { "$lt": date(at) } };
        filter.insert("$or", [earlier, doc! { "at": date(at), "_id": { "$lt": id.to_string() } }]);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = audit_log(db).await?.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit).await?;
    Ok(found.map_ok(Adjustment::from).try_collect().await?)
}

/// Adjustments that were recorded before a moment and not settled, because a crash came in between. Reads at most `limit` SKUs,
/// by an index that holds only adjustments in progress.
pub async fn unsettled(db: &Mongo, before: Timestamp, limit: i64) -> Result<Vec<(Adjustment, AttemptId)>, Error> {
    let stock = db.collection::<OnSku>(collections::STOCK).await?;
    let found = stock.find(doc! { "adjustments.at": { "$lt": date(before) } }).limit(limit).await?;
    let skus: Vec<OnSku> = found.try_collect().await?;
    let of_sku = |OnSku { id: sku, adjustments }| {
        adjustments.into_iter().map(move |recorded: Recorded| recorded.read(Sku::clone(&sku)))
    };
    Ok(skus.into_iter().flat_map(of_sku).filter(|(adjustment, _)| adjustment.at < before).collect())
}

/// What an attempt recorded on its SKU, if it is still there.
pub async fn recorded_on(db: &Mongo, sku: &Sku, attempt: AttemptId) -> Result<Option<Adjustment>, Error> {
    let stock = db.collection::<OnSku>(collections::STOCK).await?;
    let Some(found) = stock.find_one(doc! { "_id": sku.as_str() }).await? else { return Ok(None) };
    let recorded = found.adjustments.into_iter().find(|recorded| recorded.attempt == attempt);
    Ok(recorded.map(|recorded| recorded.read(found.id).0))
}

/// Whether an attempt at an adjustment is recorded and not settled, or was decided meanwhile.
pub async fn is_under_way(db: &Mongo, adjustment: &Adjustment) -> Result<bool, Error> {
    let id = adjustment.id.to_string();
    let stock = db.collection::<Document>(collections::STOCK).await?;
    let recorded = doc! { "_id": adjustment.sku.as_str(), "adjustments.id": id };
    if stock.find_one(recorded).projection(doc! { "_id": 1 }).await?.is_some() {
        return Ok(true);
    }
    Ok(find(db, adjustment.id).await?.is_some())
}

/// The part of a SKU's stock that is read here.
#[derive(Debug, Deserialize)]
struct OnSku {
    #[serde(rename = "_id")]
    id: Sku,
    #[serde(default)]
    adjustments: Vec<Recorded>,
}

/// The document that a stocktake puts on the SKU; `delta` is an expression, because only the server knows the number before.
pub fn stocktake_entry(stocktake: &Adjustment, attempt: AttemptId, delta: Document) -> Result<Document, Error> {
    let mut record = recorded(stocktake, attempt)?;
    record.insert("delta", delta);
    Ok(literal(record))
}

/// Inside a pipeline a string that starts with `$` would be a field's name.
fn literal(record: Document) -> Document {
    let wrap = |(name, value)| match value {
        Bson::String(text) => (name, doc! { "$literal": text }.into()),
        value => (name, value),
    };
    record.into_iter().map(wrap).collect()
}

/// Saves the lines of a return; `false` when they were saved before.
pub async fn open_return(db: &Mongo, id: ReturnId, lines: &[LineItem], now: Timestamp) -> Result<bool, Error> {
    let record = ReturnRecord { id, lines: lines.to_vec(), at: date(now) };
    match returns(db).await?.insert_one(record).await {
        Ok(_) => Ok(true),
        Err(error) if violates(&error, "_id_") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The lines of a return.
pub async fn returned_lines(db: &Mongo, id: ReturnId) -> Result<Option<Vec<LineItem>>, Error> {
    Ok(returns(db).await?.find_one(doc! { "_id": id.to_string() }).await?.map(|record| record.lines))
}

/// A return: its id stands for these lines, however often it is sent.
#[derive(Debug, Serialize, Deserialize)]
struct ReturnRecord {
    #[serde(rename = "_id")]
    id: ReturnId,
    lines: Vec<LineItem>,
    at: DateTime,
}

async fn audit_log(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::ADJUSTMENTS).await
}

async fn returns(db: &Mongo) -> Result<Collection<ReturnRecord>, Error> {
    db.collection(collections::RETURNS).await
}

fn recorded(adjustment: &Adjustment, attempt: AttemptId) -> Result<Document, Error> {
    let Adjustment { id, sku: _, delta, reason, note, by, at } = adjustment.clone();
    Ok(bson::serialize_to_document(&Recorded { id, attempt, delta, reason, note, by, at: date(at) })?)
}

fn audit_entry(adjustment: &Adjustment, attempt: AttemptId) -> Result<Document, Error> {
    Ok(bson::serialize_to_document(&Record::new(adjustment, attempt))?)
}

impl Record {
    fn new(adjustment: &Adjustment, attempt: AttemptId) -> Self {
        let Adjustment { id, sku, delta, reason, note, by, at } = adjustment.clone();
        Self { id, sku, delta, reason, note, by, at: date(at), attempt }
    }
}

impl Recorded {
    fn read(self, sku: Sku) -> (Adjustment, AttemptId) {
        let Self { id, attempt, delta, reason, note, by, at } = self;
        (Adjustment { id, sku, delta, reason, note, by, at: timestamp(at) }, attempt)
    }
}

impl From<Record> for Adjustment {
    fn from(record: Record) -> Self {
        let Record { id, sku, delta, reason, note, by, at, attempt: _ } = record;
        Self { id, sku, delta, reason, note, by, at: timestamp(at) }
    }
}
