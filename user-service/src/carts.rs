//! The carts of users and guests.

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

use self::domain::{Cart, CartItem, ClearCart, Owner, OwnerId, SetQuantity};
use crate::{app::App, error::Error};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(get_own_cart))
        .routes(routes!(put_cart_item, delete_cart_item))
        .routes(routes!(get_cart))
        .routes(routes!(clear_cart))
}

/// Read your own cart
///
/// A shopper without a cart gets an empty one at version 0.
#[utoipa::path(get, path = "/carts/mine", tag = "carts", security(("token" = ["cart"])),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Entity tag of this version, for `If-Match`; its form may change.")))))]
async fn get_own_cart(State(app): State<App>, caller: Caller<scopes::Cart>) -> Result<Versioned<Cart>, Error> {
    let owner = owner(&caller)?;
    let cart = store::find(&app.database, owner.id()).await?;
    Ok(versioned(cart))
}

/// Set the quantity of a SKU in your own cart
///
/// The first item creates the cart. The SKU is not looked up: `POST /quotes` says whether it exists, what it costs and
/// whether it is in stock. With `If-Match`, the change is made only to the version that the tag names. A request that
/// changes nothing keeps the version.
#[utoipa::path(put, path = "/carts/mine/items/{sku}", tag = "carts", security(("token" = ["cart"])),
    params(("sku" = Sku, Path, description = "SKU of the variant.", example = "TEE-ORG-NAVY-M"),
        IfMatch),
    request_body = SetQuantity,
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Entity tag of the new version."))),
        (status = CONFLICT, description = "`cart_full`: the cart has 100 other SKUs.", body = ProblemBody,
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

/// Remove a SKU from your own cart
///
/// With `If-Match`, the change is made only to the version that the tag names. A SKU that is not in the cart changes
/// nothing.
#[utoipa::path(delete, path = "/carts/mine/items/{sku}", tag = "carts", security(("token" = ["cart"])),
    params(("sku" = Sku, Path, description = "SKU of the variant.", example = "TEE-ORG-NAVY-M"),
        IfMatch),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Entity tag of the new version."))),
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

/// Read the cart of a user or a guest
///
/// For transaction-service, which takes the id from the shopper's verified token only.
#[utoipa::path(get, path = "/carts/{owner_id}", tag = "carts", security(("token" = ["checkout:read"])),
    params(("owner_id" = OwnerId, Path, description = "Id of the user or guest whose cart it is.")),
    responses((status = OK, body = Cart, headers(("ETag" = String, description = "Entity tag of this version.")))))]
async fn get_cart(
    State(app): State<App>,
    _: Caller<scopes::CheckoutRead>,
    Path(owner_id): Path<OwnerId>,
) -> Result<Versioned<Cart>, Error> {
    let cart = store::find(&app.database, owner_id).await?;
    Ok(versioned(cart))
}

/// Remove ordered items from a cart
///
/// For transaction-service. The first request for an order subtracts the ordered quantities; repeated ones change
/// nothing. Items that were added since the order stay. Without a cart, or without these SKUs in it, nothing changes.
#[utoipa::path(post, path = "/carts/{owner_id}/clear", tag = "carts", security(("token" = ["carts:clear"])),
    params(("owner_id" = OwnerId, Path, description = "Id of the user or guest whose cart it is.")), request_body = ClearCart,
    responses((status = NO_CONTENT, description = "The ordered items are removed from the cart.")))]
async fn clear_cart(
    State(app): State<App>,
    _: Caller<scopes::CartsClear>,
    Path(owner_id): Path<OwnerId>,
    Json(command): Json<ClearCart>,
) -> Result<StatusCode, Error> {
    store::clear(&app.database, owner_id, &command, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The owner of the caller's cart; 403 for services, which have none.
fn owner(caller: &Caller<scopes::Cart>) -> Result<Owner, Problem> {
    Owner::of(&caller.subject).ok_or_else(|| Problem::forbidden(scopes::Cart::NAME))
}

fn versioned(cart: Cart) -> Versioned<Cart> {
    Versioned { tag: ETag::new(cart.owner_id.uuid(), cart.version), body: cart }
}
