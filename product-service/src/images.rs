//! Images of products. This service grants an upload, the browser uploads the file straight into the bucket, and the file is
//! checked and cleaned before it is published.

use std::collections::BTreeMap;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::CatalogWrite},
    etag::{IfMatch, Versioned},
    extract::{Created, Path},
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::flow::on_object_created;
pub use self::flow::{Swept, sweep};
use self::{
    domain::{ImageId, ImageList, NewImage, RefusalCode, State as UploadState, Upload},
    flow::{arrange, complete, grant},
    view::ImageView,
};
use crate::{
    app::App, bucket::object::PresignedPost, error::Error, ids::ProductId, mongo::Mongo, products::view::ProductView,
};

pub mod domain;
mod flow;
pub mod store;
pub(crate) mod view;

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(create_image, arrange_images))
        .routes(routes!(get_upload))
        .routes(routes!(complete_upload))
}

/// The form for uploading an image, sent as `multipart/form-data`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "image_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "url": "https://images.s3.eu-central-1.amazonaws.com",
    "fields": {
        "key": "uploads/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.jpg",
        "Content-Type": "image/jpeg", "policy": "eyJleHBpcmF0aW9uIjoi...", "x-amz-signature": "8afdbf40..."
    },
    "expires_at": "2026-11-22T09:40:00.125Z"
}))]
struct UploadForm {
    /// Id that the image will have.
    image_id: ImageId,
    /// URL to post the form to.
    url: String,
    /// Form fields to send unchanged, before the field `file`.
    fields: BTreeMap<String, String>,
    /// Until when the upload may begin.
    expires_at: Timestamp,
}

/// An upload as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload, example = json!({
    "image_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "state": "refused", "reason": "The content of the file is not image/jpeg.", "reason_code": "wrong_content",
    "expires_at": "2026-11-22T09:40:00.125Z"
}))]
struct UploadView {
    /// Id of the image.
    image_id: ImageId,
    /// The product that the image belongs to.
    product_id: ProductId,
    /// The state of the upload.
    state: UploadState,
    /// Why the file was refused, as a text for people; otherwise `null`.
    #[schema(required)]
    reason: Option<String>,
    /// Why the file was refused, as a code for programs; otherwise `null`.
    #[schema(required)]
    reason_code: Option<RefusalCode>,
    /// Until when the upload may begin.
    expires_at: Timestamp,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> Self {
        let Upload { image, product_id, state, reason, reason_code, expires_at, .. } = upload;
        Self { image_id: image.id, product_id, state, reason, reason_code, expires_at }
    }
}

/// Ask for the form to upload an image with
///
/// The form is good for ten minutes, for one file of the announced type and at most the announced size. Afterwards complete the
/// upload, or wait until the bucket's own notification does so. An upload that is never completed stops counting towards the
/// product's ten images after about an hour.
#[utoipa::path(post, path = "/admin/products/{product_id}/images", tag = "images",
    security(("token" = ["catalog:write"])),
    params(("product_id" = ProductId, Path, description = "The product's id.")), request_body = NewImage,
    responses((status = CREATED, body = UploadForm),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`too_many_images`: a product has at most ten, uploads in progress included.")))]
async fn create_image(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(product_id): Path<ProductId>,
    Json(new): Json<NewImage>,
) -> Result<Created<UploadForm>, Error> {
    let (upload, PresignedPost { url, fields }) = Box::pin(grant(&app, product_id, new, Timestamp::now())).await?;
    let (image_id, expires_at) = (upload.image.id, upload.expires_at);
    Ok(Created { location: format!("/uploads/{image_id}"), body: UploadForm { image_id, url, fields, expires_at } })
}

/// Read the state of an upload
#[utoipa::path(get, path = "/uploads/{image_id}", tag = "images", security(("token" = ["catalog:write"])),
    params(("image_id" = ImageId, Path, description = "The image's id.")), responses((status = OK, body = UploadView)))]
async fn get_upload(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(image_id): Path<ImageId>,
) -> Result<Json<UploadView>, Error> {
    let upload = store::find(&db, image_id).await?.ok_or(Error::NotFound)?;
    Ok(Json(upload.into()))
}

/// Complete an upload
///
/// Checks the uploaded file and publishes it as the last of the product's images. Picture, colours and orientation are kept;
/// all other metadata, such as place, date and camera, is removed. Idempotent.
#[utoipa::path(post, path = "/uploads/{image_id}/complete", tag = "images", security(("token" = ["catalog:write"])),
    params(("image_id" = ImageId, Path, description = "The image's id.")),
    responses((status = OK, body = ImageView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`not_uploaded`: no file has arrived yet; or `image_refused`, which is final: `reason_code` says why \
                           for programs, `detail` for people.")))]
async fn complete_upload(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(image_id): Path<ImageId>,
) -> Result<Json<ImageView>, Error> {
    let upload = store::find(&app.db, image_id).await?.ok_or(Error::NotFound)?;
    let image = Box::pin(complete(&app, upload, Timestamp::now())).await?;
    Ok(Json(ImageView::new(image, &app.bucket)))
}

/// Order a product's images, describe them, and remove those that are left out
///
/// Send the whole list, in order. Honours `If-Match`.
#[utoipa::path(put, path = "/admin/products/{product_id}/images", tag = "images",
    security(("token" = ["catalog:write"])),
    params(("product_id" = ProductId, Path, description = "The product's id."), IfMatch), request_body = ImageList,
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn arrange_images(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(product_id): Path<ProductId>,
    if_match: IfMatch,
    Json(list): Json<ImageList>,
) -> Result<Versioned<ProductView>, Error> {
    let product = Box::pin(arrange(&app, product_id, &list, &if_match, Timestamp::now())).await?;
    Ok(Versioned { tag: product.tag(), body: ProductView::new(product, &app.bucket) })
}
