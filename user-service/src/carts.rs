//! What users and guests mean to buy.

pub mod domain;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, Scope, scopes},
    etag::{ETag, IfMatch, Versioned},
    extract::Path,
    input::Json,
    problem::{Problem, ProblemBody},
    routes,
    routes::Routes,
    sku::Sku,
    timestamp::Timestamp,
};
use http::StatusCode;

use self::domain::{Cart, CartItem, Ordered, Owner, OwnerId, SetQuantity};
use crate::{app::App, error::Error};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(get_own_cart))
        .routes(routes!(put_cart_item, delete_cart_item))
        .routes(routes!(get_cart))
        .routes(routes!(clear_cart))
}

/// One's own cart
///
/// Whoever has put in nothing yet has an empty one, at version 0.
#[utoipa::path(get, path = "/carts/mine", tag = "carts", security(("token" = ["cart"])),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Names what is shown and its version, for `If-Match`; its form may change.")))))]
async fn get_own_cart(State(app): State<App>, caller: Caller<scopes::Cart>) -> Result<Versioned<Cart>, Error> {
    let owner = owner(&caller)?;
    let cart = store::find(&app.database, owner.id()).await?;
    Ok(versioned(cart))
}

/// Set how many of a SKU are in one's own cart
///
/// The first makes the cart. Whether the SKU exists, what it costs and how many there are is said by `POST /quotes`.
/// With `If-Match`, only the version that you have seen is changed. What changes nothing leaves the version as it is.
#[utoipa::path(put, path = "/carts/mine/items/{sku}", tag = "carts", security(("token" = ["cart"])),
    params(("sku" = Sku, Path, description = "Of what.", example = "TEE-ORG-NAVY-M"),
        IfMatch),
    request_body = SetQuantity,
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Names the new version."))),
        (status = CONFLICT, description = "`cart_full`: there are 100 other SKUs in it.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = PRECONDITION_FAILED, description = "The cart was changed since you read it.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn put_cart_item(
    State(app): State<App>,
    caller: Caller<scopes::Cart>,
    Path(sku): Path<Sku>,
    if_match: IfMatch,
    Json(SetQuantity { quantity }): Json<SetQuantity>,
) -> Result<Versioned<Cart>, Error> {
    let owner = owner(&caller)?;
    let item = CartItem { sku, quantity };
    let cart = store::put_item(&app.database, owner, &item, &if_match, Timestamp::now()).await?;
    cart.map(versioned).ok_or(Error::Stale)
}

/// Take a SKU out of one's own cart
///
/// With `If-Match`, only the version that you have seen is changed. What was not in it changes nothing.
#[utoipa::path(delete, path = "/carts/mine/items/{sku}", tag = "carts", security(("token" = ["cart"])),
    params(("sku" = Sku, Path, description = "Of what.", example = "TEE-ORG-NAVY-M"),
        IfMatch),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Names the new version."))),
        (status = PRECONDITION_FAILED, description = "The cart was changed since you read it.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn delete_cart_item(
    State(app): State<App>,
    caller: Caller<scopes::Cart>,
    Path(sku): Path<Sku>,
    if_match: IfMatch,
) -> Result<Versioned<Cart>, Error> {
    let owner = owner(&caller)?;
    let cart = store::delete_item(&app.database, owner.id(), &sku, &if_match, Timestamp::now()).await?;
    cart.map(versioned).ok_or(Error::Stale)
}

/// The cart of a user or a guest
///
/// For transaction-service, which takes the id from the shopper's verified token and from nowhere else.
#[utoipa::path(get, path = "/carts/{owner_id}", tag = "carts", security(("token" = ["checkout:read"])),
    params(("owner_id" = OwnerId, Path, description = "Whose cart it is.")),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Names what is shown and its version.")))))]
async fn get_cart(
    State(app): State<App>,
    _: Caller<scopes::CheckoutRead>,
    Path(owner_id): Path<OwnerId>,
) -> Result<Versioned<Cart>, Error> {
    let cart = store::find(&app.database, owner_id).await?;
    Ok(versioned(cart))
}

/// Take what was ordered out of a cart
///
/// For transaction-service. It happens once for each order, however often it is told; what was put in since the order
/// stays. Whoever has no cart, or has taken the SKUs out, has nothing to clear.
#[utoipa::path(post, path = "/carts/{owner_id}/clear", tag = "carts", security(("token" = ["carts:clear"])),
    params(("owner_id" = OwnerId, Path, description = "Whose cart it is.")), request_body = Ordered,
    responses((status = NO_CONTENT, description = "What was ordered is out of the cart.")))]
async fn clear_cart(
    State(app): State<App>,
    _: Caller<scopes::CartsClear>,
    Path(owner_id): Path<OwnerId>,
    Json(ordered): Json<Ordered>,
) -> Result<StatusCode, Error> {
    store::clear(&app.database, owner_id, &ordered, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose cart a shopper's is; 403 for services, which have none.
fn owner(caller: &Caller<scopes::Cart>) -> Result<Owner, Problem> {
    Owner::of(&caller.subject).ok_or_else(|| Problem::forbidden(scopes::Cart::NAME))
}

fn versioned(cart: Cart) -> Versioned<Cart> {
    Versioned { tag: ETag::new(cart.owner_id.uuid(), cart.version), body: cart }
}
