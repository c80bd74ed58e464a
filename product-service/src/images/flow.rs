//! The steps of granting, processing, arranging and sweeping. Handlers, the queue and the sweep share them; each can be
//! repeated, and several may do it at once.

use common::{etag::IfMatch, timestamp::Timestamp};
use serde::Serialize;

use super::{
    domain::{CACHE_CONTROL, Image, ImageList, NewImage, ObjectKind, State, Upload, parse_key},
    store,
};
use crate::{
    app::App,
    bucket::object::PresignedPost,
    error::Error,
    ids::ProductId,
    products::{
        domain::{Product, ProductKey},
        store as product_store,
    },
};

/// How often a request tries before it gives up because other requests change the product.
const MAX_ATTEMPTS: usize = 3;
/// How many uploads one sweep checks.
const SWEEP_LIMIT: i64 = 50;

/// Grants an upload, if the product has a slot left.
pub(super) async fn grant(
    app: &App,
    product_id: ProductId,
    new: NewImage,
    now: Timestamp,
) -> Result<(Upload, PresignedPost), Error> {
    let upload = Upload::grant(product_id, new, now);
    // Signed before it is saved: without credentials there is nothing to undo.
    let form = app.bucket.presigned_post(&upload.policy(&upload.uploaded_key()), now).await?;
    if store::insert_with_slot(&app.db, &upload).await? {
        return Ok((upload, form));
    }
    store::delete(&app.db, upload.image.id).await?;
    let product = product_store::find(&app.db, &ProductKey::Id(product_id)).await?;
    Err(if product.is_some() { Error::TooManyImages } else { Error::NotFound })
}

/// Checks an uploaded file, publishes its picture, and appends the image to the product's list; or refuses the file. Every step
/// can be repeated: the uploaded file is deleted only after the image is in the list.
async fn process(app: &App, upload: &Upload, now: Timestamp) -> Result<Image, Error> {
    let uploaded = upload.uploaded_key();
    let Some(object) = app.bucket.get(&uploaded, upload.size).await? else {
        return find_outcome(app, upload).await?.ok_or(Error::NotUploaded);
    };
    let Image { key, content_type, .. } = &upload.image;
    match upload.cleaned(&object) {
        Ok(bytes) => {
            // The largest files need the room.
            drop(object);
            app.bucket.publish(key, content_type.as_str(), CACHE_CONTROL, bytes).await?;
        }
        Err(mismatch) => {
            store::set_refused(&app.db, upload, mismatch, now).await?;
            delete(app, upload).await?;
            return Err(Error::ImageRefused { code: Some(mismatch.code()), reason: mismatch.to_string() });
        }
    }
    let image = if store::push_image(&app.db, upload, now).await? {
        upload.image.clone()
    } else if let Some(image) = find_outcome(app, upload).await? {
        // Another request or message has attached it already.
        image
    } else {
        // It has lost its slot: the published file is in no list.
        delete(app, upload).await?;
        return Err(Error::NotFound);
    };
    app.bucket.delete(&uploaded).await?;
    Ok(image)
}

/// What another request made of an upload meanwhile: its image, the refusal, or nothing yet.
async fn find_outcome(app: &App, upload: &Upload) -> Result<Option<Image>, Error> {
    match store::find(&app.db, upload.image.id).await? {
        Some(upload) if upload.state == State::Refused => Err(refused(upload)),
        _ => in_list(app, upload.product_id, &upload.image.key).await,
    }
}

/// Deletes both files of an upload: the uploaded and the published one.
async fn delete(app: &App, upload: &Upload) -> Result<(), Error> {
    app.bucket.delete(&upload.uploaded_key()).await?;
    Ok(app.bucket.delete(&upload.image.key).await?)
}

/// Completes an upload: processes its file, or answers the result of an earlier call.
pub(super) async fn complete(app: &App, upload: Upload, now: Timestamp) -> Result<Image, Error> {
    match upload.state {
        State::Pending => process(app, &upload, now).await,
        State::Attached => listed(app, &upload).await,
        State::Refused => Err(refused(upload)),
    }
}

