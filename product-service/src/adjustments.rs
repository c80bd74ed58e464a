//! Changes of what is on hand other than by sales, and the trail of them: who changed which number when, and why.

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

/// Set how many are on hand, reserved ones included
///
/// The number that was counted; it goes into the trail as `counted`. 409 when orders have reserved more. Honours
/// `If-Match`: 412 when anything of the answer that you have seen has changed, by a sale too. While a SKU is being sold,
/// adjust it by so many instead.
#[utoipa::path(put, path = "/inventory/{sku}", tag = "inventory", security(("token" = ["inventory:write"])),
    params(("sku" = Sku, Path, description = "The variant's SKU.", example = "TEE-ORG-NAVY-M"), IfMatch),
    request_body = SetStock,
    responses((status = OK, body = Stock, headers(("ETag" = String, description = "Names the new version."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
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

/// Change how many are on hand, by so many, for a reason
///
/// Once a key, however often it is sent; the answer to a repetition is the first one. Honours `If-Match` with the `ETag` of
/// `GET /inventory/{sku}`; a repetition is answered whatever has changed since.
#[utoipa::path(post, path = "/inventory/{sku}/adjustments", tag = "inventory",
    security(("token" = ["inventory:write"])), params(("sku" = Sku, Path, example = "TEE-ORG-NAVY-M"), IdempotencyKey, IfMatch),
    request_body = NewAdjustment,
    responses((status = CREATED, body = Adjustment),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`below_reserved`, `too_many_on_hand`; or `adjustment_in_progress`: `Retry-After` says when \
                           to ask again."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
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

/// List what was adjusted of a SKU, newest first
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

/// A return, put on the shelf.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "return_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 1, "restocked": true}]
}))]
struct Restocked {
    /// Which.
    return_id: ReturnId,
    /// One line a SKU, sorted by SKU.
    lines: Vec<RestockedLine>,
}

/// Put what a return brings back on the shelf
///
/// Once a return, however often it is sent. A SKU that the shop does not have any more is left out, and said so. Where a SKU would
/// have more on hand than may be, it is refused with 409: the other lines are on the shelf then, and the same return, sent again
/// once there is room, puts the rest there.
#[utoipa::path(put, path = "/inventory/returns/{return_id}", tag = "inventory",
    security(("token" = ["inventory:reserve"])), params(("return_id" = ReturnId, Path)),
    request_body = RestockRequest,
    responses((status = OK, body = Restocked),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`return_differs`: it brought back something else before; `too_many_on_hand`: some lines are not \
                           on the shelf; or `adjustment_in_progress`: \
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

/// Finishes what crashes left half way. Answers how many adjustments those were.
pub async fn sweep(db: &Mongo, now: Timestamp) -> Result<usize, Error> {
    flow::finish_left_over(db, now.minus(crate::reservations::flow::UNSETTLED_AFTER)).await
}
