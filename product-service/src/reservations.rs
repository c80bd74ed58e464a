//! Reservations: stock promised to orders, by transaction-service.

use axum::extract::State;
use common::{
    auth::{Caller, scopes::InventoryReserve},
    extract::Path,
    input::Json,
    money::Currency,
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use self::domain::{Decision, PricedLine, Reservation, ReservationRequest, State as ReservationState, StateName};
pub use self::flow::{Swept, sweep};
use crate::{app::App, error::Error, ids::OrderId, mongo::Mongo};

pub mod domain;
pub(crate) mod flow;
pub mod store;

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(get_reservation, reserve_stock))
        .routes(routes!(commit_reservation))
        .routes(routes!(release_reservation))
}

/// A reservation as services see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reservation, example = json!({
    "order_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "state": "held", "currency": "USD",
    "lines": [{
        "sku": "TEE-ORG-NAVY-M", "quantity": 2, "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "title": "Organic cotton tee", "options": {"Size": "M"}, "unit_price": {"amount": 1999, "currency": "USD"},
        "tax_class": "standard"
    }],
    "expires_at": "2026-11-23T09:30:00.125Z", "created_at": "2026-11-22T09:30:00.125Z",
    "updated_at": "2026-11-22T09:30:00.125Z"
}))]
struct ReservationView {
    /// The order that the stock is reserved for; also the id of the reservation.
    order_id: OrderId,
    /// The state of the reservation.
    state: StateName,
    /// Currency of all prices; `null` when the order was released before it reserved anything.
    currency: Option<Currency>,
    /// The reserved lines, one for each SKU, sorted by SKU, with the prices that are guaranteed to this order.
    lines: Vec<PricedLine>,
    /// When a held reservation is released automatically.
    expires_at: Timestamp,
    /// When the reservation was first requested.
    created_at: Timestamp,
    /// When the state changed last.
    updated_at: Timestamp,
}

impl From<Reservation> for ReservationView {
    fn from(reservation: Reservation) -> Self {
        let Reservation { order_id, state, expires_at, created_at, updated_at } = reservation;
        let name = state.name();
        let (currency, lines) = match state {
            ReservationState::Held(hold)
            | ReservationState::Committed { hold, .. }
            | ReservationState::Released { hold, .. } => (Some(hold.basket.currency), hold.lines),
            ReservationState::Reserving(attempt) => (Some(attempt.basket.currency), Vec::new()),
            ReservationState::Cancelled { currency } => (currency, Vec::new()),
            ReservationState::Void => (None, Vec::new()),
        };
        Self { order_id, state: name, currency, lines, expires_at, created_at, updated_at }
    }
}

/// Price and reserve all lines for an order, or none
///
/// Idempotent: the reservation has the order's id, and a repeated request with the same lines gets the same answer.
#[utoipa::path(put, path = "/inventory/reservations/{order_id}", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order's id.")),
    request_body = ReservationRequest,
    responses((status = OK, body = ReservationView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`out_of_stock` (`errors` lists the SKUs that are short), `reservation_differs`, \
                           `reservation_released`; or `reservation_in_progress` or `stock_contended` (orders in progress \
                           hold the last units): `Retry-After` says when to ask again.")))]
async fn reserve_stock(
    State(db): State<Mongo>,
    _: Caller<InventoryReserve>,
    Path(order_id): Path<OrderId>,
    Json(request): Json<ReservationRequest>,
) -> Result<Json<ReservationView>, Error> {
    // Boxed: with the driver's futures inside, this one is too large to move about.
    let reservation = Box::pin(flow::reserve(&db, order_id, &request, Timestamp::now())).await?;
    Ok(Json(reservation.into()))
}

/// Read an order's reservation
#[utoipa::path(get, path = "/inventory/reservations/{order_id}", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order's id.")),
    responses((status = OK, body = ReservationView)))]
async fn get_reservation(
    State(db): State<Mongo>,
    _: Caller<InventoryReserve>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<ReservationView>, Error> {
    let found = store::find(&db, order_id).await?;
    let reservation = found.filter(|found| found.state != ReservationState::Void).ok_or(Error::NotFound)?;
    Ok(Json(reservation.into()))
}

/// Commit a held reservation
///
/// For an order that is paid: its units leave the stock on hand. Final and idempotent.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/commit", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order's id.")),
    responses((status = OK, body = ReservationView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`reservation_released` or `reservation_in_progress`.")))]
async fn commit_reservation(
    State(db): State<Mongo>,
    _: Caller<InventoryReserve>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<ReservationView>, Error> {
    let reservation = flow::decide(&db, order_id, Decision::Commit, Timestamp::now()).await?;
    Ok(Json(reservation.into()))
}

/// Release a reservation
///
/// The units can be reserved again. Final and idempotent; an order without a reservation can no longer get one afterwards.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/release", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order's id.")),
    responses((status = OK, body = ReservationView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`reservation_committed`.")))]
async fn release_reservation(
    State(db): State<Mongo>,
    _: Caller<InventoryReserve>,
    Path(order_id): Path<OrderId>,
) -> Result<Json<ReservationView>, Error> {
    let reservation = flow::decide(&db, order_id, Decision::Release, Timestamp::now()).await?;
    Ok(Json(reservation.into()))
}
