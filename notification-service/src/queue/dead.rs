//! Dead letters: put away with their reason, and brought back by an operator.

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

/// The attribute of a dead letter that says why it is one.
pub(crate) const REASON: &str = "reason";
/// The most characters of a reason.
const LONGEST: usize = 1_000;
/// How long dead letters are brought back in one call: the function's own limit is 30 s.
const BUDGET: Duration = Duration::from_secs(20);

/// Why a message will not be worked off.
pub(super) struct Dead {
    /// For programs: `not_understood`, `refused`, `event_id_reused` or `given_up`.
    pub(super) kind: &'static str,
    /// For people. May name members of the message, and is not logged.
    pub(super) details: String,
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.details)
    }
}

/// Puts a message into the dead-letter queue. False where that could not be done: it comes again.
pub(super) async fn bury(app: &App, message: &Message, dead: &Dead) -> bool {
    let (message_id, kind) = (&message.id, dead.kind);
    let Some(queue) = &app.queues.dead_letters else {
        tracing::error!(message_id, kind, "message comes again: no dead-letter queue is configured to take it");
        return false;
    };
    let reason: String = dead.to_string().chars().take(LONGEST).collect();
    match queue.send(&message.body, &[(REASON, &reason), ("message_id", message_id)]).await {
        Ok(()) => {
            tracing::error!(message_id, kind, "message moved to the dead-letter queue");
            metrics::count(Metric::DeadLetters);
            true
        }
        Err(failure) => {
            tracing::error!(message_id, kind, error = %failure, "message comes again: the dead-letter queue failed");
            false
        }
    }
}

/// Moves the dead letters that are there now back to their queue. One that dies again meanwhile is newer, and is left.
/// A crash half way may leave a message in both queues, which does no harm: its event is told once.
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
            bring_back(main, dead, &letter.body, &letter.receipt).await?;
            moved += 1;
        }
    }
    Ok(json!({ "moved": moved, "is_done": false }))
}

async fn bring_back(main: &Queue, dead: &Queue, body: &str, receipt: &str) -> Result<(), TriggerError> {
    main.send(body, &[]).await?;
    dead.delete(receipt).await?;
    Ok(())
}
