//! Accounts: reading and changing the caller's own profile.

pub mod domain;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, scopes},
    etag::{ETag, IfMatch, Versioned},
    input::Json,
    problem::{Problem, ProblemBody},
    routes,
    routes::Routes,
    timestamp::Timestamp,
};

use self::domain::{Profile, ProfilePatch};
use crate::{app::App, error::Error, ids::UserId};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(get_profile, update_profile))
}

/// Read your own profile
#[utoipa::path(get, path = "/users/me", tag = "users", security(("token" = ["profile"])),
    responses((status = OK, body = Profile, headers(("ETag" = String, description = "Entity tag of this version, for `If-Match`; its form may change."))),
        (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn get_profile(State(app): State<App>, caller: Caller<scopes::Profile>) -> Result<Versioned<Profile>, Error> {
    let id = caller.user_id()?.into();
    let profile = store::profile(&app.database, id).await?.ok_or(Error::NotFound)?;
    Ok(versioned(profile))
}

/// Change your own profile
///
/// A JSON Merge Patch. With `If-Match`, the change is made only to the version that the tag names.
///
/// Text messages are sent only with consent. The user gives it with `sms` in `notify_by`, which needs a phone number
/// that takes text messages (`needs_phone`, `takes_no_texts`). Removing the number ends the consent; another number
/// renews its time, `sms_consent_at`.
#[utoipa::path(patch, path = "/users/me", tag = "users", security(("token" = ["profile"])), request_body = ProfilePatch,
    params(IfMatch),
    responses((status = OK, body = Profile, headers(("ETag" = String, description = "Entity tag of the new version."))),
        (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = PRECONDITION_FAILED, description = "The profile was changed since you read it.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn update_profile(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    if_match: IfMatch,
    Json(patch): Json<ProfilePatch>,
) -> Result<Versioned<Profile>, Error> {
    let id = caller.user_id()?.into();
    if patch.is_empty() {
        let profile = store::profile(&app.database, id).await?.ok_or(Error::NotFound)?;
        if_match.check(tag(&profile))?;
        return Ok(versioned(profile));
    }
    let changed = change(&app, id, &patch, &if_match).await?;
    // An absent profile does not match any version either (RFC 9110, 13.1.1).
    let absent = if if_match == IfMatch::Any { Error::NotFound } else { Error::Stale };
    changed.map(versioned).ok_or(absent)
}

/// Applies the patch. If it can change where text messages go, the whole profile is checked before the commit.
async fn change(app: &App, id: UserId, patch: &ProfilePatch, if_match: &IfMatch) -> Result<Option<Profile>, Error> {
    let now = Timestamp::now();
    if !patch.is_about_texts() {
        return Ok(store::change_profile(&app.database, id, patch, if_match, now).await?);
    }
    let mut tx = app.database.begin().await?;
    let changed = store::change_profile(&mut *tx, id, patch, if_match, now).await?;
    if let Some(profile) = &changed {
        profile.check_texts(patch).map_err(|error| Problem::invalid_input(vec![error]))?;
    }
    tx.commit().await?;
    Ok(changed)
}

fn versioned(profile: Profile) -> Versioned<Profile> {
    Versioned { tag: tag(&profile), body: profile }
}

fn tag(profile: &Profile) -> ETag {
    ETag::new(profile.id.uuid(), profile.version)
}
