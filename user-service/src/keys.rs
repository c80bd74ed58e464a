//! Publishing the keys that access tokens are verified with.

pub mod domain;
pub mod issuer;
pub mod store;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{input::Json, routes, routes::Routes};
use http::header;
use jsonwebtoken::jwk::Jwk;
use serde::Serialize;
use strum::VariantArray;
use utoipa::ToSchema;

use crate::{app::App, error::Error, roles::Role, service_scopes::ServiceScope};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(get_key_set)).routes(routes!(get_discovery))
}

/// The public keys that access tokens are verified with (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"keys": [{
    "use": "sig", "alg": "RS256", "kid": "yCnp1dKGcW6yLyFbDdz5ZPnEjBnUaSn2TLN4PqbvU3o", "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB"
}]}))]
pub struct KeySet {
    /// RSA public keys, each with `use` = `sig`, `alg` = `RS256`, and the RFC 7638 thumbprint as `kid`.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Jwk>,
}

/// Metadata of the issuer, for gateways and clients (RFC 8414).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "issuer": "https://shop.example", "jwks_uri": "https://shop.example/.well-known/jwks.json",
    "token_endpoint": "https://shop.example/oauth/token", "id_token_signing_alg_values_supported": ["RS256"],
    "response_types_supported": ["none"], "subject_types_supported": ["public"],
    "scopes_supported": ["profile", "cart", "orders"], "grant_types_supported": ["client_credentials"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]
}))]
pub struct Discovery {
    /// URL of the issuer; the `iss` claim of every token.
    issuer: String,
    /// URL of the public keys.
    jwks_uri: String,
    /// URL of the token endpoint for services.
    token_endpoint: String,
    /// Signing algorithm of all tokens.
    id_token_signing_alg_values_supported: [&'static str; 1],
    /// Always `none`: there is no authorization endpoint.
    response_types_supported: [&'static str; 1],
    /// Always `public`: the `sub` of a user is the same for all clients.
    subject_types_supported: [&'static str; 1],
    /// All scopes that a token can have.
    scopes_supported: Vec<&'static str>,
    /// Grant types of the token endpoint.
    grant_types_supported: [&'static str; 1],
    /// Ways in which a service authenticates at the token endpoint.
    token_endpoint_auth_methods_supported: [&'static str; 2],
}

/// Public keys for access tokens
///
/// A key is published well before it signs, and stays published until the last token that it signed has expired.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "keys", responses((status = OK, body = KeySet)))]
async fn get_key_set(State(app): State<App>) -> Result<Response, Error> {
    let keys = app.issuer.published().await?.keys.clone();
    Ok(cacheable(Json(KeySet { keys })))
}

/// Discovery document of the issuer
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "keys", responses((status = OK, body = Discovery)))]
async fn get_discovery(State(app): State<App>) -> Response {
    let (name, api) = (app.issuer.name(), app.issuer.api());
    cacheable(Json(Discovery {
        issuer: name.to_owned(),
        jwks_uri: format!("{name}/.well-known/jwks.json"),
        token_endpoint: format!("{api}/oauth/token"),
        id_token_signing_alg_values_supported: ["RS256"],
        response_types_supported: ["none"],
        subject_types_supported: ["public"],
        scopes_supported: all_scopes(),
        grant_types_supported: ["client_credentials"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    }))
}

/// The scopes of all roles and of services, each once.
fn all_scopes() -> Vec<&'static str> {
    let of_users = Role::VARIANTS.iter().flat_map(|role| role.scopes().iter().copied());
    let mut scopes: Vec<_> = of_users.chain(ServiceScope::VARIANTS.iter().map(|scope| scope.as_str())).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// Five minutes: shorter than the time between publishing a key and signing with it.
fn cacheable(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], body).into_response()
}
