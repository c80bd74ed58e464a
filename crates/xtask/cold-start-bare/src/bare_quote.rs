//! A quote: three requests over HTTP (the issuer's keys, a token of our own, the prices) and one verification.

use cold_start_bare::{answer, authorize, json, setting};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use reqwest::Client;
use serde_json::{Value, json};

async fn quote(http: &Client, request: &Request) -> Result<Response<Body>, Error> {
    authorize(http, request).await?;
    let (asked, api) = (json(request)?, setting("API_BASE_URL")?);
    let secret = setting("TRANSACTION_SERVICE_CLIENT_SECRET")?;
    let token = http
        .post(format!("{api}/oauth/token"))
        .basic_auth("transaction-service", Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let token: Value = token.send().await?.error_for_status()?.json().await?;
    let prices = http
        .post(format!("{api}/inventory/quotes"))
        .bearer_auth(token["access_token"].as_str().ok_or("no access token")?)
        .header("idempotency-key", uuid::Uuid::new_v4().to_string())
        .json(&json!({ "currency": asked["currency"], "lines": asked["lines"] }));
    let prices: Value = prices.send().await?.error_for_status()?.json().await?;
    answer(200, &prices)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = Client::new();
    run(service_fn(async |request: Request| quote(&http, &request).await)).await
}
