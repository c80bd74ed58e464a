//! The guest who registers.

use axum::extract::FromRequestParts;
use common::{
    auth::{Caller, Subject, scopes},
    problem::Problem,
};
use http::{header, request::Parts};
use uuid::Uuid;

use crate::app::App;

/// The guest whose access token came with the request, if one did. An invalid token is refused with 401, so that a
/// guest learns that their cart would not be copied. The token of a user or a service is ignored.
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
