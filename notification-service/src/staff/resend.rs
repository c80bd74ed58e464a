//! Sending a message again, on purpose.
//!
//! It is written down with the old message first, so that nothing is sent again of which it is not known who asked for it.
//! Repeated with the same key, it finds that written down, and goes on to the sending, which happens once. What was itself
//! sent again is written down with the message that was sent first, so that there is one count for all of it.
//!
//! It is written down on each channel on which it is sent, in one transaction which makes sure that it is on no other. So a
//! key stands for one set of channels, also where two requests come at once.

use common::{idempotency::IdempotencyKey, input::Fields, timestamp::Timestamp};
use serde_json::{Value, json};

use super::{
    domain::{Resend, ResendRequest, resent_as},
    store::{self, Kept},
};
use crate::{
    app::App,
    error::Error,
    event::{Channel, EventId},
    notifications::{self, Told, domain::Notification},
};

pub(super) async fn resend(
    app: App,
    event_id: EventId,
    key: &IdempotencyKey,
    request: ResendRequest,
    actor: String,
    now: Timestamp,
) -> Result<Told, Error> {
    let kept = store::of_event(&app.store, event_id).await.map_err(Error::Store)?;
    let is_wanted = |kept: &Kept| request.channel.is_none_or(|channel| channel == kept.view.delivery.channel);
    let kept: Vec<Kept> = kept.into_iter().filter(is_wanted).collect();
    let new = resent_as(event_id, &actor, key);
    let first = first(&app, event_id, &kept).await?;
    let notification = Notification { resend_of: Some(first), ..again(&kept, new)? };
    let resend = Resend { event_id: new, at: now, by: actor, reason: request.reason.as_str().to_owned() };
    write_down(&app, first, &kept, &resend).await?;
    notifications::tell(app, notification).await
}

/// The event that was sent first. Where that is forgotten already, this one.
async fn first(app: &App, event_id: EventId, kept: &[Kept]) -> Result<EventId, Error> {
    let Some(first) = kept.iter().find_map(|kept| kept.view.resend_of) else { return Ok(event_id) };
    let known = store::of_event(&app.store, first).await.map_err(Error::Store)?;
    Ok(if known.is_empty() { event_id } else { first })
}

/// The notification as it was, under its new id, on the channels that are wanted. Each channel has kept its own address. Several
/// are one notification only where they were told the same.
fn again(kept: &[Kept], new: EventId) -> Result<Notification, Error> {
    if kept.is_empty() {
        return Err(Error::NotFound);
    }
    if kept.iter().any(|other| other.view.template != kept[0].view.template) {
        return Err(Error::ToldDifferently);
    }
    // What an earlier release kept may be no request of this one.
    let read = |kept: &Kept| serde_json::from_str::<Value>(kept.request.as_deref()?).ok();
    let requests: Option<Vec<Value>> = kept.iter().map(read).collect();
    let requests = requests.ok_or(Error::ContentNotKept)?;
    if requests.iter().any(|other| said(other) != said(&requests[0])) {
        return Err(Error::ToldDifferently);
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

/// What a request says, and in which language.
fn said(request: &Value) -> [&Value; 2] {
    [&request["data"], &request["recipient"]["locale"]]
}

/// Writes it down with the event that was sent first, on each channel of these messages.
async fn write_down(app: &App, first: EventId, kept: &[Kept], resend: &Resend) -> Result<(), Error> {
    let channels: Vec<Channel> = kept.iter().map(|kept| kept.view.delivery.channel).collect();
    if store::note_resend(&app.store, first, &channels, resend).await.map_err(Error::Store)? {
        let (actor, reason) = (&resend.by, &resend.reason);
        for Kept { view, .. } in kept {
            let (channel, template) = (view.delivery.channel, &view.template);
            tracing::info!(event_id = %first, %channel, template, actor, reason, resent_as = %resend.event_id, "message sent again by staff");
        }
        return Ok(());
    }
    let now_kept = store::of_event(&app.store, first).await.map_err(Error::Store)?;
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
