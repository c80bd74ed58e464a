//! Routes for staff: listing and resending messages, and writing to a shopper.

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
    domain::{Cursor, Day, MessageQuery, MessageView, ResendRequest},
    store::Filter,
};
use crate::{app::App, error::Error, event::EventId, notifications::NotificationOutcome};

const LIST: List<Cursor> = List::new("/admin/notifications");

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
    /// Id of the event.
    event_id: EventId,
    /// One for each channel on which it was requested.
    #[schema(max_items = 2)]
    messages: Vec<MessageView>,
}

/// List messages
///
/// Messages of one day of UTC, newest first, with channel, template and state. Addresses and contents are not included.
#[utoipa::path(get, path = "/admin/notifications", tag = "notifications", params(MessageQuery),
    security(("token" = ["notifications:manage"])), responses((status = OK, body = Page<MessageView>,
        example = json!({"items": [], "next_cursor": null}))))]
async fn list_messages(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Query(query): Query<MessageQuery>,
) -> Result<Json<Page<MessageView>>, Error> {
    let (limit, cursor) = LIST.read(&PageQuery::new(query.limit, query.cursor))?;
    // A list of today stays on its day when its next page is read after midnight.
    let day = query.day.or(cursor.as_ref().map(|cursor| cursor.day)).unwrap_or_else(|| Day::of(Timestamp::now()));
    if cursor.as_ref().is_some_and(|cursor| cursor.day != day) {
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
    let listed = store::list(&app.db, filter, limit, cursor.map(|cursor| cursor.after)).await.map_err(Error::Store)?;
    let next = listed.next.map(|after| Cursor { day, after });
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
    let kept = store::of_event(&app.db, event_id).await.map_err(Error::Store)?;
    if kept.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Json(EventMessages { event_id, messages: kept.into_iter().map(|kept| kept.view).collect() }))
}

/// Resend the messages of an event
///
/// They are sent as another event, whose id is derived from this one's and the idempotency key: once for each key, however often
/// the request is repeated. The message that was sent first records who resent it, when and why; resends of resends are
/// recorded there, too. Limits and suppressions apply.
#[utoipa::path(post, path = "/admin/notifications/{event_id}/resend", tag = "notifications",
    params(("event_id" = EventId, Path), IdempotencyKey), security(("token" = ["notifications:manage"])),
    request_body = ResendRequest, responses((status = OK, body = NotificationOutcome),
        (status = NOT_FOUND, description = "`not_found`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`content_not_kept`: the content is not stored, because it contained a secret, is too old or too large; \
                `told_differently`: the messages of its channels differ, and `channel` is absent; `too_many_resends`: the limit of \
                resends is reached; or `notification_in_progress`: repeat the request after `Retry-After`.")))]
async fn resend_messages(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Path(event_id): Path<String>,
    key: IdempotencyKey,
    Json(request): Json<ResendRequest>,
) -> Result<Json<NotificationOutcome>, Error> {
    let event_id: EventId = event_id.parse().map_err(|_| Error::NotFound)?;
    let actor = caller.subject.to_string();
    resend::resend(app, event_id, &key, request, actor, Timestamp::now()).await.map(Json)
}

/// Write a mail to a shopper
///
/// Sent once for each event id. Limits and suppressions apply.
#[utoipa::path(post, path = "/admin/notifications/email", tag = "notifications",
    security(("token" = ["notifications:manage"])), request_body = DirectMailBody,
    responses((status = OK, body = NotificationOutcome), (status = CONFLICT, body = ProblemBody,
        content_type = "application/problem+json", description = "`notification_in_progress`, or `event_id_reused`: the id was used with another recipient or template.")))]
async fn send_direct_mail(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Json(DirectMail(mail)): Json<DirectMail>,
) -> Result<Json<NotificationOutcome>, Error> {
    tracing::info!(actor = %caller.subject, event_id = %mail.event_id, "mail written by staff");
    direct::send(app, mail).await.map(Json)
}

/// Write a text message to a shopper
///
/// Sent once for each event id. Limits and suppressions apply.
#[utoipa::path(post, path = "/admin/notifications/sms", tag = "notifications",
    security(("token" = ["notifications:manage"])), request_body = DirectTextBody,
    responses((status = OK, body = NotificationOutcome), (status = CONFLICT, body = ProblemBody,
        content_type = "application/problem+json", description = "`notification_in_progress`, or `event_id_reused`: the id was used with another recipient or template.")))]
async fn send_direct_text(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Json(DirectText(text)): Json<DirectText>,
) -> Result<Json<NotificationOutcome>, Error> {
    tracing::info!(actor = %caller.subject, event_id = %text.event_id, "text message written by staff");
    direct::send(app, text).await.map(Json)
}
