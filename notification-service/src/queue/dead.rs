//! Dead letters: moved to a queue of their own with a reason, and back by an operator.

use std::{
    fmt,
    time::{Duration, Instant},
};

use common::timestamp::Timestamp;
use platform::{
    TriggerError,
    metrics::{self, Metric},
    queue::Message,
};
use serde_json::{Value, json};

use crate::{app::App, sqs::Queue};

/// The attribute of a dead letter that has its reason.
pub(crate) const REASON: &str = "reason";
/// The most characters of a reason.
const MAX_REASON: usize = 1_000;
/// After this time one call moves no further dead letters: the function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(20);

/// Why a message can never be handled.
pub(super) struct DeadLetterReason {
    /// For programs: `not_understood`, `refused`, `event_id_reused` or `given_up`.
    pub(super) kind: &'static str,
    /// For operators. It may name members of the message, and is not logged.
    pub(super) details: String,
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.details)
    }
}

/// Moves a message to the dead-letter queue; `false` when that failed, so that SQS delivers it again.
pub(super) async fn move_to_dead_letters(app: &App, message: &Message, dead: &DeadLetterReason) -> bool {
    let (message_id, kind) = (&message.id, dead.kind);
    let Some(queue) = &app.queues.dead_letters else {
        tracing::error!(message_id, kind, "message not moved to the dead-letter queue: none is configured");
        return false;
    };
    let reason: String = dead.to_string().chars().take(MAX_REASON).collect();
    match queue.send(&message.body, &[(REASON, &reason), ("message_id", message_id)]).await {
        Ok(()) => {
            tracing::error!(message_id, kind, "message moved to the dead-letter queue");
            metrics::count(Metric::DeadLetters);
            true
        }
        Err(failure) => {
            tracing::error!(message_id, kind, error = %failure, "message not moved to the dead-letter queue: sending failed");
            false
        }
    }
}

/// Moves the present dead letters back to their queue; those that arrive meanwhile stay. A crash half way may leave a message in
/// both queues, which is harmless: its event is sent once.
pub(crate) async fn redrive(app: &App) -> Result<Value, TriggerError> {
    let missing = "set NOTIFICATION_QUEUE_URL and NOTIFICATION_DEAD_LETTER_QUEUE_URL";
    let (Some(main), Some(dead)) = (&app.queues.main, &app.queues.dead_letters) else { return Err(missing.into()) };
    let (start, until) = (Timestamp::now(), Instant::now() + BUDGET);
    let mut moved = 0_u64;
    while Instant::now() < until {
        let received = dead.receive().await?;
        let older: Vec<_> = received.into_iter().filter(|letter| letter.sent_at <= start).collect();
        if older.is_empty() {
            return Ok(json!({ "moved": moved, "is_done": true }));
        }
        for letter in older {
            redrive_message(main, dead, &letter.body, &letter.receipt).await?;
            moved += 1;
        }
    }
    Ok(json!({ "moved": moved, "is_done": false }))
}

async fn redrive_message(main: &Queue, dead: &Queue, body: &str, receipt: &str) -> Result<(), TriggerError> {
    main.send(body, &[]).await?;
    dead.delete(receipt).await?;
    Ok(())
}
