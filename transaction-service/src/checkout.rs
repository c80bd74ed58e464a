//! Making an order and paying for it: `POST /orders`.

mod document;
pub mod domain;
mod flow;
pub mod hold;
pub mod request;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes},
    http::RequestContext,
    idempotency::IdempotencyKey,
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
};
use http::{HeaderValue, StatusCode, header};

use self::{domain::Attempt, request::OrderRequest};
use crate::{
    app::App,
    error::Error,
    ids::{Owner, order_id},
    orders::{domain::Order, view::OrderView},
};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(create_order))
}

/// Make an order and pay for it
///
/// Reserves all lines or none, and charges at most once. `state` of the answer is `paid`, `payment_failed` (declined; nothing
/// was charged) or `requires_action` (pass `payment.client_secret` to Stripe's library in the frontend, then read the order
/// until its state changes). The same key and request always get the first answer again, byte for byte; read the order for
/// its present state. After a refusal the same key can be used again, except after `quote_changed` and other refusals that
/// come when stock was, or may have been, reserved: the stock is released, and the key is answered `attempt_ended`. Order
/// again with a new key.
///
/// A version of a cart becomes at most one live order. The shop limits the orders that wait for payment, the units that
/// they hold, and the declined payments (within an hour by default), for each caller, each e-mail address that guests give,
/// and each source address.
#[utoipa::path(post, path = "/orders", tag = "orders", security(("token" = ["orders"])), params(IdempotencyKey),
    request_body = document::OrderDocument,
    responses((status = CREATED, body = OrderView, headers(("Location" = String, description = "Path of the order."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`out_of_stock` (`errors` lists the lines that are short), `quote_changed` (`quote` has the present \
                           prices), `cart_changed`, `cart_empty`, `attempt_ended`; `cart_already_ordered` (`order_id` is the order that \
                           this version of the cart became); `too_many_open_orders` or `too_many_units_held` \
                           (`counted_by` is `caller`, `recipient` or `source`; `open_orders` has the ids of the caller's \
                           own orders that wait for payment, if there are any: pay or cancel one); or `request_in_progress` or \
                           `stock_contended` (orders in progress hold the last units): send the request again, with the same \
                           key, after `Retry-After`."),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json",
            description = "`forbidden`: the access token lacks the scope. `account_disabled`: the account is disabled; the \
                           customer has to contact the shop."),
        (status = UNPROCESSABLE_ENTITY, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_input` (an entry about a line names its `sku`; where the line is in the cart, \
                           `pointer` is `/cart_version`), `idempotency_key_reused`: the key made another order; \
                           `total_too_small` (with `total` and `minimum`) or `total_too_large` (with `maximum`, and \
                           `total` unless it is out of range): the total is outside what can be charged at once."),
        (status = TOO_MANY_REQUESTS, body = ProblemBody, content_type = "application/problem+json",
            headers(("Retry-After" = u64, description = "Seconds to wait.")),
            description = "`too_many_declines`: too many payments of the caller, of the address that a guest gave, or of \
                           the source address (`counted_by`) were declined, or may still be declined.")))]
async fn create_order(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    key: IdempotencyKey,
    Extension(context): Extension<RequestContext>,
    Json(request): Json<OrderRequest>,
) -> Result<Answer, Error> {
    let owner = Owner::of(&caller.subject)?;
    domain::check(&request, owner)?;
    let attempt = Attempt { id: order_id(owner, &key), owner, request: &request };
    Answer::of(Box::pin(flow::order(&app, attempt, &context)).await?)
}

/// The stored answer of an order.
#[derive(Debug)]
struct Answer {
    location: String,
    body: String,
}

impl Answer {
    /// The stored answer of an order. An order without one is still being made.
    fn of(order: Order) -> Result<Self, Error> {
        let location = format!("/orders/{}", order.id);
        order.answer.map(|body| Self { location, body }).ok_or(Error::InProgress)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, json)], self.body).into_response();
        if let Ok(location) = HeaderValue::try_from(self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}
