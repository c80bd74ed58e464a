//! Ordering: `POST /orders`.

mod document;
pub mod domain;
mod flow;

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
    timestamp::Timestamp,
};
use http::{HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{Attempt, OrderRequest};
use crate::{
    App,
    error::Error,
    orders::{
        self,
        domain::{Order, Owner, order_id},
        view::OrderView,
    },
};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_order))
}

/// Order, and pay
///
/// Reserves all lines or none, charges at most once, and answers what became of it in `state`: `paid`;
/// `payment_failed` (declined: nothing was charged); `requires_action` (hand `payment.client_secret` to Stripe's library
/// in the frontend, then read the order until its state changes). The same key and request get the first answer again,
/// byte for byte, however much later; read the order for its present state. Refusals use up no key, except
/// `quote_changed` and others that come after stock was reserved: order again with a new one.
#[utoipa::path(post, path = "/orders", tag = "orders", security(("token" = ["orders"])), params(IdempotencyKey),
    request_body = document::OrderDocument,
    responses((status = CREATED, body = OrderView, headers(("Location" = String, description = "Where the order is."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`out_of_stock` (`errors` says what is short), `quote_changed` (`quote` has the price that \
                           holds), `cart_changed`, `attempt_ended`; or `request_in_progress` or \
                           `stock_contended` (what is left is taken by orders under way): repeat it, with the same \
                           key, after `Retry-After`."),
        (status = UNPROCESSABLE_ENTITY, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_input` (an entry about a line names its `sku`; where the line is in the cart, \
                           `pointer` is `/cart_version`), `idempotency_key_reused`: the key made another order; \
                           `total_too_small` (with `total` and `minimum`) or `total_too_large` (with `maximum`, and \
                           `total` where it can be said): no payment takes so little, or so much.")))]
async fn create_order(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    key: IdempotencyKey,
    Extension(context): Extension<RequestContext>,
    Json(request): Json<OrderRequest>,
) -> Result<Answer, Error> {
    let owner = Owner::of(&caller.subject)?;
    request.check(owner)?;
    let (id, now) = (order_id(owner, &key), Timestamp::now());
    let order = match orders::store::find(app.database.pool().await?, id).await? {
        Some(order) => flow::resume(&app, order, &request, now).await?,
        None => Box::pin(flow::place(&app, Attempt { id, owner, request: &request }, &context, now)).await?,
    };
    Answer::of(order)
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
