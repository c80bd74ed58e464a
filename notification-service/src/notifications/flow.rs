//! Sending once, on each channel. The channels of a notification go this way side by side, each by itself.
//!
//! 1. The message is written. What cannot be written claims nothing. What the limits rule out whatever was sent before (a
//!    text to a country that gets none, to a number that takes none) ends here, as `withheld` or `refused`. Where that text was all
//!    that was asked for, the mail is sent instead, if the request has an address.
//! 2. **Claim**: one transaction puts the event's item in the state `sending`, with a lease, if there is none; counts it
//!    against the limits; and makes sure that the address is not suppressed. All of it, or nothing. Of many requests at once
//!    DynamoDB lets one through. The others read from the refusal what stands in their way: the answer as it was given
//!    before, or 409 while the lease runs. What waits, or whose lease ran out, is claimed by exchanging the claim that was
//!    seen; it is not counted again. A message beyond a limit becomes `withheld`, one to a suppressed address `suppressed`:
//!    the answer is 200, so that its sender's outbox comes to an end.
//! 3. **Send**: the providers are asked, in their order, within one deadline.
//! 4. **Mark**: the item becomes `sent`, or `refused` or `suppressed` where the provider says so, if the claim is still
//!    ours. What no provider took is given back: it is `waiting`, with the reason, and the answer is 503. It does not wait for
//!    ever: a try that fails `KEEP_TRYING_HOURS` after the first request is the last, and the message is `refused`.
//!
//! An event's id stands for one message to one recipient. What has another template or goes to another address under an id
//! that was used is answered 409 `event_id_reused`, and is sent on no channel: all channels are claimed before the first is
//! sent, and claims are withdrawn where one of them is refused for that reason.
//!
//! | what happens | what is left | what the next request does |
//! | --- | --- | --- |
//! | a crash, or no DynamoDB, before or in 2 | nothing, or a claim without a message | sends (once the lease ran out) |
//! | no provider takes it | `waiting` | sends |
//! | and it cannot be given back | a claim without a message | sends once the lease ran out |
//! | a provider does not say whether it took the text | `waiting`, `unclear` | has the vendor asked for it, and then sends or not |
//! | a crash in 3 or before 4 ended | a claim, and perhaps a message | once the lease ran out: a mail is sent, perhaps a second time; a text is asked for first |
//! | DynamoDB fails in 4 | a claim and a message | this request answers `sent` all the same; where another channel waits, its caller asks again: as after a crash |
//! | all goes well | `sent` | answers `sent` for [`MEMORY`](super::store::MEMORY) |
//!
//! Between the provider's yes and our mark lies the one window in which a mail may be sent twice (a provider that does
//! not answer may have sent, too). It cannot be closed from here: the providers have no keys for idempotency. For mail the
//! choice is between two and none, and a shopper who paid and hears nothing is worse off than one who hears it twice. A text
//! costs money, and its vendor can be asked what it sent. The window is made small as well: nothing stands between the
//! answer and the mark, both are done by a task that goes on when the request is given up, and its limits together are
//! shorter than a request's deadline. What is sent carries the event's id, so that two mails of one event can be told to be
//! that. `docs/operations.md` has the table of what can be sent twice, and when.

use common::{
    contact::{Email, Phone},
    timestamp::Timestamp,
};
use futures_util::future::join_all;
use tracing::Instrument;

use super::{
    domain::{Delivery, Notification, Reason, Record, State},
    store::{Claim, Claimed, Wish},
};
use crate::{
    app::App,
    aws::Failure,
    error::Error,
    event::{Channel, EventKey},
    providers::{Deadline, Handed, OutgoingMail, OutgoingText, Undelivered},
    templates::{self, Mail, Unwritable},
    unsubscribe,
};

/// Sends the event on each of its channels, unless it was sent there; goes on where its caller gives up.
pub(super) async fn send_once(app: App, notification: Notification) -> Result<Vec<Delivery>, Error> {
    let notification = notification.or_by_mail(&app.caps);
    let has_sms = notification.channels.contains(&Channel::Sms);
    let refused = |errors| Error::Unwritable(Unwritable::Refused(errors));
    notification.message.check(&app.shop, has_sms).map_err(refused)?;
    let work = async move {
        let claims = notification.channels.iter().map(|channel| claim(&app, &notification, *channel));
        let begun = join_all(claims).await;
        if let Some(channel) = begun.iter().find_map(reused) {
            join_all(begun.iter().flatten().map(|begun| withdraw(&app, begun))).await;
            return Err(Error::EventIdReused(channel));
        }
        all(join_all(begun.into_iter().map(|begun| finish(&app, &notification, begun))).await)
    };
    tokio::spawn(work.in_current_span()).await.map_err(Error::Stopped)?
}

