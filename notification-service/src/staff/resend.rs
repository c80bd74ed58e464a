//! Sending a message again, on purpose.
//!
//! It is written down with the old message first, so that nothing is sent again of which it is not known who asked for it.
//! Repeated with the same key, it finds that written down, and goes on to the sending, which happens once.

use common::{idempotency::IdempotencyKey, input::Fields, timestamp::Timestamp};
use serde_json::{Value, json};

use super::{
    domain::{Resend, ResendRequest, resent_as},
    store::{self, Kept},
};
use crate::{
    App,
    error::Error,
    notifications::{
        self, Told,
        domain::{EventId, EventKey, Notification},
    },
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
    let is_wanted = |key: EventKey| request.channel.is_none_or(|channel| channel == key.channel);
    let kept: Vec<(EventKey, Kept)> = kept.into_iter().filter(|(key, _)| is_wanted(*key)).collect();
    let new = resent_as(event_id, &actor, key);
    let notification = again(&kept, new)?;
    let resend = Resend { event_id: new, at: now, by: actor, reason: request.reason.as_str().to_owned() };
    for (key, kept) in &kept {
        write_down(&app, *key, kept, &resend).await?;
    }
    notifications::tell(app, notification).await
}

/// The notification as it was, under its new id, on the channels that are wanted.
fn again(kept: &[(EventKey, Kept)], new: EventId) -> Result<Notification, Error> {
    let (_, first) = kept.first().ok_or(Error::NotFound)?;
    if kept.iter().any(|(_, kept)| kept.request.is_none()) {
        return Err(Error::ContentNotKept);
    }
    let request = first.request.as_deref().unwrap_or_default();
    // What an earlier release kept may be no request of this one.
    let mut request: Value = serde_json::from_str(request).map_err(|_| Error::ContentNotKept)?;
    request["event_id"] = json!(new);
    request["channels"] = kept.iter().map(|(key, _)| json!(key.channel)).collect();
    Fields::read(request).map_err(|_| Error::ContentNotKept)
}

async fn write_down(app: &App, key: EventKey, kept: &Kept, resend: &Resend) -> Result<(), Error> {
    if store::note_resend(&app.store, key, resend).await.map_err(Error::Store)? {
        let EventKey { event_id, channel } = key;
        let (actor, reason, template) = (&resend.by, &resend.reason, &kept.view.template);
        tracing::info!(%event_id, %channel, template, actor, reason, resent_as = %resend.event_id, "message sent again by staff");
        return Ok(());
    }
    let now_kept = store::of_event(&app.store, key.event_id).await.map_err(Error::Store)?;
    let view = now_kept.into_iter().find(|(found, _)| *found == key).map(|(_, kept)| kept.view).ok_or(Error::NotFound)?;
    let before = view.resends.iter().find(|before| before.event_id == resend.event_id);
    match before {
        Some(before) if (&before.by, &before.reason) == (&resend.by, &resend.reason) => Ok(()),
        Some(_) => Err(Error::KeyReused),
        None => Err(Error::TooManyResends),
    }
}
