//! Cancelling an order before it is paid. Stripe cancels the payment first, through [`payments`](crate::payments::flow), so
//! this room is above payments and orders.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes},
    extract::Path,
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};

use crate::{
    app::App,
    error::Error,
    ids::{OrderId, Owner},
    orders::{domain::State as OrderState, store as order_store, view::OrderView},
    payments::flow as payment_flow,
};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(cancel_order))
}

/// Cancel an order before it is paid
///
/// The payment is cancelled at Stripe first: after a 200 nothing can be charged. Cancelling again answers the same.
#[utoipa::path(post, path = "/orders/{order_id}/cancel", tag = "orders", security(("token" = ["orders"])),
    params(("order_id" = OrderId, Path, description = "Id of the order.")),
    responses((status = OK, body = OrderView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`not_cancellable`: the order is paid, failed or expired; `request_in_progress`: it is being paid, try again \
                           after `Retry-After`.")))]
async fn cancel_order(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    Path(order_id): Path<OrderId>,
) -> Result<Response, Error> {
    let (owner, now) = (Owner::of(&caller.subject)?, Timestamp::now());
    let order = order_store::find_owned(&app.database, owner, order_id).await?.ok_or(Error::NotFound)?;
    let order = match order.state {
        _ if order.is_in_progress(now) => return Err(Error::InProgress),
        OrderState::Pending | OrderState::RequiresAction => payment_flow::cancel(&app, order, now).await?,
        OrderState::Paid | OrderState::PaymentFailed | OrderState::Cancelled | OrderState::Expired => order,
    };
    match order.state {
        OrderState::Cancelled => Ok(Json(OrderView::from(&order)).into_response()),
        state => Err(Error::NotCancellable(state)),
    }
}
