//! Sending once.
//!
//! 1. The mail is written. What cannot be written claims nothing.
//! 2. **Claim**: one conditional write puts the event's item in the state `sending`, with a lease, if there is none or if
//!    its lease ran out. Of many requests at once DynamoDB lets one through. The others read from the refusal what stands
//!    in their way: 202 `already_sent`, or 409 while the lease runs.
//! 3. **Count**, where the mail is about an order: its address was typed by whoever ordered, and is counted under a keyed
//!    hash. A mail beyond the day's limit is not sent: the item becomes `withheld`, and the answer is 200, so that its
//!    sender's outbox comes to an end. An event is counted once, however often it is tried.
//! 4. **Send**, once: to the provider a second call is a second mail.
//! 5. **Mark**: the item becomes `sent`, if the claim is still ours.
//!
//! | what happens | what is left | what the next request does |
//! | --- | --- | --- |
//! | a crash, or no DynamoDB, before or in 2 | nothing, or a claim without a mail | sends (once the lease ran out) |
//! | DynamoDB fails in 3 | the claim is given back; perhaps the event is counted | sends; it is not counted again that day |
//! | the provider refuses, is busy, or does not answer | the claim is given back | sends |
//! | and the claim cannot be given back | a claim without a mail | sends once the lease ran out |
//! | a crash in 4 or before 5 ended | a claim, and perhaps a mail | sends once the lease ran out: perhaps a second mail |
//! | DynamoDB fails in 5 | a claim and a mail | this request answers `sent` all the same: its caller won't ask again |
//! | all goes well | `sent` | answers `already_sent` for [`MEMORY`](super::store::MEMORY) |
//!
//! Between the provider's yes and our mark lies the one window in which a mail may be sent twice (a provider that does
//! not answer may have sent, too). It cannot be closed from here: SES has no keys for idempotency. The choice is between
//! two mails and none, and a shopper who paid and hears nothing is worse off than one who hears it twice. The window is
//! made small instead: nothing stands between the answer and the mark, both are done by a task that goes on when the
//! request is given up, and its limits together are shorter than a request's deadline. What is sent carries the event's
//! id, so that two mails of one event can be told to be that.

use std::time::Instant;

use common::{
    contact::{Email, Phone},
    timestamp::Timestamp,
};
use futures_util::future::join_all;
use platform::fingerprint::Fingerprint;
use tracing::Instrument;

use super::{
    domain::{Channel, EventKey, Notification, State},
    store::{Claim, Claimed},
};
use crate::{
    App,
    error::Error,
    providers::{Handed, OutgoingMail, OutgoingText, Undelivered},
    templates::{self, Mail},
};

/// Sends the event on each of its channels, unless it was sent there.
pub(super) async fn send_once(app: App, notification: Notification) -> Result<Vec<(Channel, State)>, Error> {
    let work = async move {
        let attempts = notification.channels.iter().map(|channel| attempt(&app, &notification, *channel));
        let ends = join_all(attempts).await.into_iter().zip(&notification.channels);
        // What can be asked for again outweighs what another request is doing.
        let mut in_progress = None;
        let mut states = Vec::new();
        for (end, channel) in ends {
            match end {
                Ok(state) => states.push((*channel, state)),
                Err(error @ Error::InProgress(_)) => in_progress = Some(error),
                Err(error) => return Err(error),
            }
        }
        in_progress.map_or(Ok(states), Err)
    };
    tokio::spawn(work.in_current_span()).await.map_err(Error::Stopped)?
}

/// What is sent on a channel, written.
enum Written<'a> {
    Mail(&'a Email, Mail),
    Text(&'a Phone, String),
}

fn write<'a>(app: &App, notification: &'a Notification, channel: Channel) -> Result<Written<'a>, Error> {
    let Notification { recipient, message, .. } = notification;
    let written = match channel {
        Channel::Email => {
            let mail = templates::mail(message, &app.shop, &recipient.locale).map_err(Error::Unwritable)?;
            recipient.email.as_ref().map(|email| Written::Mail(email, mail))
        }
        Channel::Sms => {
            let text = templates::text(message, &app.shop, &recipient.locale).map_err(Error::Unwritable)?;
            recipient.phone.as_ref().zip(text).map(|(phone, text)| Written::Text(phone, text))
        }
    };
    // What was read has an address for each channel, and a text where one is asked for.
    written.ok_or(Error::Unaddressed)
}

