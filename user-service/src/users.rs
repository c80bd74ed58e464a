//! Accounts: one's own profile, and what a checkout needs to know of a user.

pub mod domain;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, scopes},
    etag::{IfMatch, Versioned},
    extract::Path,
    input::Json,
    problem::ProblemBody,
    timestamp::Timestamp,
};
use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::domain::{Email, PersonName, Phone, ProfilePatch, Role, UserId};
use crate::{
    App,
    addresses::{Address, domain::AddressId},
    error::Error,
};

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema, FromRow)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace", "phone": null,
    "role": "customer", "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Profile {
    /// The account's id; `sub` of its tokens is `user:` and this.
    #[sqlx(try_from = "Uuid")]
    pub id: UserId,
    /// Where its mail goes.
    pub email: Email,
    /// What its owner is called.
    pub name: PersonName,
    /// How its owner is called up.
    #[schema(required)]
    pub phone: Option<Phone>,
    /// What it may do.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// Grows by one with every change; also the `ETag`.
    pub version: i64,
    /// When it was registered.
    #[sqlx(try_from = "OffsetDateTime")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[sqlx(try_from = "OffsetDateTime")]
    pub updated_at: Timestamp,
}

/// What a checkout needs to know of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace",
    "disabled": false, "addresses": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square",
        "line2": null, "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB",
        "phone": "+442079460123", "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
    }],
    "default_address_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e"
}))]
pub struct CheckoutContext {
    /// Whom this is about.
    pub user_id: UserId,
    /// Where the confirmation goes.
    #[schema(value_type = Email)]
    pub email: String,
    /// What the customer is called.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Whether the account was closed: no new orders then.
    pub disabled: bool,
    /// All addresses, oldest first; at most 50.
    pub addresses: Vec<Address>,
    /// Which of them to use unless the customer says otherwise.
    #[schema(required)]
    pub default_address_id: Option<AddressId>,
}

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_profile, update_profile)).routes(routes!(get_checkout_context))
}

/// One's own profile
#[utoipa::path(get, path = "/users/me", tag = "users", security(("token" = ["profile"])),
    responses((status = OK, body = Profile, headers(("ETag" = String, description = "The version, for `If-Match`.")))))]
async fn get_profile(State(app): State<App>, caller: Caller<scopes::Profile>) -> Result<Versioned<Profile>, Error> {
    let id = caller.user_id()?.into();
    let profile = store::profile(app.database.pool().await?, id).await?.ok_or(Error::NotFound)?;
    Ok(versioned(profile))
}

/// Change one's own profile
///
/// A JSON Merge Patch. With `If-Match`, only the version that you have seen is changed.
#[utoipa::path(patch, path = "/users/me", tag = "users", security(("token" = ["profile"])), request_body = ProfilePatch,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you have seen.")),
    responses((status = OK, body = Profile, headers(("ETag" = String, description = "The new version."))),
        (status = PRECONDITION_FAILED, description = "The profile was changed since you read it.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn update_profile(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    if_match: IfMatch,
    Json(patch): Json<ProfilePatch>,
) -> Result<Versioned<Profile>, Error> {
    let id = caller.user_id()?.into();
    let pool = app.database.pool().await?;
    if patch.is_empty() {
        let profile = store::profile(pool, id).await?.ok_or(Error::NotFound)?;
        if_match.check(profile.version)?;
        return Ok(versioned(profile));
    }
    let changed = store::change_profile(pool, id, &patch, &if_match, Timestamp::now()).await?;
    // An absent profile matches no version either (RFC 9110, 13.1.1).
    let absent = if if_match == IfMatch::Any { Error::NotFound } else { Error::Stale };
    changed.map(versioned).ok_or(absent)
}

/// What a checkout needs to know of a user
///
/// For transaction-service, which takes the id from the shopper's verified token and from nowhere else.
#[utoipa::path(get, path = "/users/{user_id}/checkout-context", tag = "users", security(("token" = ["checkout:read"])),
    params(("user_id" = UserId, Path, description = "Whose checkout it is.")),
    responses((status = OK, body = CheckoutContext)))]
async fn get_checkout_context(
    State(app): State<App>,
    _: Caller<scopes::CheckoutRead>,
    Path(user_id): Path<UserId>,
) -> Result<Json<CheckoutContext>, Error> {
    let context = store::checkout_context(app.database.pool().await?, user_id).await?;
    context.map(Json).ok_or(Error::NotFound)
}

fn versioned(profile: Profile) -> Versioned<Profile> {
    Versioned { version: profile.version, body: profile }
}
