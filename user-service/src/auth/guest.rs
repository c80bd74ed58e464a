//! The guest who is about to have an account.

use axum::extract::FromRequestParts;
use common::{
    auth::{Caller, Subject, scopes},
    problem::Problem,
};
use http::{header, request::Parts};
use uuid::Uuid;

use crate::app::App;

/// The guest whose access token came with the request, if one did. A token that is not good is refused as anywhere: a
/// shopper who means to bring a cart along should hear that it stays behind. A user's own token says nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentGuest(pub Option<Uuid>);

impl FromRequestParts<App> for PresentGuest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let caller = Caller::<scopes::Cart>::from_request_parts(parts, app).await?;
        Ok(Self(match caller.subject {
            Subject::Guest(id) => Some(id),
            Subject::User(_) | Subject::Service(_) => None,
        }))
    }
}
