//! What the bare functions share. Each makes the calls that one answer of a service takes, by the drivers as their
//! documentation shows them, and nothing else: no routes, no problems, no logs, no limits.
//!
//! They are given the same settings as the services, and so reach the same stores by the same TLS.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use lambda_http::{Body, Error, Request, Response};
use serde_json::Value;

/// A setting that must be there.
pub fn setting(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("{name} is missing").into())
}

/// The request's JSON.
pub fn json(request: &Request) -> Result<Value, Error> {
    Ok(serde_json::from_slice(request.body().as_ref())?)
}

/// A text of the request's JSON, such as `/recipient/email`.
pub fn text<'a>(json: &'a Value, pointer: &str) -> Result<&'a str, Error> {
    json.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no text at {pointer}").into())
}

/// An answer.
pub fn answer(status: u16, json: &Value) -> Result<Response<Body>, Error> {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    Ok(builder.body(Body::from(json.to_string()))?)
}

/// Fetches the issuer's keys from `JWKS_URL` and judges the request's access token by them.
pub async fn authorize(http: &reqwest::Client, request: &Request) -> Result<(), Error> {
    let header = request.headers().get("authorization").ok_or("no token")?.to_str()?;
    let token = header.strip_prefix("Bearer ").ok_or("no bearer token")?;
    let keys: JwkSet = http.get(setting("JWKS_URL")?).send().await?.error_for_status()?.json().await?;
    let kid = decode_header(token)?.kid.ok_or("the token names no key")?;
    let key = DecodingKey::from_jwk(keys.find(&kid).ok_or("the token's key is not known")?)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[setting("AUDIENCE")?]);
    decode::<Value>(token, &key, &validation)?;
    Ok(())
}
