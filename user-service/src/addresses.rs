//! The postal addresses of users.

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

/// The example of a page of addresses.
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

/// List your own addresses, oldest first
///
/// The list is empty when the account of the token is gone.
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
/// The first address becomes the default, and so does one with `is_default`. A user can have 50 addresses.
#[utoipa::path(post, path = "/users/me/addresses", tag = "addresses", security(("token" = ["profile"])),
    request_body = NewAddress,
    responses((status = CREATED, body = Address, headers(("Location" = String, description = "Path of the new address."))),
        (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = CONFLICT, description = "`too_many_addresses`: the user has 50 addresses already.", body = ProblemBody,
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
/// After the default is deleted there is none, until another address is added, which becomes the default.
#[utoipa::path(delete, path = "/users/me/addresses/{address_id}", tag = "addresses",
    security(("token" = ["profile"])), params(("address_id" = AddressId, Path, description = "Id of the address.")),
    responses((status = NO_CONTENT, description = "The address is deleted.")))]
async fn delete_address(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Path(address_id): Path<AddressId>,
) -> Result<StatusCode, Error> {
    let owner = caller.user_id()?.into();
    let deleted = store::delete(&app.database, owner, address_id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
