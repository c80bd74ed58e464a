//! Imports of products: a file with any number of products, uploaded straight into the bucket and applied afterwards.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::CatalogWrite},
    extract::{Created, Path, Query},
    input::Json,
    page::{List, Page, PageQuery},
    problem::{FieldError, ProblemBody},
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use self::domain::{Import, ImportId, Refused, State as ImportState};
pub(crate) use self::flow::on_object_created;
pub use self::flow::{sweep, work};
use crate::{app::App, bucket::object::PresignedPost, caching::NO_STORE, error::Error, mongo::Mongo};

mod apply;
pub mod domain;
mod flow;
pub mod store;

const LIST: List<i64> = List::new("/admin/products/imports/{import_id}/errors");

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(create_import))
        .routes(routes!(get_import))
        .routes(routes!(start_import))
        .routes(routes!(list_import_errors))
}

/// The form for uploading the file of an import, sent as `multipart/form-data`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "import_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "url": "https://images.s3.eu-central-1.amazonaws.com",
    "fields": {
        "key": "imports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson",
        "Content-Type": "application/x-ndjson", "policy": "eyJleHBpcmF0aW9uIjoi...", "x-amz-signature": "8afdbf40..."
    },
    "expires_at": "2026-11-22T10:30:00.125Z"
}))]
struct ImportForm {
    /// Id of the import.
    import_id: ImportId,
    /// URL to post the form to.
    url: String,
    /// Form fields to send unchanged, before the field `file`.
    fields: BTreeMap<String, String>,
    /// Until when the upload may begin.
    expires_at: Timestamp,
}

/// An import and its progress.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "state": "running", "reason": null,
    "size": 7_340_032, "bytes_done": 1_048_201, "lines_done": 1210,
    "created": 1150, "changed": 12, "unchanged": 45, "refused": 3,
    "expires_at": "2026-11-22T10:30:00.125Z", "created_at": "2026-11-22T09:30:00.125Z",
    "updated_at": "2026-11-22T09:31:12.480Z"
}))]
struct ImportView {
    /// Id of the import.
    id: ImportId,
    /// The state of the import.
    state: ImportState,
    /// Why the import failed, for people; otherwise `null`. Lines that were applied before stay applied.
    reason: Option<String>,
    /// Size of the file in bytes; `null` before the import has started.
    size: Option<i64>,
    /// Number of bytes that have been processed.
    bytes_done: i64,
    /// Number of lines that have been processed, blank ones included.
    lines_done: i64,
    /// Number of lines that created a product.
    created: i64,
    /// Number of lines that changed a product.
    changed: i64,
    /// Number of lines whose product already was as the line says.
    unchanged: i64,
    /// Number of lines that were refused; their reasons are at `/admin/products/imports/{import_id}/errors`.
    refused: i64,
    /// Until when the upload may begin.
    expires_at: Timestamp,
    /// When the import was created. It is deleted a week later.
    created_at: Timestamp,
    /// When progress was last saved.
    updated_at: Timestamp,
}

impl From<Import> for ImportView {
    fn from(import: Import) -> Self {
        let Import { id, state, reason, size, position, counts, expires_at, created_at, updated_at, .. } = import;
        Self {
            id,
            state,
            reason,
            size,
            bytes_done: position.offset,
            lines_done: position.line,
            created: counts.created,
            changed: counts.changed,
            unchanged: counts.unchanged,
            refused: counts.refused,
            expires_at,
            created_at,
            updated_at,
        }
    }
}

/// A line that was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "line": 7,
    "errors": [{"pointer": "/variants/0/prices", "code": "missing", "message": "is required"}]
}))]
struct RefusedLine {
    /// Number of the line in the file, from 1; blank lines count.
    line: i64,
    /// What is wrong with the line, with JSON Pointers into it; an empty pointer means the whole line.
    #[schema(max_items = 50)]
    errors: Vec<FieldError>,
}

impl From<Refused> for RefusedLine {
    fn from(Refused { line, errors }: Refused) -> Self {
        Self { line, errors }
    }
}

/// Ask for the form to upload a file of products with
///
/// The file is NDJSON: one product a line, as `POST /admin/products` takes it, with `categories` (slugs) in place of
/// `category_ids`. A line makes the product with its slug, or changes it to what the line says; images stay as they are.
/// At most 100 MiB, and 256 KiB a line; `application/x-ndjson`. The import starts automatically where the
/// bucket sends notifications, and by `POST /admin/products/imports/{import_id}/start` otherwise.
#[utoipa::path(post, path = "/admin/products/imports", tag = "bulk", security(("token" = ["catalog:write"])),
    responses((status = CREATED, body = ImportForm)))]
async fn create_import(State(app): State<App>, _: Caller<CatalogWrite>) -> Result<Response, Error> {
    let (import, PresignedPost { url, fields }) = flow::grant(&app, Timestamp::now()).await?;
    let (import_id, expires_at) = (import.id, import.expires_at);
    let location = format!("/admin/products/imports/{import_id}");
    let created = Created { location, body: ImportForm { import_id, url, fields, expires_at } };
    Ok(([(header::CACHE_CONTROL, NO_STORE)], created).into_response())
}

/// Read the progress of an import
#[utoipa::path(get, path = "/admin/products/imports/{import_id}", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import's id.")),
    responses((status = OK, body = ImportView)))]
async fn get_import(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ImportId>,
) -> Result<Response, Error> {
    let import = store::find(&db, id).await?.ok_or(Error::NotFound)?;
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(ImportView::from(import))).into_response())
}

/// Start an import whose file is uploaded
///
/// The import runs after the answer. Idempotent.
#[utoipa::path(post, path = "/admin/products/imports/{import_id}/start", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import's id.")),
    responses((status = ACCEPTED, body = ImportView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`not_uploaded`: no file has arrived yet; or `import_failed`, which is final: `detail` says why.")))]
async fn start_import(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ImportId>,
) -> Result<Response, Error> {
    let import = flow::start(&app, id, Timestamp::now()).await?;
    if import.state == ImportState::Failed {
        return Err(Error::ImportFailed(import.reason.unwrap_or_default()));
    }
    let view = Json(ImportView::from(import));
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, NO_STORE)], view).into_response())
}

/// List the lines of an import that were refused, with their reasons, by number
///
/// At most the first 10,000 of them.
#[utoipa::path(get, path = "/admin/products/imports/{import_id}/errors", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import's id."), PageQuery),
    responses((status = OK, body = Page<RefusedLine>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_import_errors(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ImportId>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Error> {
    let (limit, after) = LIST.read(&query)?;
    store::find(&db, id).await?.ok_or(Error::NotFound)?;
    let refused = store::find_refused(&db, id, after, limit + 1).await?;
    let page = LIST.page(refused, limit, |refused| refused.line).map(RefusedLine::from);
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(page)).into_response())
}