/// What became of all channels. What failed outweighs what another request is doing.
fn all(ends: Vec<Result<Delivery, Error>>) -> Result<Vec<Delivery>, Error> {
    let mut in_progress = None;
    let mut deliveries = Vec::new();
    for end in ends {
        match end {
            Ok(delivery) => deliveries.push(delivery),
            Err(error @ Error::InProgress(_)) => in_progress = Some(error),
            Err(error) => return Err(error),
        }
    }
    in_progress.map_or(Ok(deliveries), Err)
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

/// A channel before anything is sent.
enum Begun<'a> {
    /// Nothing is left to do.
    Ended(Delivery),
    /// This message is ours to send.
    Ours(Written<'a>, Claim),
}

fn reused(begun: &Result<Begun<'_>, Error>) -> Option<Channel> {
    if let Err(Error::EventIdReused(channel)) = begun { Some(*channel) } else { None }
}

async fn claim<'a>(app: &App, notification: &'a Notification, channel: Channel) -> Result<Begun<'a>, Error> {
    let key = EventKey { event_id: notification.event_id, channel };
    let written = write(app, notification, channel)?;
    let now = Timestamp::now();
    let (wish, never) = wish(app, notification, key, &written, now).await?;
    let claiming = async {
        match never {
            None => app.store.claim(&wish, now).await,
            Some(reason) => app.store.never(&wish, reason, now).await,
        }
    };
    // A claim may take several calls, and has one limit for all of them.
    let late = |_| Err(Failure::Unavailable("no answer in time".into()));
    let claimed = tokio::time::timeout(app.limits.claim, claiming).await.unwrap_or_else(late);
    match claimed.map_err(Error::Store)? {
        Claimed::Ended(record) => Ok(Begun::Ended(ended(notification, &record))),
        Claimed::Theirs(left) => Err(Error::InProgress(left)),
        Claimed::Reused => Err(Error::EventIdReused(channel)),
        Claimed::Ours(claim) => Ok(Begun::Ours(written, claim)),
    }
}

async fn withdraw(app: &App, begun: &Begun<'_>) {
    let Begun::Ours(_, claim) = begun else { return };
    let EventKey { event_id, channel } = claim.key();
    if let Err(failure) = app.store.withdraw(claim).await {
        tracing::warn!(%event_id, %channel, error = %failure, "the claim stays until its lease runs out");
    }
}

async fn finish(app: &App, notification: &Notification, begun: Result<Begun<'_>, Error>) -> Result<Delivery, Error> {
    match begun? {
        Begun::Ended(delivery) => Ok(delivery),
        Begun::Ours(written, claim) => deliver(app, notification, &written, &claim).await,
    }
}

/// What is wanted of the table, and why it is never sent, where a limit rules it out from the start.
async fn wish(
    app: &App,
    notification: &Notification,
    key: EventKey,
    written: &Written<'_>,
    now: Timestamp,
) -> Result<(Wish, Option<Reason>), Error> {
    let template = notification.message.template();
    // Before anything is claimed: the key may have to be fetched.
    let (recipient, counts) = match written {
        Written::Mail(email, _) => {
            let recipient = app.fingerprints.recipient(email).await.map_err(Error::Secret)?;
            (recipient, Ok(app.caps.of_mail(template, recipient, now).into_iter().collect()))
        }
        Written::Text(phone, _) => {
            let recipient = app.fingerprints.phone(phone).await.map_err(Error::Secret)?;
            (recipient, app.caps.of_text(phone, recipient, now))
        }
    };
    let never = counts.as_ref().err().copied();
    let key_id = app.fingerprints.key_id().await.map_err(Error::Secret)?;
    let (counts, request) = (counts.unwrap_or_default(), notification.kept(key.channel));
    let resend_of = notification.resend_of;
    Ok((Wish { key, template, recipient, key_id, resend_of, counts, request }, never))
}

fn ended(notification: &Notification, record: &Record) -> Delivery {
    let EventKey { event_id, channel } = record.key;
    let template = notification.message.template().as_str();
    if record.state != State::Sent {
        let reason = record.last_error.as_deref().unwrap_or_default();
        tracing::warn!(%event_id, %channel, template, state = %record.state, reason, "message is not sent");
    }
    record.delivery()
}

/// A delivery of this claim.
fn delivery(claim: &Claim, state: State) -> Delivery {
    Delivery {
        channel: claim.key().channel,
        state,
        provider: None,
        provider_message_id: None,
        attempts: claim.attempts(),
        created_at: claim.created_at(),
        sent_at: None,
        last_error: None,
        last_event: None,
    }
}

