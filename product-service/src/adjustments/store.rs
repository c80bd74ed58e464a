//! Every query of adjustments: of those that are recorded on a SKU, and of the trail.

use common::{etag::IfMatch, sku::Sku, timestamp::Timestamp};
use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{self, Bson, DateTime, Document, doc},
    options::InsertOneModel,
};
use serde::{Deserialize, Serialize};

use super::domain::{Adjustment, AdjustmentId, ClaimId, Reason, ReturnId};
use crate::{
    basket::Line,
    collections,
    error::Error,
    inventory::{
        domain::MAX_ON_HAND,
        store::{change, seen},
    },
    mongo::{Mongo, Written, date, may_match, must_match, timestamp},
    mongo_error::violates,
};

/// An adjustment in the trail.
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
    /// The attempt that counts.
    claim: ClaimId,
}

/// An adjustment on its SKU, until it is settled.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    id: AdjustmentId,
    claim: ClaimId,
    delta: i64,
    reason: Reason,
    note: Option<String>,
    by: String,
    at: DateTime,
}

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It counts.
    Counts,
    /// Another attempt at the same adjustment counts; this one is still recorded.
    Late,
    /// It was not recorded: nothing of the SKU is kept here, or too few are left, or too many would be, or it has changed.
    Refused,
}

/// Records an adjustment, decides that it counts and settles it, in one command.
pub async fn apply(db: &Mongo, adjustment: &Adjustment, claim: ClaimId, if_match: &IfMatch) -> Result<Applied, Error> {
    let stock = db.namespace(collections::STOCK).await?;
    let room = if adjustment.delta < 0 {
        doc! { "$or": [{ "available": { "$gte": -adjustment.delta } }, { "backorder": true }] }
    } else {
        doc! { "on_hand": { "$lte": MAX_ON_HAND - adjustment.delta } }
    };
    let mut filter = doc! { "_id": adjustment.sku.as_str(), "$and": [room] };
    filter.extend(seen(&adjustment.sku, if_match));
    let mut recording = change(adjustment.when_recorded());
    recording.insert("$push", doc! { "adjustments": recorded(adjustment, claim)? });
    let settle = settling(adjustment, claim, true);
    let writes = vec![
        must_match(&stock, filter, recording),
        InsertOneModel::builder()
            .namespace(db.namespace(collections::ADJUSTMENTS).await?)
            .document(trail(adjustment, claim)?)
            .build()
            .into(),
        may_match(&stock, settle.0, settle.1),
    ];
    let written = db.write_in_order(writes).await?;
    Ok(match written {
        Written::Until(0) => Applied::Refused,
        written if written.went_past(1) => Applied::Counts,
        _ => Applied::Late,
    })
}

/// Decides an adjustment that was recorded; `false` when another attempt at it counts.
pub async fn decide(db: &Mongo, adjustment: &Adjustment, claim: ClaimId) -> Result<bool, Error> {
    let record = Record::new(adjustment, claim);
    match trails(db).await?.insert_one(record).await {
        Ok(_) => Ok(true),
        Err(error) if violates(&error, "_id_") => {
            Ok(find(db, adjustment.id).await?.is_some_and(|(_, counts)| counts == claim))
        }
        Err(error) => Err(error.into()),
    }
}

/// Settles an attempt, if it is still on its SKU: its last effect, and its end, in one update.
pub async fn settle(db: &Mongo, adjustment: &Adjustment, claim: ClaimId, counts: bool) -> Result<(), Error> {
    let (filter, update) = settling(adjustment, claim, counts);
    db.collection::<Document>(collections::STOCK).await?.update_one(filter, update).await?;
    Ok(())
}

fn settling(adjustment: &Adjustment, claim: ClaimId, counts: bool) -> (Document, Document) {
    let claim = claim.to_string();
    let mut update = change(adjustment.when_settled(counts));
    update.insert("$pull", doc! { "adjustments": { "claim": &claim } });
    // A count has set the time already.
    if counts && adjustment.reason != Reason::Counted {
        update.insert("$set", doc! { "updated_at": date(adjustment.at) });
    }
    (doc! { "_id": adjustment.sku.as_str(), "adjustments.claim": claim }, update)
}

