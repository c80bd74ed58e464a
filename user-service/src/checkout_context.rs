//! The checkout context of a user: account, addresses and cart in one answer, for transaction-service.

pub mod domain;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, scopes},
    extract::Path,
    input::Json,
    routes,
    routes::Routes,
};

use self::domain::CheckoutContext;
use crate::{app::App, error::Error, ids::UserId};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(get_checkout_context))
}

/// Read the checkout context of a user
///
/// Account, addresses and cart in one answer. For transaction-service, which takes the id from the shopper's verified
/// token only.
#[utoipa::path(get, path = "/users/{user_id}/checkout-context", tag = "users", security(("token" = ["checkout:read"])),
    params(("user_id" = UserId, Path, description = "Id of the user.")),
    responses((status = OK, body = CheckoutContext)))]
async fn get_checkout_context(
    State(app): State<App>,
    _: Caller<scopes::CheckoutRead>,
    Path(user_id): Path<UserId>,
) -> Result<Json<CheckoutContext>, Error> {
    let context = store::checkout_context(&app.database, user_id).await?;
    context.map(Json).ok_or(Error::NotFound)
}