/// Handles the bucket's notification that an object was created. The file of a pending upload is processed; a file without a
/// grant, one that was uploaded again, and the published file of a deleted upload are deleted.
pub(crate) async fn on_object_created(app: &App, key: &str, now: Timestamp) -> Result<(), Error> {
    let Some((kind, product_id, image_id)) = parse_key(key) else {
        tracing::warn!("bucket notification ignored: the key belongs to no upload");
        return Ok(());
    };
    let upload = store::find(&app.db, image_id).await?;
    let upload = upload.filter(|upload| upload.product_id == product_id && key_at(upload, kind) == key);
    let processed = match (kind, upload) {
        (ObjectKind::Uploaded, Some(upload)) if upload.state == State::Pending => {
            process(app, &upload, now).await.map(|_| ())
        }
        (ObjectKind::Published, Some(upload)) if upload.state != State::Refused => Ok(()),
        (ObjectKind::Published, None) if in_list(app, product_id, key).await?.is_some() => Ok(()),
        _ => Ok(app.bucket.delete(key).await?),
    };
    match processed {
        Err(Error::ImageRefused { reason, .. }) => tracing::info!(%image_id, reason, "uploaded image refused"),
        // The file or its upload was deleted meanwhile: a retry would change nothing.
        Err(Error::NotUploaded | Error::NotFound) => {
            tracing::info!(%image_id, "bucket notification ignored: upload or file deleted");
        }
        processed => processed?,
    }
    Ok(())
}

fn key_at(upload: &Upload, kind: ObjectKind) -> String {
    match kind {
        ObjectKind::Uploaded => upload.uploaded_key(),
        ObjectKind::Published => upload.image.key.clone(),
    }
}

fn refused(upload: Upload) -> Error {
    Error::ImageRefused { code: upload.reason_code, reason: upload.reason.unwrap_or_default() }
}

async fn listed(app: &App, upload: &Upload) -> Result<Image, Error> {
    in_list(app, upload.product_id, &upload.image.key).await?.ok_or(Error::NotFound)
}

/// The image with this key, if it is in the product's list.
async fn in_list(app: &App, product_id: ProductId, key: &str) -> Result<Option<Image>, Error> {
    let product = product_store::find(&app.db, &ProductKey::Id(product_id)).await?;
    let images = product.map(|product| product.images).unwrap_or_default();
    Ok(images.into_iter().find(|image| image.key == key))
}

/// Puts a product's images in this order; those left out are removed.
pub(super) async fn arrange(
    app: &App,
    product_id: ProductId,
    list: &ImageList,
    if_match: &IfMatch,
    now: Timestamp,
) -> Result<Product, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let found = product_store::find(&app.db, &ProductKey::Id(product_id)).await?;
        let product = found.ok_or(Error::NotFound)?;
        if_match.check(product.tag())?;
        let arranged = list.arrange(&product.images).map_err(Error::InvalidInput)?;
        if store::set_images(&app.db, product_id, product.version, &arranged, now).await? {
            let version = product.version + 1;
            return Ok(Product { images: arranged.images, version, updated_at: now, ..product });
        }
    }
    Err(Error::Stale)
}

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Images that are not in use and were deleted: never completed, refused, or removed from their product.
    pub deleted: usize,
    /// Images that turned out to be in use.
    pub kept: usize,
    /// Failures; each is logged, and the next sweep tries again.
    pub failed: usize,
}

/// Checks uploads that are due, and deletes the files of those whose image is not in use. Does bounded work; several sweeps may
/// run at once.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Swept, Error> {
    let mut report = Swept::default();
    for upload in store::find_due(&app.db, now, SWEEP_LIMIT).await? {
        match settle(app, &upload, now).await {
            Ok(Settled::Deleted) => report.deleted += 1,
            Ok(Settled::Kept) => report.kept += 1,
            Err(error) => {
                tracing::error!(%error, image_id = %upload.image.id, "image sweep failed");
                report.failed += 1;
            }
        }
    }
    Ok(report)
}

enum Settled {
    Deleted,
    Kept,
}

/// Once the slot is removed, the product's list says for good whether the image is in use. Files are deleted before their
/// upload, so that a later sweep finds them until they are gone. Of an image in use only the uploaded file is deleted: its form
/// has expired.
async fn settle(app: &App, upload: &Upload, now: Timestamp) -> Result<Settled, Error> {
    if upload.state == State::Refused {
        store::pull_image(&app.db, upload, now).await?;
    } else {
        store::pull_unlisted_slot(&app.db, upload).await?;
        if in_list(app, upload.product_id, &upload.image.key).await?.is_some() {
            app.bucket.delete(&upload.uploaded_key()).await?;
            store::set_attached(&app.db, upload).await?;
            return Ok(Settled::Kept);
        }
    }
    delete(app, upload).await?;
    store::delete(&app.db, upload.image.id).await?;
    Ok(Settled::Deleted)
}
