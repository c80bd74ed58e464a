//! Sends each message once on each channel. The channels of a notification take these steps concurrently.
//!
//! 1. **Render** the message. A message that cannot be rendered acquires no lease. A text to a number or country that the shop
//!    never sends to ends here as `refused` or `withheld`; where `sms` was the only channel and the request has an e-mail
//!    address, the mail is sent as well.
//! 2. **Acquire the lease**: one transaction inserts the event's item in the state `sending` with a lease, counts it against the
//!    limits, and checks that the address is not suppressed. It succeeds for one of several concurrent requests; the failed
//!    condition tells the others the earlier result, or that the lease is held (409). A
//!    message that waits, or whose lease expired, is leased by replacing the lease id that was read; it is not counted again. A
//!    message beyond a limit becomes `withheld`, one to a suppressed address `suppressed`: the answer is 200, so that the
//!    caller's outbox does not repeat it.
//! 3. **Send**: the providers are tried in their order, within one deadline.
//! 4. **Record** the result: `sent`, or `refused` or `suppressed` where the provider says so, if the lease is still held. When no
//!    provider accepted the message, the lease is released: the item is `waiting`, with the reason, and the answer is 503. An
//!    attempt that fails `KEEP_TRYING_HOURS` after the first request is the last, and the message becomes `refused`.
//!
//! An event's id stands for one message to one recipient. A request with another template or address under a used id is
//! answered 409 `event_id_reused` and sent on no channel: the leases of all channels are acquired before the first message is
//! sent, and are cancelled when one of them is refused for that reason.
//!
//! | what happens | what is left | what the next request does |
//! | --- | --- | --- |
//! | a crash, or DynamoDB unavailable, before or in 2 | nothing, or a lease without a message | sends (after the lease expired) |
//! | no provider accepts it | `waiting` | sends |
//! | no provider accepts it, and the lease cannot be released | a lease without a message | sends after the lease expired |
//! | a provider does not say whether it accepted the text | `waiting`, `unclear` | asks the vendor for it, and then sends or not |
//! | a crash in 3 or before 4 ended | a lease, and perhaps a message | after the lease expired: a mail is sent, perhaps a second time; a text is looked up first |
//! | DynamoDB fails in 4 | a lease and a message | this request answers `sent`; where another channel waits, its caller repeats the request: as after a crash |
//! | the message is sent and recorded | `sent` | answers `sent` for [`MEMORY`](super::store::MEMORY) |
//!
//! A mail can be sent twice if the process stops between the provider's acceptance and the record, or if the provider accepted
//! it without answering. This cannot be prevented here: the providers have no idempotency keys. For mail a duplicate is
//! preferred to a loss: a shopper who paid must get the confirmation. A text costs money, and its vendor can be asked what it
//! sent. The window is small: nothing happens between the answer and the record, both are made by a task that continues when the
//! request is cancelled, and its time limits together are below a request's deadline. Each message carries the event's id, so
//! that two mails of one event can be recognised. `docs/operations.md` has the table of what can be sent twice, and when.

use common::{
    contact::{Channel, Email, Phone},
    timestamp::Timestamp,
};
use futures_util::future::join_all;
use tracing::Instrument;

use super::{
    domain::{Delivery, Notification, Reason, Record, State},
    store::{Lease, LeaseOutcome, OutboundMessage},
};
use crate::{
    app::App,
    aws::Failure,
    error::Error,
    event::EventKey,
    providers::{Accepted, Deadline, OutgoingMail, OutgoingText, SendError},
    templates::{self, Mail, RenderError},
    unsubscribe,
};

