//! Stock as staff see it, and how it is sold.

use axum::extract::State;
use common::{
    auth::{Caller, scopes::InventoryWrite},
    etag::{IfMatch, Versioned},
    extract::Path,
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
    sku::Sku,
    timestamp::Timestamp,
};

use self::domain::{Stock, StockPatch};
pub use self::flow::SweepReport;
use crate::{app::App, error::Error, mongo::Mongo, products::store as product_store};

pub mod domain;
pub(crate) mod flow;
pub mod store;

pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(get_stock, patch_stock))
}

/// Read how many there are of a SKU
#[utoipa::path(get, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M")),
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Names what is shown and its version, for `If-Match`; its form may change.")))))]
async fn get_stock(
    State(db): State<Mongo>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
) -> Result<Versioned<Stock>, Error> {
    let stock = store::find(&db, &sku).await?.ok_or(Error::NotFound)?;
    Ok(Versioned { tag: stock.tag(), body: stock })
}

/// Change how a SKU is sold: whether backorders are taken, and at how many staff are told that few are left
///
/// Honours `If-Match`.
#[utoipa::path(patch, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M"), IfMatch),
    request_body = StockPatch,
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Names the new version."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`: more is promised than there is, so backorders cannot end."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
async fn patch_stock(
    State(db): State<Mongo>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
    if_match: IfMatch,
    Json(patch): Json<StockPatch>,
) -> Result<Versioned<Stock>, Error> {
    if store::find(&db, &sku).await?.is_none() {
        if !product_store::has_sku(&db, &sku).await? {
            return Err(Error::NotFound);
        }
        // What is not there has no tag (RFC 9110, 13.1.1).
        if if_match != IfMatch::Any {
            return Err(Error::Stale);
        }
        store::open(&db, &sku, Timestamp::now()).await?;
    }
    if patch != StockPatch::default() {
        store::patch(&db, &sku, &patch, &if_match, Timestamp::now()).await?;
    }
    let stock = store::find(&db, &sku).await?.ok_or(Error::NotFound)?;
    if patch == StockPatch::default() {
        if_match.check(stock.tag())?;
    }
    Ok(Versioned { tag: stock.tag(), body: stock })
}

/// Has the catalogue and staff know of stock that came, went, or runs low.
pub async fn sweep(app: &App, now: Timestamp) -> Result<SweepReport, Error> {
    flow::sweep(&app.db, app.staff.as_ref(), now).await
}
