//! Payments: what Stripe says of an order, brought to us by its webhook, by our own question, or found by the sweep.

pub mod domain;
pub mod events;
pub mod flow;
pub mod refunds;

use axum::extract::State;
use common::{
    input::{Json, RawBody},
    problem::ProblemBody,
    timestamp::Timestamp,
};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, error::Error};

/// The routes of this room.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive_stripe_event))
}

/// What Stripe is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"received": true}))]
struct Received {
    /// Always true: it need not be sent again.
    received: bool,
}

/// Stripe tells that something happened
///
/// Signed by Stripe over the raw body. An event is only a hint: what holds is read from Stripe, so that events may come
/// twice, in any order, or not at all.
#[utoipa::path(post, path = "/webhooks/stripe", tag = "webhooks",
    request_body(content = String, content_type = "application/octet-stream", description = "Stripe's event.",
        example = json!("{\"id\": \"evt_1\", \"type\": \"payment_intent.succeeded\"}")),
    responses((status = OK, body = Received),
        (status = BAD_REQUEST, description = "`invalid_signature`", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn receive_stripe_event(
    State(app): State<App>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Received>, Error> {
    let now = Timestamp::now();
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secrets = app.webhook_secrets.get().await?;
    let secrets: Vec<&str> = secrets.split(',').map(str::trim).collect();
    let event = stripe::webhook::verify(&body, signature, &secrets, now).map_err(Error::Webhook)?;
    events::apply(&app, &event, now).await?;
    Ok(Json(Received { received: true }))
}
