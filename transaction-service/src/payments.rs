//! Payments of orders at Stripe: started by checkout, and followed by webhook and sweep.

pub mod alarms;
pub mod commit;
pub mod domain;
pub mod events;
pub mod flow;
pub mod refunds;
pub mod store;

use axum::extract::State;
use common::{
    http::single,
    input::{Json, RawBody},
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use stripe::Event;
use utoipa::ToSchema;

use crate::{app::App, error::Error};

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(receive_stripe_event))
}

/// Answer to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"received": true}))]
struct Received {
    /// Always true: the event need not be sent again.
    received: bool,
}

/// Receive an event of Stripe
///
/// Stripe signs the raw body, and every event with a valid signature is accepted. An event is only a hint: the state is read
/// from Stripe, so events may arrive twice, in any order, or not at all. An event that is not understood is logged and
/// answered 200, since Stripe would repeat it for days. An event that cannot be applied is logged, stored and answered 200;
/// the sweep tries it again. 503 means that a store or Stripe does not answer; Stripe then repeats the event.
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
    let signature = signature(&headers);
    let secrets = app.webhook_secrets.get().await?;
    let secrets: Vec<&str> = secrets.split(',').map(str::trim).collect();
    stripe::webhook::verify(&body, signature, &secrets, now).map_err(Error::Webhook)?;
    match Event::read(&body) {
        Ok(event) => events::receive(&app, &event, now).await?,
        Err(what) => tracing::error!(object = %what, bytes = body.len(), "Stripe event not understood"),
    }
    Ok(Json(Received { received: true }))
}

const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// The value of the signature header; empty when there are several.
fn signature(headers: &HeaderMap) -> &str {
    single(headers, &SIGNATURE).ok().flatten().and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_signature_or_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(signature(&headers), "");
        headers.append("stripe-signature", http::HeaderValue::from_static("t=1,v1=00"));
        assert_eq!(signature(&headers), "t=1,v1=00");
        headers.append("stripe-signature", http::HeaderValue::from_static("t=1,v1=00"));
        assert_eq!(signature(&headers), "");
    }
}
