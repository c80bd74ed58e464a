//! Imports of products: a file of any number of them, uploaded straight into the bucket and worked off afterwards.

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

/// How to upload the file of an import: a form for `multipart/form-data`.
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
    /// What the import is called.
    import_id: ImportId,
    /// Where to post the form.
    url: String,
    /// All of these must be in the form, unchanged, before `file`.
    fields: BTreeMap<String, String>,
    /// Until when an upload may begin.
    expires_at: Timestamp,
}

/// An import, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "state": "running", "reason": null,
    "size": 7_340_032, "bytes_done": 1_048_201, "lines_done": 1210,
    "created": 1150, "changed": 12, "unchanged": 45, "refused": 3,
    "expires_at": "2026-11-22T10:30:00.125Z", "created_at": "2026-11-22T09:30:00.125Z",
    "updated_at": "2026-11-22T09:31:12.480Z"
}))]
struct ImportView {
    /// Names it.
    id: ImportId,
    /// How far it has come.
    state: ImportState,
    /// Why it failed; otherwise `null`. What was worked off before stays so.
    reason: Option<String>,
    /// How many bytes the file has; `null` before the import began.
    size: Option<i64>,
    /// How many of them have been worked off.
    bytes_done: i64,
    /// How many lines that is, blank ones counted.
    lines_done: i64,
    /// Lines that made a product.
    created: i64,
    /// Lines that changed one.
    changed: i64,
    /// Lines whose product was so already.
    unchanged: i64,
    /// Lines that did nothing; their reasons can be asked for.
    refused: i64,
    /// Until when the upload may begin.
    expires_at: Timestamp,
    /// When it was asked for. It is forgotten a week later.
    created_at: Timestamp,
    /// When it came further last.
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
    /// Which, from 1; blank lines are counted.
    line: i64,
    /// What is wrong with it, by JSON Pointers into the line; an empty one means all of it.
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
/// At most 100 MiB, and 256 KiB a line; `application/x-ndjson`. The import starts by itself where the bucket's
/// notifications are set up, and by a call otherwise.
#[utoipa::path(post, path = "/admin/products/imports", tag = "bulk", security(("token" = ["catalog:write"])),
    responses((status = CREATED, body = ImportForm)))]
async fn create_import(State(app): State<App>, _: Caller<CatalogWrite>) -> Result<Response, Error> {
    let (import, PresignedPost { url, fields }) = flow::grant(&app, Timestamp::now()).await?;
    let (import_id, expires_at) = (import.id, import.expires_at);
    let location = format!("/admin/products/imports/{import_id}");
    let created = Created { location, body: ImportForm { import_id, url, fields, expires_at } };
    Ok(([(header::CACHE_CONTROL, NO_STORE)], created).into_response())
}

/// Read how far an import has come
#[utoipa::path(get, path = "/admin/products/imports/{import_id}", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import.")),
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
/// It is worked off afterwards. Starting it again is harmless.
#[utoipa::path(post, path = "/admin/products/imports/{import_id}/start", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import.")),
    responses((status = ACCEPTED, body = ImportView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`not_uploaded` yet, or `import_failed` for good (`detail` says why).")))]
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
/// The first 10,000 of them.
#[utoipa::path(get, path = "/admin/products/imports/{import_id}/errors", tag = "bulk",
    security(("token" = ["catalog:write"])),
    params(("import_id" = ImportId, Path, description = "The import."), PageQuery),
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
