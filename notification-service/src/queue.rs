//! The second door: requests that come over a queue of SQS, and what becomes of those that cannot be worked off.
//!
//! A message is the body of `POST /notifications`, as it is, or wrapped by a topic of SNS or a bus of `EventBridge`. It goes
//! the same way as a request, so that both doors know each other's events.
//!
//! | what | then |
//! | --- | --- |
//! | handed over, withheld, suppressed | done |
//! | not handed over, or another request is sending it | comes again, when SQS makes it visible |
//! | that so often that it is given up; not understood; refused by the provider; its event's id was used for something else | into the dead-letter queue with its `reason`, then done |
//! | the dead-letter queue is not configured or does not take it | comes again; SQS's own policy ends that, without a reason |

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
use self::dead::{Dead, bury};
use crate::{
    app::App,
    error::Error,
    notifications::{
        self,
        domain::{Notification, State},
    },
    templates::Unwritable,
};

/// How many messages are worked off at once. A batch of SQS has ten, unless it is told otherwise.
const AT_ONCE: usize = 10;
/// How long messages of one batch are begun: the function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(15);

/// Works off a batch and answers which messages shall come again.
pub(crate) async fn work_off(app: &App, batch: Value) -> Result<Value, TriggerError> {
    let batch: Batch = serde_json::from_value(batch)?;
    let until = Instant::now() + BUDGET;
    let working = batch.messages.into_iter().map(|message| async move {
        let is_done = Instant::now() < until && is_done(app, &message).await;
        (!is_done).then_some(message.id)
    });
    let again: Vec<Option<String>> = stream::iter(working).buffer_unordered(AT_ONCE).collect().await;
    Ok(batch_item_failures(again.into_iter().flatten()))
}

/// Whether the message is done with, one way or another.
async fn is_done(app: &App, message: &Message) -> bool {
    match take(app, message).await {
        Ok(()) => true,
        Err(Untaken::Again(error)) => {
            let (message_id, receives) = (&message.id, message.receives());
            tracing::warn!(message_id, receives, %error, "message comes again");
            false
        }
        Err(Untaken::Dead(dead)) => bury(app, message, &dead).await,
    }
}

/// Why a message is still to be worked off.
enum Untaken {
    Again(Error),
    Dead(Dead),
}

async fn take(app: &App, message: &Message) -> Result<(), Untaken> {
    let content = message.content().map(without_bus).map_err(|unread| dead("not_understood", &unread.to_string()))?;
    let notification: Notification =
        Fields::read(content).map_err(|errors| dead("not_understood", &described(&errors)))?;
    let event_id = notification.event_id;
    match notifications::tell(app.clone(), notification).await {
        Ok(told) => {
            let refused = told.channels.iter().filter(|delivery| delivery.state == State::Refused);
            let refused: Vec<String> = refused
                .map(|delivery| {
                    format!("{}: {}", delivery.channel, delivery.last_error.as_deref().unwrap_or("no reason"))
                })
                .collect();
            if refused.is_empty() { Ok(()) } else { Err(dead("refused", &refused.join("; "))) }
        }
        Err(Error::Unwritable(Unwritable::Refused(errors))) => Err(dead("not_understood", &described(&errors))),
        Err(error @ Error::EventIdReused(_)) => Err(dead("event_id_reused", &error.to_string())),
        Err(error) if message.receives() >= app.give_up_after => {
            tracing::error!(%event_id, message_id = message.id, %error, "message given up: it came too often");
            Err(dead("given_up", &error.to_string()))
        }
        Err(error) => Err(Untaken::Again(error)),
    }
}

fn dead(kind: &'static str, details: &str) -> Untaken {
    Untaken::Dead(Dead { kind, details: details.to_owned() })
}

/// Which members are refused, and why. No values: they are in the message itself.
fn described(errors: &FieldErrors) -> String {
    // The pointer to the whole is empty.
    let at = |pointer: &str| if pointer.is_empty() { "the message".to_owned() } else { pointer.to_owned() };
    let errors: Vec<String> = errors.iter().map(|error| format!("{} {}", at(&error.pointer), error.code)).collect();
    errors.join(", ")
}
