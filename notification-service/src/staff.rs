//! Staff's desk: what was sent, sending it again on purpose, and writing to a shopper.

pub mod direct;
pub mod domain;
mod resend;
pub mod store;
pub(crate) mod templates;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::NotificationsManage},
    extract::{Path, Query},
    idempotency::IdempotencyKey,
    input::Json,
    page::{List, Page, PageQuery},
    problem::{Problem, ProblemBody},
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    direct::{DirectMail, DirectMailBody, DirectText, DirectTextBody},
    domain::{Day, MessageQuery, MessageView, Place, ResendRequest},
    store::Filter,
};
use crate::{app::App, error::Error, event::EventId, notifications::Told};

const LIST: List<Place> = List::new("/admin/notifications");

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_messages))
        .routes(routes!(get_messages))
        .routes(routes!(resend_messages))
        .routes(routes!(send_direct_mail))
        .routes(routes!(send_direct_text))
}

/// The messages of an event.
#[derive(Debug, Serialize, ToSchema)]
struct EventMessages {
    /// The event.
    event_id: EventId,
    /// One for each channel on which it is told.
    #[schema(max_items = 2)]
    messages: Vec<MessageView>,
}

/// List messages
///
/// Those of one day, the newest first: what was asked for, on which channel, and what became of it. Neither addresses nor
/// contents are shown.
#[utoipa::path(get, path = "/admin/notifications", tag = "notifications", params(MessageQuery),
    security(("token" = ["notifications:manage"])), responses((status = OK, body = Page<MessageView>,
        example = json!({"items": [], "next_cursor": null}))))]
async fn list_messages(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Query(query): Query<MessageQuery>,
) -> Result<Json<Page<MessageView>>, Error> {
    let (limit, place) = LIST.read(&PageQuery::new(query.limit, query.cursor))?;
    // A list of today that is read on after midnight goes on where it was.
    let day = query.day.or(place.as_ref().map(|place| place.day)).unwrap_or_else(|| Day::of(Timestamp::now()));
    if place.as_ref().is_some_and(|place| place.day != day) {
        return Err(
            Problem::invalid_parameter("cursor", "must be the next_cursor of an earlier page of this day").into()
        );
    }
    let filter = Filter {
        day,
        state: query.state.map(|wanted| wanted.0),
        template: query.template.map(|wanted| wanted.0),
        channel: query.channel.map(|wanted| wanted.0),
    };
    let listed = store::list(&app.store, filter, limit, place.map(|place| place.after)).await.map_err(Error::Store)?;
    let next = listed.next.map(|after| Place { day, after });
    Ok(Json(LIST.up_to(listed.items, next.as_ref())))
}

/// Get the messages of an event
#[utoipa::path(get, path = "/admin/notifications/{event_id}", tag = "notifications", params(("event_id" = EventId, Path)),
    security(("token" = ["notifications:manage"])),
    responses((status = OK, body = EventMessages, example = json!({
        "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "messages": []
    })), (status = NOT_FOUND, description = "`not_found`", body = ProblemBody,
        content_type = "application/problem+json")))]
async fn get_messages(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Path(event_id): Path<String>,
) -> Result<Json<EventMessages>, Error> {
    let event_id: EventId = event_id.parse().map_err(|_| Error::NotFound)?;
    let kept = store::of_event(&app.store, event_id).await.map_err(Error::Store)?;
    if kept.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Json(EventMessages { event_id, messages: kept.into_iter().map(|kept| kept.view).collect() }))
}

/// Send a message again
///
/// On purpose, and as another event: its id follows from this one's and the key, so that it is sent once, however often this
/// is repeated with the same key. Who asked for it, when and why stands with the message that was sent first: what was sent again
/// and is sent again counts there, too. Limits and suppressions hold.
#[utoipa::path(post, path = "/admin/notifications/{event_id}/resend", tag = "notifications",
    params(("event_id" = EventId, Path), IdempotencyKey), security(("token" = ["notifications:manage"])),
    request_body = ResendRequest, responses((status = OK, body = Told),
        (status = NOT_FOUND, description = "`not_found`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`content_not_kept`: what it said is not stored, since it held a secret or is too old; \
                `told_differently`: its channels were told different things, and `channel` names none; `too_many_resends`; or `notification_in_progress`, when `Retry-After` says when to ask again.")))]
async fn resend_messages(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Path(event_id): Path<String>,
    key: IdempotencyKey,
    Json(request): Json<ResendRequest>,
) -> Result<Json<Told>, Error> {
    let event_id: EventId = event_id.parse().map_err(|_| Error::NotFound)?;
    let actor = caller.subject.to_string();
    resend::resend(app, event_id, &key, request, actor, Timestamp::now()).await.map(Json)
}

/// Write a mail to a shopper
///
/// Sent once for its event id, as everything is; limits and suppressions hold.
#[utoipa::path(post, path = "/admin/notifications/email", tag = "notifications",
    security(("token" = ["notifications:manage"])), request_body = DirectMailBody,
    responses((status = OK, body = Told), (status = CONFLICT, body = ProblemBody,
        content_type = "application/problem+json", description = "`notification_in_progress`, or `event_id_reused`: another event has this id.")))]
async fn send_direct_mail(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Json(DirectMail(mail)): Json<DirectMail>,
) -> Result<Json<Told>, Error> {
    tracing::info!(actor = %caller.subject, event_id = %mail.event_id, "mail written by staff");
    direct::send(app, mail).await.map(Json)
}

/// Write a text message to a shopper
///
/// Sent once for its event id, as everything is; limits and suppressions hold.
#[utoipa::path(post, path = "/admin/notifications/sms", tag = "notifications",
    security(("token" = ["notifications:manage"])), request_body = DirectTextBody,
    responses((status = OK, body = Told), (status = CONFLICT, body = ProblemBody,
        content_type = "application/problem+json", description = "`notification_in_progress`, or `event_id_reused`: another event has this id.")))]
async fn send_direct_text(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Json(DirectText(text)): Json<DirectText>,
) -> Result<Json<Told>, Error> {
    tracing::info!(actor = %caller.subject, event_id = %text.event_id, "text message written by staff");
    direct::send(app, text).await.map(Json)
}
