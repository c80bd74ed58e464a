//! Resending a message at the request of staff.
//!
//! The resend is recorded with the first message before it is sent, so that every resend names its caller. A request that is
//! repeated with the same key finds the record and goes on to sending, which happens once. A resend of a resend is recorded with
//! the message that was sent first, so that one limit counts them all.
//!
//! The record is written on each channel that is resent, by one transaction that also checks that no other channel has it. So a
//! key stands for one set of channels, also for concurrent requests.

use common::{contact::Channel, idempotency::IdempotencyKey, input::Fields, timestamp::Timestamp};
use serde_json::{Value, json};

use super::{
    domain::{Resend, ResendRequest, resend_event_id},
    store::{self, StoredMessage},
};
use crate::{
    app::App,
    error::Error,
    event::EventId,
    notifications::{self, NotificationOutcome, domain::Notification},
};

pub(super) async fn resend(
    app: App,
    event_id: EventId,
    key: &IdempotencyKey,
    request: ResendRequest,
    actor: String,
    now: Timestamp,
) -> Result<NotificationOutcome, Error> {
    let kept = store::of_event(&app.db, event_id).await.map_err(Error::Store)?;
    let is_wanted = |kept: &StoredMessage| request.channel.is_none_or(|channel| channel == kept.view.delivery.channel);
    let kept: Vec<StoredMessage> = kept.into_iter().filter(is_wanted).collect();
    let new = resend_event_id(event_id, &actor, key);
    let first = first_event(&app, event_id, &kept).await?;
    let notification = Notification { resend_of: Some(first), ..notification_to_resend(&kept, new)? };
    let resend = Resend { event_id: new, at: now, by: actor, reason: request.reason.as_str().to_owned() };
    record_resend(&app, first, &kept, &resend).await?;
    notifications::send(app, notification).await
}

/// The event that was sent first; this one where the first one's record has expired.
async fn first_event(app: &App, event_id: EventId, kept: &[StoredMessage]) -> Result<EventId, Error> {
    let Some(first) = kept.iter().find_map(|kept| kept.view.resend_of) else { return Ok(event_id) };
    let known = store::of_event(&app.db, first).await.map_err(Error::Store)?;
    Ok(if known.is_empty() { event_id } else { first })
}

/// The stored notification under its new id, on the requested channels. Each channel's item has its own address; several channels
/// make one notification only where their messages are the same.
fn notification_to_resend(kept: &[StoredMessage], new: EventId) -> Result<Notification, Error> {
    if kept.is_empty() {
        return Err(Error::NotFound);
    }
    if kept.iter().any(|other| other.view.template != kept[0].view.template) {
        return Err(Error::ChannelsDiffer);
    }
    // A request that an earlier release stored may be unreadable for this one.
    let read = |kept: &StoredMessage| serde_json::from_str::<Value>(kept.request.as_deref()?).ok();
    let requests: Option<Vec<Value>> = kept.iter().map(read).collect();
    let requests = requests.ok_or(Error::ContentNotKept)?;
    if requests.iter().any(|other| content(other) != content(&requests[0])) {
        return Err(Error::ChannelsDiffer);
    }
    let mut whole = requests[0].clone();
    for request in &requests {
        for (name, value) in request["recipient"].as_object().into_iter().flatten() {
            whole["recipient"][name] = value.clone();
        }
    }
    whole["event_id"] = json!(new);
    whole["channels"] = kept.iter().map(|kept| json!(kept.view.delivery.channel)).collect();
    Fields::read(whole).map_err(|_| Error::ContentNotKept)
}

/// The data and the language of a stored request.
fn content(request: &Value) -> [&Value; 2] {
    [&request["data"], &request["recipient"]["locale"]]
}

/// Records the resend with the event that was sent first, on each channel of these messages.
async fn record_resend(app: &App, first: EventId, kept: &[StoredMessage], resend: &Resend) -> Result<(), Error> {
    let channels: Vec<Channel> = kept.iter().map(|kept| kept.view.delivery.channel).collect();
    if store::record_resend(&app.db, first, &channels, resend).await.map_err(Error::Store)? {
        let (actor, reason) = (&resend.by, &resend.reason);
        for StoredMessage { view, .. } in kept {
            let (channel, template) = (view.delivery.channel, &view.template);
            tracing::info!(event_id = %first, %channel, template, actor, reason, resent_as = %resend.event_id, "staff resent a message");
        }
        return Ok(());
    }
    let now_kept = store::of_event(&app.db, first).await.map_err(Error::Store)?;
    let is_there = |channel: &Channel| now_kept.iter().any(|kept| kept.view.delivery.channel == *channel);
    let before = now_kept.iter().filter_map(|kept| {
        let before = kept.view.resends.iter().find(|before| before.event_id == resend.event_id)?;
        Some((kept.view.delivery.channel, before))
    });
    let before: Vec<(Channel, &Resend)> = before.collect();
    let is_same = |(channel, before): &(Channel, &Resend)| {
        channels.contains(channel) && (&before.by, &before.reason) == (&resend.by, &resend.reason)
    };
    match before.len() {
        0 if channels.iter().all(is_there) => Err(Error::TooManyResends),
        0 => Err(Error::NotFound),
        count if count == channels.len() && before.iter().all(is_same) => Ok(()),
        _ => Err(Error::KeyReused),
    }
}
