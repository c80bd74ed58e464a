//! Routes of stock for staff: read it, and change how it is sold.

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
pub use self::flow::Swept;
use crate::{app::App, error::Error, mongo::Mongo, products::store as product_store};

pub mod domain;
pub(crate) mod flow;
pub mod store;

pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(get_stock, patch_stock))
}

/// Read the stock of a SKU
#[utoipa::path(get, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M")),
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Identifies the version that is answered, for `If-Match`; its form may change.")))))]
async fn get_stock(
    State(db): State<Mongo>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
) -> Result<Versioned<Stock>, Error> {
    let stock = store::find(&db, &sku).await?.ok_or(Error::NotFound)?;
    Ok(Versioned { tag: stock.tag(), body: stock })
}

/// Change whether a SKU takes backorders, and the threshold of its low-stock alert
///
/// Honours `If-Match`.
#[utoipa::path(patch, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M"), IfMatch),
    request_body = StockPatch,
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`: more units are reserved than are on hand, so backorders cannot be switched off."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
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
        // A stock that does not exist has no tag (RFC 9110, 13.1.1).
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

/// Updates the availability of products in the catalogue, and sends low-stock alerts to staff.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Swept, Error> {
    flow::sweep(&app.db, app.staff.as_ref(), now).await
}