async fn deliver(
    app: &App,
    notification: &Notification,
    written: &Written<'_>,
    claim: &Claim,
) -> Result<Delivery, Error> {
    // Whoever answers requests may be stopped between any two steps and woken much later.
    if !claim.covers(Timestamp::now(), app.limits.send) {
        give_back(app, notification, claim, &Error::TooLate).await;
        return Err(Error::TooLate);
    }
    match hand_over(app, notification, written, claim).await {
        Ok(handed) => Ok(sent(app, notification, claim, handed).await),
        Err(Undelivered::Refused { provider, reason }) => {
            let end =
                Delivery { provider: Some(provider), last_error: Some(reason), ..delivery(claim, State::Refused) };
            Ok(not_taken(app, notification, claim, end).await)
        }
        Err(Undelivered::Suppressed { provider }) => {
            let reason = Some("the provider does not send to this address".to_owned());
            let end = Delivery { provider: Some(provider), last_error: reason, ..delivery(claim, State::Suppressed) };
            Ok(not_taken(app, notification, claim, end).await)
        }
        Err(undelivered @ (Undelivered::Retryable { .. } | Undelivered::Unclear(_))) => {
            let error = Error::Undelivered(undelivered);
            if claim.is_overdue(Timestamp::now(), app.keep_trying) {
                let reason =
                    Some(format!("given up, {} h after it was asked for: {error}", app.keep_trying.as_secs() / 3_600));
                let end = Delivery { last_error: reason, ..delivery(claim, State::Refused) };
                return Ok(not_taken(app, notification, claim, end).await);
            }
            give_back(app, notification, claim, &error).await;
            Err(error)
        }
    }
}

async fn hand_over(
    app: &App,
    notification: &Notification,
    written: &Written<'_>,
    claim: &Claim,
) -> Result<Handed, Undelivered> {
    let (event_id, template) = (notification.event_id, notification.message.template().as_str());
    let deadline = Deadline::within(app.limits.send, claim.until());
    match written {
        Written::Mail(to, mail) => {
            let unsubscribe = unsubscribe_link(app, notification, to).await?;
            let outgoing = OutgoingMail { event_id, template, to, mail, unsubscribe: unsubscribe.as_deref() };
            app.providers.send_mail(&outgoing, deadline).await
        }
        Written::Text(to, text) => {
            let outgoing = OutgoingText { event_id, template, to, text, asked_before: claim.unclear() };
            app.providers.send_text(&outgoing, deadline).await
        }
    }
}

/// Where the reader of a mail that is not transactional unsubscribes from such mails.
async fn unsubscribe_link(app: &App, notification: &Notification, to: &Email) -> Result<Option<String>, Undelivered> {
    if notification.message.template().is_transactional() {
        return Ok(None);
    }
    let link = async {
        let recipient = app.fingerprints.recipient(to).await?;
        unsubscribe::link(&app.fingerprints, &app.public_url, Channel::Email, recipient).await
    };
    link.await.map(Some).map_err(|error| Undelivered::Retryable { reason: error.to_string() })
}

/// Where the mark fails the answer is the same: a caller that asked again would send a second time.
async fn sent(app: &App, notification: &Notification, claim: &Claim, handed: Handed) -> Delivery {
    let (EventKey { event_id, channel }, template) = (claim.key(), notification.message.template().as_str());
    let (now, Handed { provider, id }) = (Timestamp::now(), &handed);
    match app.store.mark_sent(claim, &handed, now).await {
        Ok(true) => tracing::info!(%event_id, %channel, template, %provider, provider_message_id = id, "message sent"),
        Ok(false) => {
            tracing::warn!(%event_id, %channel, template, "message sent after its lease; another request may have, too");
        }
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, error = %failure, "message sent, and not marked as sent");
        }
    }
    let (provider, provider_message_id) = (Some(handed.provider), Some(handed.id));
    Delivery { provider, provider_message_id, sent_at: Some(now), ..delivery(claim, State::Sent) }
}

/// Where the mark fails the answer is the same: the provider would refuse it again.
async fn not_taken(app: &App, notification: &Notification, claim: &Claim, end: Delivery) -> Delivery {
    let (EventKey { event_id, channel }, template) = (claim.key(), notification.message.template().as_str());
    let (state, reason) = (end.state, end.last_error.as_deref().unwrap_or_default());
    let provider = end.provider.map(tracing::field::display);
    tracing::warn!(%event_id, %channel, template, %state, provider, reason, "message is not sent");
    match app.store.mark_ended(claim, state, end.provider, reason).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%event_id, %channel, template, %state, "message ended after its lease"),
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, %state, error = %failure, "end of a message not marked");
        }
    }
    end
}

async fn give_back(app: &App, notification: &Notification, claim: &Claim, error: &Error) {
    let (EventKey { event_id, channel }, template) = (claim.key(), notification.message.template().as_str());
    let (attempts, reason) = (claim.attempts(), error.to_string());
    tracing::warn!(%event_id, %channel, template, attempts, reason, "message waits: it was not handed over");
    let unclear = match error {
        Error::Undelivered(Undelivered::Unclear(unclear)) => Some(*unclear),
        // It was not tried at all.
        Error::TooLate => claim.unclear(),
        // The vendor was asked, and has nothing.
        _ => None,
    };
    if let Err(failure) = app.store.give_back(claim, &reason, unclear).await {
        tracing::warn!(%event_id, %channel, error = %failure, "the claim stays until its lease runs out");
    }
}
