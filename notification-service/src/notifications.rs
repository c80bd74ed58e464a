//! Telling shoppers, once.

pub mod domain;
mod flow;
pub mod store;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::NotificationsSend},
    input::Json,
    problem::ProblemBody,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{EventId, Notification, Status};
use crate::{App, error::Error};

/// The routes of this room.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send_notification))
}

/// What became of a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "status": "sent"}))]
struct Told {
    /// The event.
    event_id: EventId,
    /// Whether this request sent the mail.
    status: Status,
}

/// Send a mail
///
/// Each event's mail is sent once, whatever is sent with its id again. While another request is sending it the answer is
/// 409; ask again, and hear how that ended. After 503 nothing is known to have been sent: ask again.
#[utoipa::path(post, path = "/notifications", tag = "notifications", security(("token" = ["notifications:send"])),
    request_body = Notification, responses(
    (status = ACCEPTED, description = "The mail is with the provider.", body = Told),
    (status = OK, body = Told, description = "`withheld`: the recipient has had the day's limit of mails about orders. \
        This one is not sent, now or later; the event is done with.",
        example = json!({"event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "status": "withheld"})),
    (status = CONFLICT, description = "`notification_in_progress`; `Retry-After` says when to ask again at the latest.",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn send_notification(
    State(app): State<App>,
    _: Caller<NotificationsSend>,
    Json(notification): Json<Notification>,
) -> Result<(StatusCode, Json<Told>), Error> {
    let event_id = notification.event_id;
    let status = flow::send_once(app, notification).await?;
    let code = match status {
        Status::Sent | Status::AlreadySent => StatusCode::ACCEPTED,
        Status::Withheld => StatusCode::OK,
    };
    Ok((code, Json(Told { event_id, status })))
}
