//! Telling shoppers, once on each channel.

pub mod domain;
mod flow;
pub mod store;
mod wire;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::NotificationsSend},
    input::Json,
    problem::ProblemBody,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{Channel, EventId, Notification, State as DeliveryState};
use crate::{App, error::Error};

/// The routes of this room.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send_notification))
}

/// What became of a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "channels": [{"channel": "email", "state": "sent"}]
}))]
struct Told {
    /// The event.
    event_id: EventId,
    /// What became of it on each channel.
    channels: Vec<ToldOn>,
}

/// What became of a notification on a channel.
#[derive(Debug, Serialize, ToSchema)]
struct ToldOn {
    /// The channel.
    channel: Channel,
    /// What became of it there.
    state: DeliveryState,
}

/// Send a notification
///
/// Each event is told once on each channel, whatever is sent with its id again; asked again, the answer is the same. While
/// another request is sending it the answer is 409; ask again, and hear how that ended. After 503 something could not be
/// handed over: ask again.
#[utoipa::path(post, path = "/notifications", tag = "notifications", security(("token" = ["notifications:send"])),
    request_body(content = Notification, example = json!({
        "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "template": "order_confirmation",
        "recipient": {"email": "ada@example.com", "locale": "en-GB"}, "channels": ["email"],
        "data": {"order": {
            "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "placed_at": "2026-11-22T09:30:00.125Z",
            "lines": [{"title": "Organic cotton tee", "options": {"Size": "M"}, "quantity": 2,
                "total": {"amount": 3998, "currency": "GBP"}}],
            "subtotal": {"amount": 3998, "currency": "GBP"}, "shipping": {"amount": 500, "currency": "GBP"},
            "tax": {"amount": 900, "currency": "GBP"}, "total": {"amount": 5398, "currency": "GBP"},
            "shipping_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null,
                "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": null}
        }}
    })), responses(
    (status = OK, body = Told, description = "Nothing is left to do: on each channel it is `sent`, or it never will be."),
    (status = CONFLICT, description = "`notification_in_progress`; `Retry-After` says when to ask again at the latest.",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn send_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Json(notification): Json<Notification>,
) -> Result<Json<Told>, Error> {
    let event_id = notification.event_id;
    let states = flow::send_once(app, notification).await?;
    let channels = states.into_iter().map(|(channel, state)| ToldOn { channel, state }).collect();
    Ok(Json(Told { event_id, channels }))
}
