//! Requests that arrive over a queue of SQS, and the dead letters among them.
//!
//! A message is the body of `POST /notifications`, plain or wrapped by a topic of SNS or a bus of `EventBridge`. It is handled like
//! that request, so that an event is sent once whichever way it arrives.
//!
//! | result | the message |
//! | --- | --- |
//! | sent, withheld or suppressed | is deleted |
//! | no provider accepted it, or another request is sending it | is delivered again, when SQS makes it visible |
//! | the same `QUEUE_GIVE_UP_AFTER` times; cannot be read; refused by the provider; its event id was used before | moves to the dead-letter queue, with its `reason` |
//! | the dead-letter queue is not configured or fails | is delivered again, until SQS's own policy moves it, without a reason |

mod dead;

use std::time::{Duration, Instant};

use common::{input::Fields, problem::FieldErrors};
use futures_util::{StreamExt, stream};
use platform::{
    TriggerError,
    queue::{Batch, Message, batch_item_failures, without_bus},
};
use serde_json::Value;

pub(crate) use self::dead::redrive;
use self::dead::{DeadLetterReason, move_to_dead_letters};
use crate::{
    app::App,
    error::Error,
    notifications::{
        self,
        domain::{Notification, State},
    },
    templates::RenderError,
};

/// How many messages are handled concurrently. A batch of SQS has ten by default.
const AT_ONCE: usize = 10;
/// After this time no further message of a batch is begun: the function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(15);

/// Handles a batch and answers which messages SQS must deliver again.
pub(crate) async fn handle_batch(app: &App, batch: Value) -> Result<Value, TriggerError> {
    let batch: Batch = serde_json::from_value(batch)?;
    let until = Instant::now() + BUDGET;
    let working = batch.messages.into_iter().map(|message| async move {
        let is_done = Instant::now() < until && is_done(app, &message).await;
        (!is_done).then_some(message.id)
    });
    let again: Vec<Option<String>> = stream::iter(working).buffer_unordered(AT_ONCE).collect().await;
    Ok(batch_item_failures(again.into_iter().flatten()))
}

/// Whether the message can be deleted from the queue.
async fn is_done(app: &App, message: &Message) -> bool {
    match handle(app, message).await {
        Ok(()) => true,
        Err(NotHandled::Retry(error)) => {
            let (message_id, receives) = (&message.id, message.receives());
            tracing::warn!(message_id, receives, %error, "message not handled");
            false
        }
        Err(NotHandled::DeadLetter(dead)) => move_to_dead_letters(app, message, &dead).await,
    }
}

/// Why a message was not handled.
enum NotHandled {
    /// It can be handled later.
    Retry(Error),
    /// It can never be handled.
    DeadLetter(DeadLetterReason),
}

async fn handle(app: &App, message: &Message) -> Result<(), NotHandled> {
    let content =
        message.content().map(without_bus).map_err(|unread| dead_letter("not_understood", &unread.to_string()))?;
    let notification: Notification =
        Fields::read(content).map_err(|errors| dead_letter("not_understood", &described(&errors)))?;
    let event_id = notification.event_id;
    match notifications::send(app.clone(), notification).await {
        Ok(outcome) => {
            let refused = outcome.channels.iter().filter(|delivery| delivery.state == State::Refused);
            let refused: Vec<String> = refused
                .map(|delivery| {
                    format!("{}: {}", delivery.channel, delivery.last_error.as_deref().unwrap_or("no reason"))
                })
                .collect();
            if refused.is_empty() { Ok(()) } else { Err(dead_letter("refused", &refused.join("; "))) }
        }
        Err(Error::Render(RenderError::Refused(errors))) => Err(dead_letter("not_understood", &described(&errors))),
        Err(error @ Error::EventIdReused(_)) => Err(dead_letter("event_id_reused", &error.to_string())),
        Err(error) if message.receives() >= app.max_receives => {
            tracing::error!(%event_id, message_id = message.id, %error, "message given up: it was received too often");
            Err(dead_letter("given_up", &error.to_string()))
        }
        Err(error) => Err(NotHandled::Retry(error)),
    }
}

fn dead_letter(kind: &'static str, details: &str) -> NotHandled {
    NotHandled::DeadLetter(DeadLetterReason { kind, details: details.to_owned() })
}

/// The refused members with their codes. Values are left out: they may be personal.
fn described(errors: &FieldErrors) -> String {
    // The pointer to the whole message is empty.
    let at = |pointer: &str| if pointer.is_empty() { "the message".to_owned() } else { pointer.to_owned() };
    let errors: Vec<String> = errors.iter().map(|error| format!("{} {}", at(&error.pointer), error.code)).collect();
    errors.join(", ")
}