/// Sends the event on each of its channels, unless it was sent there. Continues when the caller's request is cancelled.
pub(super) async fn send_once(app: App, notification: Notification) -> Result<Vec<Delivery>, Error> {
    let notification = notification.with_mail_fallback(&app.caps);
    let has_sms = notification.channels.contains(&Channel::Sms);
    let refused = |errors| Error::Render(RenderError::Refused(errors));
    notification.message.check(&app.shop, has_sms).map_err(refused)?;
    let work = async move {
        let leasing = notification.channels.iter().map(|channel| acquire_lease(&app, &notification, *channel));
        let attempts = join_all(leasing).await;
        if let Some(channel) = attempts.iter().find_map(reused) {
            join_all(attempts.iter().flatten().map(|attempt| cancel_lease(&app, attempt))).await;
            return Err(Error::EventIdReused(channel));
        }
        collect_deliveries(join_all(attempts.into_iter().map(|attempt| finish(&app, &notification, attempt))).await)
    };
    tokio::spawn(work.in_current_span()).await.map_err(Error::TaskStopped)?
}

/// All deliveries, or the first error; that another request is in progress only where no channel failed otherwise.
fn collect_deliveries(ends: Vec<Result<Delivery, Error>>) -> Result<Vec<Delivery>, Error> {
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

/// A rendered message, with its address.
enum Rendered<'a> {
    Mail(&'a Email, Mail),
    Text(&'a Phone, String),
}

fn render<'a>(app: &App, notification: &'a Notification, channel: Channel) -> Result<Rendered<'a>, Error> {
    let Notification { recipient, message, .. } = notification;
    let rendered = match channel {
        Channel::Email => {
            let mail = templates::mail(message, &app.shop, &recipient.locale).map_err(Error::Render)?;
            recipient.email.as_ref().map(|email| Rendered::Mail(email, mail))
        }
        Channel::Sms => {
            let text = templates::text(message, &app.shop, &recipient.locale).map_err(Error::Render)?;
            recipient.phone.as_ref().zip(text).map(|(phone, text)| Rendered::Text(phone, text))
        }
    };
    // Validation guarantees an address for each channel, and a template with a text for `sms`.
    rendered.ok_or(Error::AddressMissing)
}

/// An attempt to send on a channel, before anything is sent.
enum Attempt<'a> {
    /// The message has its final state.
    Ended(Delivery),
    /// This request may send the message.
    Leased(Rendered<'a>, Lease),
}

fn reused(attempt: &Result<Attempt<'_>, Error>) -> Option<Channel> {
    if let Err(Error::EventIdReused(channel)) = attempt { Some(*channel) } else { None }
}

async fn acquire_lease<'a>(app: &App, notification: &'a Notification, channel: Channel) -> Result<Attempt<'a>, Error> {
    let key = EventKey { event_id: notification.event_id, channel };
    let rendered = render(app, notification, channel)?;
    let now = Timestamp::now();
    let (outbound, barred_by) = outbound(app, notification, key, &rendered, now).await?;
    let acquiring = async {
        match barred_by {
            None => app.db.acquire_lease(&outbound, now).await,
            Some(reason) => app.db.record_not_sent(&outbound, reason, now).await,
        }
    };
    // Acquiring a lease may take several calls, which have one time limit together.
    let late = |_| Err(Failure::Unavailable("no answer in time".into()));
    let outcome = tokio::time::timeout(app.limits.acquire_lease, acquiring).await.unwrap_or_else(late);
    match outcome.map_err(Error::Store)? {
        LeaseOutcome::Ended(record) => Ok(Attempt::Ended(ended(notification, &record))),
        LeaseOutcome::Held(left) => Err(Error::InProgress(left)),
        LeaseOutcome::EventIdReused => Err(Error::EventIdReused(channel)),
        LeaseOutcome::Acquired(lease) => Ok(Attempt::Leased(rendered, lease)),
    }
}

async fn cancel_lease(app: &App, attempt: &Attempt<'_>) {
    let Attempt::Leased(_, lease) = attempt else { return };
    let EventKey { event_id, channel } = lease.key();
    if let Err(failure) = app.db.cancel_lease(lease).await {
        tracing::warn!(%event_id, %channel, error = %failure, "lease not cancelled: the message can be sent after it expires");
    }
}