async fn attempt(app: &App, notification: &Notification, channel: Channel) -> Result<State, Error> {
    let written = write(app, notification, channel)?;
    let template = notification.message.template();
    let key = EventKey { event_id: notification.event_id, channel };
    // Before anything is claimed: it may have to be fetched.
    let recipient = match &written {
        Written::Mail(email, _) if template.is_about_an_order() => {
            Some(app.fingerprints.recipient(email).await.map_err(Error::Secret)?)
        }
        _ => None,
    };
    let claimed = app.store.claim(key, template, Timestamp::now()).await.map_err(Error::Store)?;
    match claimed {
        Claimed::Ended(state) => Ok(state),
        Claimed::Theirs(left) => Err(Error::InProgress(left)),
        Claimed::Ours(claim) => match is_within_limit(app, key, recipient).await {
            Ok(true) => deliver(app, notification, &written, &claim).await,
            Ok(false) => Ok(withhold(app, &claim, template.as_str()).await),
            Err(error) => {
                give_back(app, &claim).await;
                Err(error)
            }
        },
    }
}

/// Whether the recipient may have one more mail on this day. Mail that is not about orders is not counted.
async fn is_within_limit(app: &App, key: EventKey, recipient: Option<Fingerprint>) -> Result<bool, Error> {
    let Some(recipient) = recipient else { return Ok(true) };
    app.store.count(recipient, key.event_id, app.daily_limit, Timestamp::now()).await.map_err(Error::Store)
}

/// Where the mark fails the answer is the same: the count would refuse the event again.
async fn withhold(app: &App, claim: &Claim, template: &str) -> State {
    let event_id = claim.key().event_id;
    tracing::warn!(%event_id, template, "mail withheld: the recipient has had the day's limit of mails about orders");
    end(app, claim, template, State::Withheld).await
}

/// Notes a state that nothing follows.
async fn end(app: &App, claim: &Claim, template: &str, state: State) -> State {
    let EventKey { event_id, channel } = claim.key();
    match app.store.mark(claim, state).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%event_id, %channel, template, %state, "ended after its lease"),
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, %state, error = %failure, "ended, and not marked as such");
        }
    }
    state
}

async fn deliver(app: &App, notification: &Notification, written: &Written<'_>, claim: &Claim) -> Result<State, Error> {
    let (event_id, template) = (notification.event_id, notification.message.template().as_str());
    let channel = claim.key().channel;
    // Whoever answers requests may be stopped between any two steps and woken much later.
    if !claim.covers(Timestamp::now(), app.limits.mail) {
        give_back(app, claim).await;
        return Err(Error::TooLate);
    }
    let Handed { provider, id } = match hand_over(app, notification, written).await {
        Ok(handed) => handed,
        Err(Undelivered::Refused { provider, reason }) => {
            tracing::warn!(%event_id, %channel, template, %provider, reason, "refused by the provider");
            return Ok(end(app, claim, template, State::Refused).await);
        }
        Err(Undelivered::Suppressed { provider }) => {
            tracing::warn!(%event_id, %channel, template, %provider, "the provider does not send to this address");
            return Ok(end(app, claim, template, State::Suppressed).await);
        }
        Err(undelivered @ (Undelivered::Retryable { .. } | Undelivered::Unclear(_))) => {
            give_back(app, claim).await;
            return Err(Error::Undelivered(undelivered));
        }
    };
    match app.store.mark_sent(claim, provider, &id, Timestamp::now()).await {
        Ok(true) => tracing::info!(%event_id, %channel, template, %provider, provider_message_id = id, "message sent"),
        Ok(false) => {
            tracing::warn!(%event_id, %channel, template, "message sent after its lease; another request may have, too");
        }
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, error = %failure, "message sent, and not marked as sent");
        }
    }
    Ok(State::Sent)
}

async fn hand_over(app: &App, notification: &Notification, written: &Written<'_>) -> Result<Handed, Undelivered> {
    let (event_id, template) = (notification.event_id, notification.message.template().as_str());
    let deadline = Instant::now() + app.limits.mail;
    match written {
        Written::Mail(to, mail) => {
            let outgoing = OutgoingMail { event_id, template, to, mail, unsubscribe: None };
            app.providers.send_mail(&outgoing, deadline).await
        }
        Written::Text(to, text) => {
            let outgoing = OutgoingText { event_id, template, to, text, asked_before: None };
            app.providers.send_text(&outgoing, deadline).await
        }
    }
}

async fn give_back(app: &App, claim: &Claim) {
    if let Err(failure) = app.store.give_back(claim).await {
        let EventKey { event_id, channel } = claim.key();
        tracing::warn!(%event_id, %channel, error = %failure, "the claim stays until its lease runs out");
    }
}
