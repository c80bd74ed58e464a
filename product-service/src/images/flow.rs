//! The steps of granting, judging, arranging and sweeping. Handlers, the queue and the sweep share them; each can be
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

/// How often a new order starts over when others change the product under it.
const MAX_ATTEMPTS: usize = 3;
/// How much one sweep does.
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

/// Looks at what was uploaded, publishes what is the picture of it, and moves that to the product's list; or refuses it.
/// Every step can be repeated: what was uploaded is deleted only after it is in the list.
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
        // Another call or message was quicker.
        image
    } else {
        // It lost its slot: what was published for it is in no list.
        delete(app, upload).await?;
        return Err(Error::NotFound);
    };
    app.bucket.delete(&uploaded).await?;
    Ok(image)
}

/// What others made of an upload meanwhile: its image, why it was refused, or nothing yet.
async fn find_outcome(app: &App, upload: &Upload) -> Result<Option<Image>, Error> {
    match store::find(&app.db, upload.image.id).await? {
        Some(upload) if upload.state == State::Refused => Err(refused(upload)),
        _ => in_list(app, upload.product_id, &upload.image.key).await,
    }
}

/// Deletes all there is of an upload: the file as it came, and what was published of it.
async fn delete(app: &App, upload: &Upload) -> Result<(), Error> {
    app.bucket.delete(&upload.uploaded_key()).await?;
    Ok(app.bucket.delete(&upload.image.key).await?)
}

/// Completes an upload: answers what became of it, or judges it now.
pub(super) async fn complete(app: &App, upload: Upload, now: Timestamp) -> Result<Image, Error> {
    match upload.state {
        State::Pending => process(app, &upload, now).await,
        State::Attached => listed(app, &upload).await,
        State::Refused => Err(refused(upload)),
    }
}

/// Deals with an object that the bucket says was made. What was uploaded is judged once; what comes after that, or
/// without a grant, is deleted. So is what was published for an upload that is gone.
pub(crate) async fn on_object_created(app: &App, key: &str, now: Timestamp) -> Result<(), Error> {
    let Some((kind, product_id, image_id)) = parse_key(key) else {
        tracing::warn!("object with a key that no upload has");
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
        Err(Error::ImageRefused { reason, .. }) => tracing::info!(%image_id, reason, "image refused"),
        // It was deleted in between, or its upload was: asking again changes nothing.
        Err(Error::NotUploaded | Error::NotFound) => tracing::info!(%image_id, "image gone"),
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
pub struct SweepReport {
    /// Objects that nobody wanted: never completed, refused, or removed from their product.
    pub deleted: usize,
    /// Objects in doubt that turned out to be in use.
    pub kept: usize,
    /// What could not be done now; each is logged, and found again by the next sweep.
    pub failed: usize,
}

/// Asks of every upload in doubt whether its object is wanted, and deletes those that are not. Bounded; may run many at
/// once.
pub async fn sweep(app: &App, now: Timestamp) -> Result<SweepReport, Error> {
    let mut report = SweepReport::default();
    for upload in store::find_due(&app.db, now, SWEEP_LIMIT).await? {
        match settle(app, &upload, now).await {
            Ok(Settled::Deleted) => report.deleted += 1,
            Ok(Settled::Kept) => report.kept += 1,
            Err(error) => {
                tracing::error!(%error, image_id = %upload.image.id, "image not swept");
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

/// The product decides, and can no longer change its mind once the slot is given up. The objects go before their upload, so
/// that they are found again until they are gone; of an image in use the file that was uploaded goes; its form has expired.
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