async fn finish(
    app: &App,
    notification: &Notification,
    attempt: Result<Attempt<'_>, Error>,
) -> Result<Delivery, Error> {
    match attempt? {
        Attempt::Ended(delivery) => Ok(delivery),
        Attempt::Leased(rendered, lease) => deliver(app, notification, &rendered, &lease).await,
    }
}

/// What acquiring the lease needs, and the reason why the message is never sent, where a limit excludes it at once.
async fn outbound(
    app: &App,
    notification: &Notification,
    key: EventKey,
    rendered: &Rendered<'_>,
    now: Timestamp,
) -> Result<(OutboundMessage, Option<Reason>), Error> {
    let template = notification.message.template();
    // Before the lease: the key may have to be fetched.
    let (recipient, counts) = match rendered {
        Rendered::Mail(email, _) => {
            let recipient = app.fingerprints.recipient(email).await.map_err(Error::Secret)?;
            (recipient, Ok(app.caps.of_mail(template, recipient, now).into_iter().collect()))
        }
        Rendered::Text(phone, _) => {
            let recipient = app.fingerprints.phone(phone).await.map_err(Error::Secret)?;
            (recipient, app.caps.of_text(phone, recipient, now))
        }
    };
    let barred_by = counts.as_ref().err().copied();
    let key_id = app.fingerprints.key_id().await.map_err(Error::Secret)?;
    let (counts, request) = (counts.unwrap_or_default(), notification.resendable(key.channel));
    let resend_of = notification.resend_of;
    Ok((OutboundMessage { key, template, recipient, key_id, resend_of, counts, request }, barred_by))
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

/// A result of the attempt that has this lease.
fn delivery(lease: &Lease, state: State) -> Delivery {
    Delivery {
        channel: lease.key().channel,
        state,
        provider: None,
        provider_message_id: None,
        attempts: lease.attempts(),
        created_at: lease.created_at(),
        sent_at: None,
        last_error: None,
        last_event: None,
    }
}

async fn deliver(
    app: &App,
    notification: &Notification,
    rendered: &Rendered<'_>,
    lease: &Lease,
) -> Result<Delivery, Error> {
    // A function may be frozen between any two steps and continue much later.
    if !lease.covers(Timestamp::now(), app.limits.send) {
        release_lease(app, notification, lease, &Error::LeaseExpired).await;
        return Err(Error::LeaseExpired);
    }
    match send_to_provider(app, notification, rendered, lease).await {
        Ok(accepted) => Ok(sent(app, notification, lease, accepted).await),
        Err(SendError::Refused { provider, reason }) => {
            let end =
                Delivery { provider: Some(provider), last_error: Some(reason), ..delivery(lease, State::Refused) };
            Ok(not_taken(app, notification, lease, end).await)
        }
        Err(SendError::Suppressed { provider }) => {
            let reason = Some("the provider does not send to this address".to_owned());
            let end = Delivery { provider: Some(provider), last_error: reason, ..delivery(lease, State::Suppressed) };
            Ok(not_taken(app, notification, lease, end).await)
        }
        Err(send_error @ (SendError::Retryable { .. } | SendError::Unclear(_))) => {
            let error = Error::Send(send_error);
            if lease.is_overdue(Timestamp::now(), app.keep_trying) {
                let reason =
                    Some(format!("given up, {} h after it was asked for: {error}", app.keep_trying.as_secs() / 3_600));
                let end = Delivery { last_error: reason, ..delivery(lease, State::Refused) };
                return Ok(not_taken(app, notification, lease, end).await);
            }
            release_lease(app, notification, lease, &error).await;
            Err(error)
        }
    }
}

async fn send_to_provider(
    app: &App,
    notification: &Notification,
    rendered: &Rendered<'_>,
    lease: &Lease,
) -> Result<Accepted, SendError> {
    let (event_id, template) = (notification.event_id, notification.message.template().as_str());
    let deadline = Deadline::within(app.limits.send, lease.until());
    match rendered {
        Rendered::Mail(to, mail) => {
            let unsubscribe = unsubscribe_link(app, notification, to).await?;
            let outgoing = OutgoingMail { event_id, template, to, mail, unsubscribe: unsubscribe.as_deref() };
            app.providers.send_mail(&outgoing, deadline).await
        }
        Rendered::Text(to, text) => {
            let outgoing = OutgoingText { event_id, template, to, text, asked_before: lease.unclear() };
            app.providers.send_text(&outgoing, deadline).await
        }
    }
}

/// The link in mails that are not transactional, by which the recipient unsubscribes from them.
async fn unsubscribe_link(app: &App, notification: &Notification, to: &Email) -> Result<Option<String>, SendError> {
    if notification.message.template().is_transactional() {
        return Ok(None);
    }
    let link = async {
        let recipient = app.fingerprints.recipient(to).await?;
        unsubscribe::link(&app.fingerprints, &app.public_url, Channel::Email, recipient).await
    };
    link.await.map(Some).map_err(|error| SendError::Retryable { reason: error.to_string() })
}

/// Records a sent message. The answer is the same when that fails: a repeated request would send a second time.
async fn sent(app: &App, notification: &Notification, lease: &Lease, accepted: Accepted) -> Delivery {
    let (EventKey { event_id, channel }, template) = (lease.key(), notification.message.template().as_str());
    let (now, Accepted { provider, id }) = (Timestamp::now(), &accepted);
    match app.db.mark_sent(lease, &accepted, now).await {
        Ok(true) => tracing::info!(%event_id, %channel, template, %provider, provider_message_id = id, "message sent"),
        Ok(false) => {
            tracing::warn!(%event_id, %channel, template, "message sent after its lease; another request may have sent it, too");
        }
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, error = %failure, "message sent, and not marked as sent");
        }
    }
    let (provider, provider_message_id) = (Some(accepted.provider), Some(accepted.id));
    Delivery { provider, provider_message_id, sent_at: Some(now), ..delivery(lease, State::Sent) }
}

