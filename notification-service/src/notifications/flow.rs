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

use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use tracing::Instrument;

use super::{
    domain::{EventId, Notification, Status},
    store::{Claim, Claimed},
};
use crate::{
    App,
    error::Error,
    providers::Outgoing,
    templates::{self, Mail},
};

/// Sends the event's mail unless it was sent.
pub(super) async fn send_once(app: App, notification: Notification) -> Result<Status, Error> {
    let work = async move { attempt(&app, &notification).await };
    tokio::spawn(work.in_current_span()).await.map_err(Error::Stopped)?
}

async fn attempt(app: &App, notification: &Notification) -> Result<Status, Error> {
    let mail = templates::write(notification, &app.shop).map_err(Error::Unwritable)?;
    let (event_id, template) = (notification.event_id, notification.message.template());
    // Before anything is claimed: it may have to be fetched.
    let recipient = if template.is_about_an_order() {
        Some(app.fingerprints.recipient(&notification.recipient.email).await.map_err(Error::Secret)?)
    } else {
        None
    };
    let claimed = app.store.claim(event_id, template, Timestamp::now()).await.map_err(Error::Store)?;
    match claimed {
        Claimed::Sent => Ok(Status::AlreadySent),
        Claimed::Theirs(left) => Err(Error::InProgress(left)),
        Claimed::Withheld => Ok(Status::Withheld),
        Claimed::Ours(claim) => match is_within_limit(app, event_id, recipient).await {
            Ok(true) => deliver(app, notification, &mail, &claim).await,
            Ok(false) => Ok(withhold(app, &claim, template.as_str()).await),
            Err(error) => {
                give_back(app, &claim).await;
                Err(error)
            }
        },
    }
}

/// Whether the recipient may have one more mail on this day. Mail that is not about orders is not counted.
async fn is_within_limit(app: &App, event_id: EventId, recipient: Option<Fingerprint>) -> Result<bool, Error> {
    let Some(recipient) = recipient else { return Ok(true) };
    app.store.count(recipient, event_id, app.daily_limit, Timestamp::now()).await.map_err(Error::Store)
}

/// Where the mark fails the answer is the same: the count would refuse the event again.
async fn withhold(app: &App, claim: &Claim, template: &str) -> Status {
    let event_id = claim.event_id();
    tracing::warn!(%event_id, template, "mail withheld: the recipient has had the day's limit of mails about orders");
    match app.store.mark_withheld(claim).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%event_id, template, "mail withheld after its lease"),
        Err(failure) => tracing::error!(%event_id, template, error = %failure, "mail withheld, and not marked as such"),
    }
    Status::Withheld
}

async fn deliver(app: &App, notification: &Notification, mail: &Mail, claim: &Claim) -> Result<Status, Error> {
    let (event_id, template) = (notification.event_id, notification.message.template().as_str());
    let sending = async {
        // Whoever answers requests may be stopped between any two steps and woken much later.
        if !claim.covers(Timestamp::now(), app.limits.mail) {
            return Err(Error::TooLate);
        }
        let outgoing = Outgoing { event_id, template, to: &notification.recipient.email, mail };
        app.provider.send(&outgoing).await.map_err(Error::Mail)
    };
    let message = match sending.await {
        Ok(message) => message,
        Err(error) => {
            give_back(app, claim).await;
            return Err(error);
        }
    };
    match app.store.mark_sent(claim, &message, Timestamp::now()).await {
        Ok(true) => tracing::info!(%event_id, template, provider_message_id = message, "mail sent"),
        Ok(false) => tracing::warn!(%event_id, template, "mail sent after its lease; another request may have, too"),
        Err(failure) => tracing::error!(%event_id, template, error = %failure, "mail sent, and not marked as sent"),
    }
    Ok(Status::Sent)
}

async fn give_back(app: &App, claim: &Claim) {
    if let Err(failure) = app.store.give_back(claim).await {
        tracing::warn!(event_id = %claim.event_id(), error = %failure, "the claim stays until its lease runs out");
    }
}
