//! Every query of images and their uploads.
//!
//! A product's document has the list of its images, and beside it `image_slots`: the ids of all images that are in the
//! list or may still come into it. One conditional update there decides which of two requests gets the last slot.

use common::timestamp::Timestamp;
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Namespace,
    bson::{Bson, DateTime, Document, doc, serialize_to_bson, serialize_to_document},
    options::{InsertOneModel, WriteModel},
};
use serde::{Deserialize, Serialize};

use super::domain::{Arranged, Image, ImageId, MAX_IMAGES, MediaType, Mismatch, RefusalCode, State, Upload};
use crate::{
    collections,
    error::Error,
    ids::ProductId,
    mongo::{Mongo, Written, date, timestamp, update_or_fail, update_or_skip},
};

/// An upload as a document.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "_id")]
    id: ImageId,
    product_id: ProductId,
    key: String,
    content_type: MediaType,
    size: i64,
    alt: String,
    state: State,
    reason: Option<String>,
    #[serde(default)]
    reason_code: Option<RefusalCode>,
    expires_at: DateTime,
    /// Left out rather than null, so that the index holds only what the sweep has to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime>,
}

/// Saves an upload and takes a slot for it, in this order: an upload without a slot can never reach the list and is swept,
/// a slot without an upload would stay taken. `false` when the product has no slot left, or does not exist.
pub async fn insert_with_slot(db: &Mongo, upload: &Upload) -> Result<bool, Error> {
    let (products, uploads) = namespaces(db).await?;
    let insert = serialize_to_document(&Record::from(upload.clone()))?;
    let insert: WriteModel = InsertOneModel::builder().namespace(uploads).document(insert).build().into();
    // The last of its slots is free.
    let last = format!("image_slots.{}", MAX_IMAGES - 1);
    let filter = doc! { "_id": upload.product_id.to_string(), last: { "$exists": false } };
    let take = doc! { "$push": { "image_slots": upload.image.id.to_string() } };
    Ok(db.write_in_order(vec![insert, update_or_fail(&products, filter, take)]).await? == Written::All)
}

/// An upload.
pub async fn find(db: &Mongo, id: ImageId) -> Result<Option<Upload>, Error> {
    Ok(uploads(db).await?.find_one(doc! { "_id": id.to_string() }).await?.map(Upload::from))
}

/// Appends an upload's image to its product's list, if it still holds its slot and is not there yet. This one update decides
/// whether the image is in use; the upload's state follows it. The sweep comes back when the form has expired, and deletes what
/// was uploaded with it since.
pub async fn push_image(db: &Mongo, upload: &Upload, now: Timestamp) -> Result<bool, Error> {
    let (products, uploads) = namespaces(db).await?;
    let id = upload.image.id.to_string();
    let filter = doc! {
        "_id": upload.product_id.to_string(), "image_slots": &id, "images.id": { "$ne": &id },
    };
    let append = doc! {
        "$push": { "images": serialize_to_bson(&upload.image)? },
        "$set": { "updated_at": date(now) },
        "$inc": { "version": 1_i64 },
    };
    let note = doc! { "_id": &id, "state": { "$ne": State::Refused.as_str() } };
    let note = update_or_skip(&uploads, note, doc! { "$set": { "state": State::Attached.as_str() } });
    let writes = vec![update_or_fail(&products, filter, append), note];
    Ok(db.write_in_order(writes).await?.went_past(0))
}

/// Marks an upload as refused, with the reason, and removes its image from the product. Where only the first write is carried
/// out, the sweep does the rest.
pub async fn set_refused(db: &Mongo, upload: &Upload, reason: Mismatch, now: Timestamp) -> Result<(), Error> {
    let (products, uploads) = namespaces(db).await?;
    let set = doc! {
        "state": State::Refused.as_str(), "reason": reason.to_string(), "reason_code": reason.code().as_str(),
        "due_at": date(Upload::forgotten_at(now)),
    };
    let mut writes = vec![update_or_skip(&uploads, doc! { "_id": upload.image.id.to_string() }, doc! { "$set": set })];
    writes.extend(image_pull(&products, upload, now));
    db.write_in_order(writes).await.map(|_| ())
}

/// Removes an image from its product: its slot, and the image from the list.
pub async fn pull_image(db: &Mongo, upload: &Upload, now: Timestamp) -> Result<(), Error> {
    let (products, _) = namespaces(db).await?;
    db.write_in_order(image_pull(&products, upload, now)).await.map(|_| ())
}

