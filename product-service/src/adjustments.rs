//! Changes of the number on hand other than by sales, and their audit log: who changed which number when, and why.

pub mod domain;
pub(crate) mod flow;
pub mod store;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{
        Caller,
        scopes::{InventoryReserve, InventoryWrite},
    },
    etag::{IfMatch, Versioned},
    extract::{Path, Query},
    idempotency::IdempotencyKey,
    input::Json,
    page::{List, Page, PageQuery},
    problem::ProblemBody,
    routes,
    routes::Routes,
    sku::Sku,
    timestamp::Timestamp,
};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    domain::{Adjustment, AdjustmentId, NewAdjustment, RestockRequest, ReturnId},
    flow::RestockedLine,
};
use crate::{
    app::App,
    caching::NO_STORE,
    error::Error,
    inventory::domain::{SetStock, Stock},
    mongo::Mongo,
};

const LIST: List<(Timestamp, AdjustmentId)> = List::new("/inventory/{sku}/adjustments");

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(set_stock))
        .routes(routes!(list_adjustments, adjust_stock))
        .routes(routes!(restock_return))
}

/// Set the number on hand of a SKU, reserved units included
///
/// For a stocktake: the audit log gets an adjustment with the reason `counted`. Honours `If-Match`: 412 when the stock has
/// changed since, also by a sale. While a SKU is being sold, adjust it by a difference instead.
#[utoipa::path(put, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M"), IfMatch),
    request_body = SetStock,
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`: orders have reserved more units than that."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn set_stock(
    State(db): State<Mongo>,
    caller: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
    if_match: IfMatch,
    Json(set): Json<SetStock>,
) -> Result<Versioned<Stock>, Error> {
    let stocktake = Adjustment::stocktake(sku, caller.subject.to_string(), Timestamp::now());
    let stock = flow::stocktake(&db, &stocktake, set.on_hand, &if_match).await?;
    Ok(Versioned { tag: stock.tag(), body: stock })
}

/// Adjust the number on hand of a SKU by a difference, with a reason
///
/// Takes effect once for each idempotency key; a repeated request gets the first answer, whatever has changed since. Honours
/// `If-Match` with the `ETag` of `GET /inventory/{sku}`.
#[utoipa::path(post, path = "/inventory/{sku}/adjustments", tag = "inventory",
    security(("token" = ["inventory:write"])), params(("sku" = Sku, Path, example = "TEE-ORG-NAVY-M"), IdempotencyKey, IfMatch),
    request_body = NewAdjustment,
    responses((status = CREATED, body = Adjustment),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`, `too_many_on_hand`; or `adjustment_in_progress`: `Retry-After` says when \
                           to ask again."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn adjust_stock(
    State(db): State<Mongo>,
    caller: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(new): Json<NewAdjustment>,
) -> Result<(StatusCode, Json<Adjustment>), Error> {
    let adjustment = Adjustment::new(new, sku, caller.subject.to_string(), &key, Timestamp::now());
    Ok((StatusCode::CREATED, Json(flow::adjust(&db, adjustment, &if_match).await?)))
}

/// List the adjustments of a SKU, newest first
#[utoipa::path(get, path = "/inventory/{sku}/adjustments", tag = "inventory",
    security(("token" = ["inventory:write"])), params(("sku" = Sku, Path, example = "TEE-ORG-NAVY-M"), PageQuery),
    responses((status = OK, body = Page<Adjustment>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_adjustments(
    State(db): State<Mongo>,
    _: Caller<InventoryWrite>,
    Path(sku): Path<Sku>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Error> {
    let (limit, after) = LIST.read(&query)?;
    let found = store::list(&db, &sku, after, limit + 1).await?;
    let page = LIST.page(found, limit, |adjustment| (adjustment.at, adjustment.id));
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(page)).into_response())
}

/// The result of restocking a return.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "return_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 1, "restocked": true}]
}))]
struct Restocked {
    /// Id of the return.
    return_id: ReturnId,
    /// One line for each SKU, sorted by SKU.
    lines: Vec<RestockedLine>,
}

/// Restock the units of a return
///
/// Takes effect once for each return, however often it is sent. A SKU that the shop no longer has is not restocked, and its
/// line says so. 409 when a SKU would have more units on hand than are allowed: the other lines are restocked then, and the
/// same request restocks the rest once there is room.
#[utoipa::path(put, path = "/inventory/returns/{return_id}", tag = "inventory",
    security(("token" = ["inventory:reserve"])), params(("return_id" = ReturnId, Path)),
    request_body = RestockRequest,
    responses((status = OK, body = Restocked),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`return_differs`: the return was sent with other lines before; `too_many_on_hand`: some lines are not \
                           restocked; or `adjustment_in_progress`: \
                           `Retry-After` says when to ask again.")))]
async fn restock_return(
    State(db): State<Mongo>,
    caller: Caller<InventoryReserve>,
    Path(return_id): Path<ReturnId>,
    Json(request): Json<RestockRequest>,
) -> Result<Json<Restocked>, Error> {
    let by = caller.subject.to_string();
    let lines = flow::restock(&db, return_id, &request, &by, Timestamp::now()).await?;
    Ok(Json(Restocked { return_id, lines }))
}

/// Finishes adjustments that crashes left unfinished. Answers their number.
pub async fn sweep(db: &Mongo, now: Timestamp) -> Result<usize, Error> {
    flow::finish_left_over(db, now.minus(crate::reservations::flow::UNSETTLED_AFTER)).await
}
