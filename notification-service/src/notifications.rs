//! Notifications of shoppers: each event is sent once on each channel.

pub mod domain;
mod flow;
pub mod store;
mod wire;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::NotificationsSend},
    extract::Path,
    input::Json,
    problem::ProblemBody,
    routes,
    routes::Routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use self::domain::{Delivery, Notification};
use crate::{
    app::App,
    error::Error,
    event::EventId,
    templates::{Template, sample},
};

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(send_notification)).routes(routes!(get_notification))
}

/// The result of a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationOutcome, example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "channels": [{
        "channel": "email", "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
        "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
        "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}
    }]
}))]
pub(crate) struct NotificationOutcome {
    /// Id of the event.
    pub(crate) event_id: EventId,
    /// The result on each channel.
    pub(crate) channels: Vec<Delivery>,
}

/// Sends a notification on each of its channels, once.
pub(crate) async fn send(app: App, notification: Notification) -> Result<NotificationOutcome, Error> {
    let event_id = notification.event_id;
    let channels = flow::send_once(app, notification).await?;
    Ok(NotificationOutcome { event_id, channels })
}

/// Send a notification
///
/// Each event is sent once on each channel; a repeated request gets the same answer. 409 `notification_in_progress` while another
/// request is sending the event: repeat the request to get the result. 409 `event_id_reused` when the id was used with another
/// template or recipient: nothing is sent. 503 when no provider accepted a message: repeat the request.
///
/// A recipient gets a limited number of mails of each of these kinds in one day of UTC, and further ones are `withheld`: mails
/// about orders; `account_created` and `account_exists` together; `verify_email`; `password_reset`; `direct`. Text messages are
/// limited by recipient and day and by country and hour, and are sent only to the countries of the shop. Other mails have no limit.
#[utoipa::path(post, path = "/notifications", tag = "notifications", security(("token" = ["notifications:send"])),
    request_body(content = Notification, example = json!(sample(Template::OrderConfirmation))), responses(
    (status = OK, body = NotificationOutcome, description = "The state on each channel is final: `sent`, `withheld`, `suppressed` or `refused`."),
    (status = CONFLICT, description = "`notification_in_progress`: repeat the request after `Retry-After` at the latest; or \
        `event_id_reused`: the id was used with another template or recipient.",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn send_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Json(notification): Json<Notification>,
) -> Result<Json<NotificationOutcome>, Error> {
    send(app, notification).await.map(Json)
}

/// Get the result of a notification
///
/// On each channel on which it was requested, for 90 days. 404 for an event that was not requested.
#[utoipa::path(get, path = "/notifications/{event_id}", tag = "notifications", params(("event_id" = EventId, Path)),
    security(("token" = ["notifications:send"])), responses((status = OK, body = NotificationOutcome),
    (status = NOT_FOUND, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json")))]
async fn get_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Path(event_id): Path<String>,
) -> Result<Json<NotificationOutcome>, Error> {
    let event_id: EventId = event_id.parse().map_err(|_| Error::NotFound)?;
    let records = app.db.of_event(event_id).await.map_err(Error::Store)?;
    if records.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Json(NotificationOutcome { event_id, channels: records.iter().map(domain::Record::delivery).collect() }))
}
