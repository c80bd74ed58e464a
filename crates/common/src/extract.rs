//! Extractors of paths and queries, which answer problems in place of the framework's plain text.

use axum::{
    extract::{FromRequestParts, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::de::DeserializeOwned;

use crate::{etag::Versioned, input::Json, problem::Problem};

mod query;

/// The parts of the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No store can hold NUL, and no id or slug has it. A URI cannot contain it unescaped.
        if parts.uri.path().contains("%00") {
            return Err(Problem::invalid_path("A part of the path contains NUL.".into()));
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => {
                Err(Problem::invalid_path("A part of the path does not have the form that this route takes.".into()))
            }
            Err(rejection) => Err(Problem::internal(rejection)),
        }
    }
}

/// The query string. `T` says `#[serde(deny_unknown_fields)]`. 400 with the name of the parameter that is unknown,
/// given twice, empty, or not of its type.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query::read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// 201 with the path of the new resource as `Location`.
#[derive(Debug)]
pub struct Created<T> {
    /// A path such as `/products/0193...`.
    pub location: String,
    /// The new resource.
    pub body: T,
}

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        created(Json(self.body).into_response(), self.location)
    }
}

/// Adds the `ETag` of the new resource (RFC 9110, 15.3.2).
impl<T: serde::Serialize> IntoResponse for Created<Versioned<T>> {
    fn into_response(self) -> Response {
        created(self.body.into_response(), self.location)
    }
}

fn created(mut response: Response, location: String) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    // Locations consist of route templates, ids and slugs: always visible ASCII.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