/// Records a message that will not be sent. The answer is the same when that fails: the provider would refuse it again.
async fn not_taken(app: &App, notification: &Notification, lease: &Lease, end: Delivery) -> Delivery {
    let (EventKey { event_id, channel }, template) = (lease.key(), notification.message.template().as_str());
    let (state, reason) = (end.state, end.last_error.as_deref().unwrap_or_default());
    let provider = end.provider.map(tracing::field::display);
    tracing::warn!(%event_id, %channel, template, %state, provider, reason, "message is not sent");
    match app.db.mark_ended(lease, state, end.provider, reason).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%event_id, %channel, template, %state, "message ended after its lease"),
        Err(failure) => {
            tracing::error!(%event_id, %channel, template, %state, error = %failure, "final state of a message not recorded");
        }
    }
    end
}

async fn release_lease(app: &App, notification: &Notification, lease: &Lease, error: &Error) {
    let (EventKey { event_id, channel }, template) = (lease.key(), notification.message.template().as_str());
    let (attempts, reason) = (lease.attempts(), error.to_string());
    tracing::warn!(%event_id, %channel, template, attempts, reason, "message waits: it is not known to be accepted");
    let unclear = match error {
        Error::Send(SendError::Unclear(unclear)) => Some(*unclear),
        // No provider was asked.
        Error::LeaseExpired => lease.unclear(),
        // The vendor was asked, and has no such message.
        _ => None,
    };
    if let Err(failure) = app.db.release_lease(lease, &reason, unclear).await {
        tracing::warn!(%event_id, %channel, error = %failure, "lease not released: the message can be sent after it expires");
    }
}
