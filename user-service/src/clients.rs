//! Tokens for services: the OAuth 2.0 token endpoint. Its refusals are those of RFC 6749, which every client library
//! reads; `docs/decisions/0004-oauth-errors.md` says why.

pub mod domain;
pub mod store;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use common::{
    auth::Subject,
    http::{Repeated, single},
    input::{Json, RawBody},
    problem::Problem,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use self::domain::{Refused, TokenRequest};
use crate::{
    app::App,
    error::Error,
    keys::domain::{KeysError, TOKEN_LIFE},
};

const FORM: &str = "application/x-www-form-urlencoded";

/// An access token for a service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZXJ2aWNlOnRyYW5zYWN0aW9uLXNlcnZpY2UifQ.c2lnbmF0dXJl",
    "token_type": "Bearer", "expires_in": 900, "scope": "inventory:reserve checkout:read"
}))]
pub struct ServiceToken {
    /// JWT, to be sent as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    token_type: &'static str,
    /// Seconds until the token expires.
    expires_in: u64,
    /// Scopes of the token, separated by spaces.
    scope: String,
}

/// The form of a token request (RFC 6749, 4.4.2).
#[derive(Debug, ToSchema)]
#[schema(example = json!({"grant_type": "client_credentials", "scope": "checkout:read"}))]
#[expect(dead_code, reason = "documents the form, whose bytes TokenRequest reads")]
struct TokenForm {
    /// Always `client_credentials`.
    #[schema(value_type = String, example = "client_credentials")]
    grant_type: (),
    /// Scopes of the token, separated by spaces; all scopes of the client when absent.
    #[schema(value_type = Option<String>)]
    scope: (),
    /// Name of the client, unless it authenticates with HTTP Basic.
    #[schema(value_type = Option<String>)]
    client_id: (),
    /// Secret of the client, unless it authenticates with HTTP Basic.
    #[schema(value_type = Option<String>)]
    client_secret: (),
}

/// A refused token request (RFC 6749, 5.2).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"error": "invalid_scope", "error_description": "The client may not have this scope."}))]
pub struct TokenError {
    /// Error code of RFC 6749, such as `invalid_client`.
    #[schema(value_type = String)]
    error: &'static str,
    /// Explanation for developers; its text may change.
    #[schema(value_type = String)]
    error_description: &'static str,
}

/// Why there is no token: the request was refused, or the service failed.
#[derive(Debug)]
enum NoToken {
    Refused(Refused),
    Failed(Error),
}

impl From<Refused> for NoToken {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<sqlx::Error> for NoToken {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<KeysError> for NoToken {
    fn from(error: KeysError) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for NoToken {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refused) => refused.into_response(),
            Self::Failed(error) => error.into_response(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (error, error_description) = match self {
            Self::InvalidRequest(why) => ("invalid_request", why),
            Self::InvalidClient => ("invalid_client", "No client has this name and secret."),
            Self::UnsupportedGrantType => ("unsupported_grant_type", "Only client_credentials is granted here."),
            Self::InvalidScope => ("invalid_scope", "The client may not have this scope."),
        };
        let body = Json(TokenError { error, error_description });
        let no_store = (header::CACHE_CONTROL, "no-store");
        if self == Self::InvalidClient {
            let challenge = (header::WWW_AUTHENTICATE, "Basic realm=\"bodega\", charset=\"UTF-8\"");
            return (StatusCode::UNAUTHORIZED, [no_store, challenge], body).into_response();
        }
        (StatusCode::BAD_REQUEST, [no_store], body).into_response()
    }
}

/// The body of a form; another media type is refused with 415.
#[derive(Debug)]
struct FormBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for FormBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media = single(request.headers(), &header::CONTENT_TYPE).ok().flatten();
        let media = media.and_then(|value| value.to_str().ok()?.split(';').next()).unwrap_or_default();
        if !media.trim().eq_ignore_ascii_case(FORM) {
            return Err(Problem::unsupported_media_type(FORM));
        }
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        Ok(Self(bytes))
    }
}

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(create_service_token))
}

/// Get a token for a service
///
/// The OAuth 2.0 client credentials grant. The client authenticates with HTTP Basic, or with `client_id` and
/// `client_secret` in the body. Errors have the form of RFC 6749, section 5.2.
#[utoipa::path(post, path = "/oauth/token", tag = "clients",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = OK, body = ServiceToken),
        (status = BAD_REQUEST, description = "The request is malformed, or asks for a scope that the client may not have.", body = TokenError),
        (status = UNAUTHORIZED, description = "No client has this name and secret.", body = TokenError)))]
async fn create_service_token(
    State(app): State<App>,
    headers: HeaderMap,
    FormBody(form): FormBody,
) -> Result<Response, NoToken> {
    let repeated = Refused::InvalidRequest("Authorization was given more than once.");
    let authorization = single(&headers, &header::AUTHORIZATION).map_err(|Repeated| repeated)?;
    // A header that is not text is no valid credential.
    let authorization = authorization.map(|value| value.to_str().unwrap_or_default());
    // A gateway joins repeated headers with commas, which no valid credential contains.
    if authorization.is_some_and(|value| value.contains(',')) {
        return Err(repeated.into());
    }
    let request = TokenRequest::read(authorization, &form)?;
    let client = store::find(&app.database, request.client).await?.ok_or(Refused::InvalidClient)?;
    let scope = client.grant(&request)?;
    let subject = Subject::Service(request.client.as_str().to_owned());
    let access_token = app.issuer.mint(&subject, &scope, Timestamp::now()).await?;
    let token = ServiceToken { access_token, token_type: "Bearer", expires_in: TOKEN_LIFE.as_secs(), scope };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(token)).into_response())
}