/// An adjustment, with the attempt at it that counts.
pub async fn find(db: &Mongo, id: AdjustmentId) -> Result<Option<(Adjustment, ClaimId)>, Error> {
    let found = trails(db).await?.find_one(doc! { "_id": id.to_string() }).await?;
    Ok(found.map(|record| (record.claim, record)).map(|(claim, record)| (record.into(), claim)))
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
    let found = trails(db).await?.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit).await?;
    Ok(found.map_ok(Adjustment::from).try_collect().await?)
}

/// Adjustments that were recorded before a moment and never settled: what a crash left. At most `limit` SKUs, by an index
/// that holds only adjustments under way.
pub async fn unsettled(db: &Mongo, before: Timestamp, limit: i64) -> Result<Vec<(Adjustment, ClaimId)>, Error> {
    let stock = db.collection::<OnSku>(collections::STOCK).await?;
    let found = stock.find(doc! { "adjustments.at": { "$lt": date(before) } }).limit(limit).await?;
    let skus: Vec<OnSku> = found.try_collect().await?;
    let of_sku = |OnSku { id: sku, adjustments }| {
        adjustments.into_iter().map(move |recorded: Recorded| recorded.read(Sku::clone(&sku)))
    };
    Ok(skus.into_iter().flat_map(of_sku).filter(|(adjustment, _)| adjustment.at < before).collect())
}

/// What an attempt recorded on its SKU, if it is still there.
pub async fn recorded_on(db: &Mongo, sku: &Sku, claim: ClaimId) -> Result<Option<Adjustment>, Error> {
    let stock = db.collection::<OnSku>(collections::STOCK).await?;
    let Some(found) = stock.find_one(doc! { "_id": sku.as_str() }).await? else { return Ok(None) };
    let recorded = found.adjustments.into_iter().find(|recorded| recorded.claim == claim);
    Ok(recorded.map(|recorded| recorded.read(found.id).0))
}

/// Whether an attempt at an adjustment is recorded and not settled, or was decided since somebody looked.
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

/// What a write of a count puts on the SKU: the number that it changes is only known there.
pub fn counting(count: &Adjustment, claim: ClaimId, delta: Document) -> Result<Document, Error> {
    let mut record = recorded(count, claim)?;
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

/// Says what a return brings back; `false` when it was said before.
pub async fn open_return(db: &Mongo, id: ReturnId, lines: &[Line], now: Timestamp) -> Result<bool, Error> {
    let record = ReturnRecord { id, lines: lines.to_vec(), at: date(now) };
    match returns(db).await?.insert_one(record).await {
        Ok(_) => Ok(true),
        Err(error) if violates(&error, "_id_") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a return brings back.
pub async fn returned_lines(db: &Mongo, id: ReturnId) -> Result<Option<Vec<Line>>, Error> {
    Ok(returns(db).await?.find_one(doc! { "_id": id.to_string() }).await?.map(|record| record.lines))
}

/// A return, so that its id always brings back the same.
#[derive(Debug, Serialize, Deserialize)]
struct ReturnRecord {
    #[serde(rename = "_id")]
    id: ReturnId,
    lines: Vec<Line>,
    at: DateTime,
}

async fn trails(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::ADJUSTMENTS).await
}

async fn returns(db: &Mongo) -> Result<Collection<ReturnRecord>, Error> {
    db.collection(collections::RETURNS).await
}

fn recorded(adjustment: &Adjustment, claim: ClaimId) -> Result<Document, Error> {
    let Adjustment { id, sku: _, delta, reason, note, by, at } = adjustment.clone();
    Ok(bson::serialize_to_document(&Recorded { id, claim, delta, reason, note, by, at: date(at) })?)
}

fn trail(adjustment: &Adjustment, claim: ClaimId) -> Result<Document, Error> {
    Ok(bson::serialize_to_document(&Record::new(adjustment, claim))?)
}

impl Record {
    fn new(adjustment: &Adjustment, claim: ClaimId) -> Self {
        let Adjustment { id, sku, delta, reason, note, by, at } = adjustment.clone();
        Self { id, sku, delta, reason, note, by, at: date(at), claim }
    }
}

impl Recorded {
    fn read(self, sku: Sku) -> (Adjustment, ClaimId) {
        let Self { id, claim, delta, reason, note, by, at } = self;
        (Adjustment { id, sku, delta, reason, note, by, at: timestamp(at) }, claim)
    }
}

impl From<Record> for Adjustment {
    fn from(record: Record) -> Self {
        let Record { id, sku, delta, reason, note, by, at, claim: _ } = record;
        Self { id, sku, delta, reason, note, by, at: timestamp(at) }
    }
}
