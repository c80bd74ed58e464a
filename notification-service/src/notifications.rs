//! Telling shoppers, once on each channel.

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

/// What became of a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationOutcome, example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
    "channels": [{
        "channel": "email", "state": "sent", "provider": "ses", "provider_message_id": "0100019ac-1", "attempts": 1,
        "created_at": "2026-11-30T09:00:00.000Z", "sent_at": "2026-11-30T09:00:00.250Z", "last_error": null,
        "last_event": {"type": "delivered", "at": "2026-11-30T09:00:03.000Z"}
    }]
}))]
pub(crate) struct Told {
    /// The event.
    pub(crate) event_id: EventId,
    /// What became of it on each channel.
    pub(crate) channels: Vec<Delivery>,
}

/// Sends a notification on each of its channels, once.
pub(crate) async fn tell(app: App, notification: Notification) -> Result<Told, Error> {
    let event_id = notification.event_id;
    let channels = flow::send_once(app, notification).await?;
    Ok(Told { event_id, channels })
}

/// Send a notification
///
/// Each event is told once on each channel; asked again, the answer is the same. While another request is sending it the answer
/// is 409 `notification_in_progress`; ask again, and hear how that ended. Under an id that was used for another template or
/// another recipient nothing is sent: 409 `event_id_reused`. After 503 something could not be handed over: ask again.
///
/// Of each of these kinds a recipient gets so many mails on a day of UTC, and what is beyond is `withheld`: mails about orders;
/// `account_created` and `account_exists` together; `verify_email`; `password_reset`; `direct`. Texts are counted by recipient
/// and day, and by country and hour, and go only to the countries of the shop. Other mails are not counted.
#[utoipa::path(post, path = "/notifications", tag = "notifications", security(("token" = ["notifications:send"])),
    request_body(content = Notification, example = json!(sample(Template::OrderConfirmation))), responses(
    (status = OK, body = Told, description = "Nothing is left to do: on each channel it is `sent`, or it never will be."),
    (status = CONFLICT, description = "`notification_in_progress`; `Retry-After` says when to ask again at the latest. Or \
        `event_id_reused`: another event has this id.",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn send_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Json(notification): Json<Notification>,
) -> Result<Json<Told>, Error> {
    tell(app, notification).await.map(Json)
}

/// Read what became of a notification
///
/// On each channel on which it was asked for, for 90 days. 404 where it never was.
#[utoipa::path(get, path = "/notifications/{event_id}", tag = "notifications", params(("event_id" = EventId, Path)),
    security(("token" = ["notifications:send"])), responses((status = OK, body = Told),
    (status = NOT_FOUND, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json")))]
async fn get_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Path(event_id): Path<String>,
) -> Result<Json<Told>, Error> {
    let event_id: EventId = event_id.parse().map_err(|_| Error::NotFound)?;
    let records = app.store.of_event(event_id).await.map_err(Error::Store)?;
    if records.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Json(Told { event_id, channels: records.iter().map(domain::Record::delivery).collect() }))
}
