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

use self::domain::{Decision, PricedLine, Reservation, ReservationRequest, State as ReservationState};
pub use self::flow::{SweepReport, sweep};
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
    /// Whose.
    order_id: OrderId,
    /// How far it has come.
    state: ReservationState,
    /// What prices are in; `null` when the order was released before it reserved anything.
    currency: Option<Currency>,
    /// What is reserved, one line a SKU, sorted by SKU, with the prices that hold for this order.
    lines: Vec<PricedLine>,
    /// When a held reservation is released by itself.
    expires_at: Timestamp,
    /// When it was first asked for.
    created_at: Timestamp,
    /// When its state changed last.
    updated_at: Timestamp,
}

impl From<Reservation> for ReservationView {
    fn from(reservation: Reservation) -> Self {
        let Reservation { order_id, state, currency, lines, expires_at, created_at, updated_at, .. } = reservation;
        Self { order_id, state, currency, lines, expires_at, created_at, updated_at }
    }
}

/// Price and reserve all lines for an order, or none
///
/// Repeating it is harmless: the order's id names it.
#[utoipa::path(put, path = "/inventory/reservations/{order_id}", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order.")),
    request_body = ReservationRequest,
    responses((status = OK, body = ReservationView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`out_of_stock` (`errors` says what is short), `reservation_differs`, \
                           `reservation_released`; or `reservation_in_progress` or `stock_contended` (what is left is \
                           taken by orders under way): `Retry-After` says when to ask again.")))]
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
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order.")),
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
/// The order is paid and the units leave the shelf. Final; repeating it is harmless.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/commit", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order.")),
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
/// The units may be promised again. Final; repeating it is harmless, also before any reserve.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/release", tag = "reservations",
    security(("token" = ["inventory:reserve"])), params(("order_id" = OrderId, Path, description = "The order.")),
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
