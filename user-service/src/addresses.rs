//! Where users have things sent.

pub mod domain;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, scopes},
    extract::{Created, Path, Query},
    input::Json,
    page::{List, Page, PageQuery},
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::StatusCode;
use serde_json::{Value, json};

use self::domain::{Address, AddressId, NewAddress};
use crate::{app::App, error::Error};

/// One page of addresses, as an example.
fn page_example() -> Value {
    json!({ "items": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square",
        "line2": null, "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB",
        "phone": "+442079460123", "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
    }], "next_cursor": null })
}

const LIST: List<AddressId> = List::new("/users/me/addresses");

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(list_addresses, create_address)).routes(routes!(delete_address))
}

/// One's own addresses, oldest first
///
/// There are none if the account of the token is gone.
#[utoipa::path(get, path = "/users/me/addresses", tag = "addresses", security(("token" = ["profile"])),
    params(PageQuery), responses((status = OK, body = Page<Address>, example = page_example)))]
async fn list_addresses(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Address>>, Error> {
    let owner = caller.user_id()?.into();
    let (limit, after) = LIST.read(&page)?;
    let addresses = store::list(&app.database, owner, after, limit + 1).await?;
    Ok(Json(LIST.page(addresses, limit, |address| address.id)))
}

/// Add an address
///
/// The first address, and any that says so, becomes the default. A user has at most 50.
#[utoipa::path(post, path = "/users/me/addresses", tag = "addresses", security(("token" = ["profile"])),
    request_body = NewAddress,
    responses((status = CREATED, body = Address, headers(("Location" = String, description = "Where the address is."))),
        (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = CONFLICT, description = "You have 50 addresses already.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn create_address(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Json(request): Json<NewAddress>,
) -> Result<Created<Address>, Error> {
    let owner = caller.user_id()?.into();
    let address = store::insert(&app.database, owner, &request, Timestamp::now()).await?;
    let body = address.ok_or(Error::NotFound)?;
    Ok(Created { location: format!("/users/me/addresses/{}", body.id), body })
}

/// Delete an address
///
/// Deleting the default leaves none: the next address that is added becomes it.
#[utoipa::path(delete, path = "/users/me/addresses/{address_id}", tag = "addresses",
    security(("token" = ["profile"])), params(("address_id" = AddressId, Path, description = "Which address.")),
    responses((status = NO_CONTENT, description = "It is gone.")))]
async fn delete_address(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Path(address_id): Path<AddressId>,
) -> Result<StatusCode, Error> {
    let owner = caller.user_id()?.into();
    let deleted = store::delete(&app.database, owner, address_id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
