//! Ordering: `POST /orders`.

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

/// Order, and pay
///
/// Reserves all lines or none, charges at most once, and answers what became of it in `state`: `paid`;
/// `payment_failed` (declined: nothing was charged); `requires_action` (hand `payment.client_secret` to Stripe's library
/// in the frontend, then read the order until its state changes). The same key and request get the first answer again,
/// byte for byte, however much later; read the order for its present state. Refusals use up no key, except
/// `quote_changed` and others that come after stock was, or may have been, reserved: the stock is given back, and the same
/// key is answered `attempt_ended`. Order again with a new one.
///
/// A version of a cart becomes at most one live order. How many orders a caller, an e-mail address that guests gave, and a
/// source address may have waiting for payment, how many units these may hold, and how many payments may be declined
/// within an hour or so, is limited by the shop.
#[utoipa::path(post, path = "/orders", tag = "orders", security(("token" = ["orders"])), params(IdempotencyKey),
    request_body = document::OrderDocument,
    responses((status = CREATED, body = OrderView, headers(("Location" = String, description = "Where the order is."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`out_of_stock` (`errors` says what is short), `quote_changed` (`quote` has the price that \
                           holds), `cart_changed`, `cart_empty`, `attempt_ended`; `cart_already_ordered` (`order_id` is the order that \
                           this version of the cart became); `too_many_open_orders` or `too_many_units_held` \
                           (`counted_by` is `caller`, `recipient` or `source`; `open_orders` has the ids of the caller's \
                           own orders that wait for payment, if there are any: pay or cancel one); or `request_in_progress` or \
                           `stock_contended` (what is left is taken by orders under way): repeat it, with the same \
                           key, after `Retry-After`."),
        (status = FORBIDDEN, body = ProblemBody, content_type = "application/problem+json",
            description = "`forbidden`: the access token lacks the scope. `account_disabled`: the account may not order; it \
                           has to ask the shop."),
        (status = UNPROCESSABLE_ENTITY, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_input` (an entry about a line names its `sku`; where the line is in the cart, \
                           `pointer` is `/cart_version`), `idempotency_key_reused`: the key made another order; \
                           `total_too_small` (with `total` and `minimum`) or `total_too_large` (with `maximum`, and \
                           `total` where it can be said): no payment takes so little, or so much."),
        (status = TOO_MANY_REQUESTS, body = ProblemBody, content_type = "application/problem+json",
            headers(("Retry-After" = u64, description = "In so many seconds.")),
            description = "`too_many_declines`: too many payments of the caller, of the address that a guest gave, or of \
                           the source address (`counted_by`) were declined, or may yet be.")))]
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
    /// An order that has no answer yet is still being made.
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
