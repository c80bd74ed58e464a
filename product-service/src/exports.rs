//! Exports of products: files in the bucket, in the form that an import takes.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::CatalogWrite},
    extract::Path,
    input::Json,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use self::domain::{Export, ExportId, State as ExportState, URLS_VALID_FOR};
pub(crate) use self::flow::on_object_created;
pub use self::flow::{sweep, work};
use crate::{app::App, caching::NO_STORE, error::Error};

pub mod domain;
mod flow;
pub mod store;

pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(create_export)).routes(routes!(get_export))
}

/// An export and its progress.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "state": "done", "products": 72,
    "files": [{
        "url": "https://images.s3.eu-central-1.amazonaws.com/exports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/0001-1.ndjson?X-Amz-Signature=8afdbf40...",
        "products": 72, "size": 51_200
    }],
    "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:04.480Z"
}))]
struct ExportView {
    /// Id of the export.
    id: ExportId,
    /// The state of the export.
    state: ExportState,
    /// Number of products that have been written.
    products: i64,
    /// The files, oldest products first; empty before the export is done.
    files: Vec<FileView>,
    /// When the export was created. It is deleted a week later.
    created_at: Timestamp,
    /// When progress was last saved.
    updated_at: Timestamp,
}

/// A file of an export.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportFile)]
struct FileView {
    /// URL of the file, which needs no token and is good for 15 minutes; read the export again for a new one.
    url: String,
    /// Number of products in the file, one a line.
    products: i64,
    /// Size of the file in bytes.
    size: i64,
}

/// Export all products that are not archived
///
/// As NDJSON, one product a line, with its categories by slug and without its images: what an import takes. Larger shops
/// get several files, of at most 2,000 products each; joined, they are one file.
#[utoipa::path(post, path = "/admin/products/exports", tag = "bulk", security(("token" = ["catalog:write"])),
    responses((status = ACCEPTED, body = ExportView)))]
async fn create_export(State(app): State<App>, _: Caller<CatalogWrite>) -> Result<Response, Error> {
    let now = Timestamp::now();
    let export = flow::begin(&app, now).await?;
    let location = format!("/admin/products/exports/{}", export.id);
    let view = Json(view(&app, export, now).await?);
    let headers = [(header::CACHE_CONTROL, "no-store".to_owned()), (header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, view).into_response())
}

/// Read the progress of an export, and the URLs of its files
#[utoipa::path(get, path = "/admin/products/exports/{export_id}", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("export_id" = ExportId, Path, description = "The export's id.")),
    responses((status = OK, body = ExportView)))]
async fn get_export(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ExportId>,
) -> Result<Response, Error> {
    let export = store::find(&app.db, id).await?.ok_or(Error::NotFound)?;
    let view = Json(view(&app, export, Timestamp::now()).await?);
    Ok(([(header::CACHE_CONTROL, NO_STORE)], view).into_response())
}

async fn view(app: &App, export: Export, now: Timestamp) -> Result<ExportView, Error> {
    let Export { id, state, files, created_at, updated_at, .. } = export;
    let products = files.iter().map(|file| file.products).sum();
    let shown = if state == ExportState::Done { files } else { Vec::new() };
    let keys: Vec<&str> = shown.iter().map(|file| file.key.as_str()).collect();
    let urls = app.bucket.presigned_urls(&keys, URLS_VALID_FOR, now).await?;
    let files = urls.into_iter().zip(&shown);
    let files = files.map(|(url, file)| FileView { url, products: file.products, size: file.size }).collect();
    Ok(ExportView { id, state, products, files, created_at, updated_at })
}
