//! Quotes: the price of a basket at this moment. A quote reserves nothing.

pub mod domain;

use axum::{Extension, extract::State};
use common::{
    auth::{Caller, scopes},
    http::RequestContext,
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
};

use self::domain::{Quote, QuoteRequest};
use crate::{app::App, basket::LineItem, error::Error, ids::Owner, pointers::Pointers};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(create_quote))
}

/// Price a basket or the caller's cart
///
/// Nothing is reserved. Send `total` to `POST /orders` as `expected_total`, and `cart_version` when the cart was priced.
#[utoipa::path(post, path = "/quotes", tag = "quotes", security(("token" = ["orders"])), request_body = QuoteRequest,
    responses((status = OK, body = Quote),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`cart_empty`: the request has no `lines`, and the caller's cart has none."),
        (status = UNPROCESSABLE_ENTITY, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_input`: also for a SKU that is not on sale, or not in this currency; an entry about \
                           a line has its `sku`, and an empty `pointer` when the line is in the cart. \
                           `total_too_small` (with `total` and `minimum`) or `total_too_large` (with `maximum`, and \
                           `total` unless it is out of range): the total is outside what can be charged at once; add \
                           lines, or divide them among several orders.")))]
async fn create_quote(
    State(app): State<App>,
    caller: Caller<scopes::Orders>,
    Extension(context): Extension<RequestContext>,
    Json(request): Json<QuoteRequest>,
) -> Result<Json<Quote>, Error> {
    let owner = Owner::of(&caller.subject)?;
    let (lines, cart_version) = match &request.lines {
        Some(lines) => (lines.clone(), None),
        None => cart(&app, owner, &context).await?,
    };
    let quoted = app.clients.quote(request.currency, &lines, &context).await;
    let pointers = Pointers::of_quote(request.lines.as_deref());
    let quoted = quoted.map_err(|error| error.with_entries(|entry| pointers.translate(entry)))?;
    Ok(Json(Quote::new(quoted, cart_version, &request, &app.settings)?))
}

async fn cart(app: &App, owner: Owner, context: &RequestContext) -> Result<(Vec<LineItem>, Option<i64>), Error> {
    let cart = app.clients.cart(owner, context).await?;
    if cart.items.is_empty() {
        return Err(Error::CartEmpty);
    }
    Ok((cart.items, Some(cart.version)))
}