/// Replaces the images of a product if it still has this version. Uploads of removed images get their `due_at` first, so that the
/// sweep finds them: nothing else refers to them afterwards.
pub async fn set_images(
    db: &Mongo,
    product_id: ProductId,
    version: i64,
    arranged: &Arranged,
    now: Timestamp,
) -> Result<bool, Error> {
    let (products, uploads) = namespaces(db).await?;
    let gone: Vec<String> = arranged.removed.iter().map(ToString::to_string).collect();
    let due_at = doc! { "$set": { "due_at": date(Upload::asked_about_at(now)) } };
    let note = |id: &String| update_or_skip(&uploads, doc! { "_id": id }, due_at.clone());
    let mut writes: Vec<WriteModel> = gone.iter().map(note).collect();
    let decisive = writes.len();
    let filter = doc! { "_id": product_id.to_string(), "version": version };
    let update = doc! {
        "$set": { "images": serialize_to_bson(&arranged.images)?, "updated_at": date(now) },
        "$pull": { "image_slots": { "$in": gone } },
        "$inc": { "version": 1_i64 },
    };
    writes.push(update_or_fail(&products, filter, update));
    Ok(db.write_in_order(writes).await?.went_past(decisive))
}

/// Uploads that the sweep has to check by `now`, the oldest first.
pub async fn find_due(db: &Mongo, now: Timestamp, limit: i64) -> Result<Vec<Upload>, Error> {
    let found = uploads(db).await?.find(due_filter(now)).sort(doc! { "due_at": 1 }).limit(limit).await?;
    Ok(found.map_ok(Upload::from).try_collect().await?)
}

/// The filter of [`find_due`]; the test that asks the server to explain it uses the same.
pub fn due_filter(now: Timestamp) -> Document {
    doc! { "due_at": { "$lte": date(now) } }
}

/// Removes an upload's slot unless its image is in the list. After this the list alone says whether the image is in use.
pub async fn pull_unlisted_slot(db: &Mongo, upload: &Upload) -> Result<(), Error> {
    let (products, _) = namespaces(db).await?;
    db.write_in_order(vec![slot_pull(&products, upload)]).await.map(|_| ())
}

/// Marks an upload as attached, unless another request has changed it since it was read.
pub async fn set_attached(db: &Mongo, upload: &Upload) -> Result<(), Error> {
    let (_, uploads) = namespaces(db).await?;
    db.write_in_order(vec![attached_update(&uploads, upload)]).await.map(|_| ())
}

/// Deletes an upload.
pub async fn delete(db: &Mongo, id: ImageId) -> Result<(), Error> {
    uploads(db).await?.delete_one(doc! { "_id": id.to_string() }).await?;
    Ok(())
}

fn slot_pull(products: &Namespace, upload: &Upload) -> WriteModel {
    let id = upload.image.id.to_string();
    let filter = doc! {
        "_id": upload.product_id.to_string(), "image_slots": &id, "images.id": { "$ne": &id },
    };
    update_or_skip(products, filter, doc! { "$pull": { "image_slots": id } })
}

fn attached_update(uploads: &Namespace, upload: &Upload) -> WriteModel {
    let due_at = upload.due_at.map_or(Bson::Null, |due_at| date(due_at).into());
    let state = doc! { "$ne": State::Refused.as_str() };
    let filter = doc! { "_id": upload.image.id.to_string(), "state": state, "due_at": due_at };
    let set = doc! { "$set": { "state": State::Attached.as_str() }, "$unset": { "due_at": "" } };
    update_or_skip(uploads, filter, set)
}

/// The slot first: without a slot an image cannot come into the list any more, so the second write finds it if it is there.
fn image_pull(products: &Namespace, upload: &Upload, now: Timestamp) -> Vec<WriteModel> {
    let id = upload.image.id.to_string();
    let filter = doc! { "_id": upload.product_id.to_string(), "images.id": &id };
    let leave = doc! {
        "$pull": { "images": { "id": &id }, "image_slots": &id },
        "$set": { "updated_at": date(now) },
        "$inc": { "version": 1_i64 },
    };
    vec![slot_pull(products, upload), update_or_skip(products, filter, leave)]
}

async fn uploads(db: &Mongo) -> Result<Collection<Record>, Error> {
    db.collection(collections::UPLOADS).await
}

async fn namespaces(db: &Mongo) -> Result<(Namespace, Namespace), Error> {
    Ok((db.namespace(collections::PRODUCTS).await?, db.namespace(collections::UPLOADS).await?))
}

impl From<Upload> for Record {
    fn from(upload: Upload) -> Self {
        let Image { id, key, content_type, alt } = upload.image;
        Self {
            id,
            product_id: upload.product_id,
            key,
            content_type,
            size: upload.size,
            alt,
            state: upload.state,
            reason: upload.reason,
            reason_code: upload.reason_code,
            expires_at: date(upload.expires_at),
            due_at: upload.due_at.map(date),
        }
    }
}

impl From<Record> for Upload {
    fn from(record: Record) -> Self {
        let Record { id, product_id, key, content_type, size, alt, state, reason, reason_code, expires_at, due_at } =
            record;
        Self {
            image: Image { id, key, content_type, alt },
            product_id,
            size,
            state,
            reason,
            reason_code,
            expires_at: timestamp(expires_at),
            due_at: due_at.map(timestamp),
        }
    }
}
