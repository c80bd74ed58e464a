//! Stock as staff see and set it.

use axum::extract::State;
use common::{
    auth::{Caller, scopes::InventoryWrite},
    etag::{IfMatch, Versioned},
    extract::Path,
    input::Json,
    problem::ProblemBody,
    timestamp::Timestamp,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{SetStock, Stock};
use crate::{
    App,
    error::Error,
    products::{self, domain::Sku},
    store::Store,
};

pub mod domain;
pub mod store;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_stock, set_stock))
}

/// Read how many there are of a SKU
#[utoipa::path(get, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M")),
    responses((status = OK, body = Stock)))]
async fn get_stock(
    State(store): State<Store>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
) -> Result<Versioned<Stock>, Error> {
    let stock = store::find(&store, &sku).await?.ok_or(Error::NotFound)?;
    Ok(Versioned { version: stock.version, body: stock })
}

/// Set how many are on hand, reserved ones included
///
/// 409 when orders have reserved more; honours `If-Match`.
#[utoipa::path(put, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M")),
    request_body = SetStock,
    responses((status = OK, body = Stock),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
async fn set_stock(
    State(store): State<Store>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
    if_match: IfMatch,
    Json(set): Json<SetStock>,
) -> Result<Versioned<Stock>, Error> {
    if !products::store::has_sku(&store, &sku).await? {
        return Err(Error::NotFound);
    }
    store::set(&store, &sku, set.on_hand, &if_match, Timestamp::now()).await?;
    let stock = store::find(&store, &sku).await?.ok_or(Error::NotFound)?;
    Ok(Versioned { version: stock.version, body: stock })
}
