//! A queue as SQS is one: messages come at least once, hidden while they are worked off, and again where that failed.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;

/// How long a message is hidden from others after it was received.
const VISIBILITY: Duration = Duration::from_secs(6);
/// How far behind its first copy the second one of a message stands at most.
const NEARBY: usize = 30;

/// A copy of a message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    id: String,
    body: String,
    receives: u32,
    visible_at: Instant,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    hidden: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<State>);

/// What there is to do.
pub(crate) enum Next {
    Batch(Vec<Message>),
    /// All that is left is hidden.
    Wait,
    Empty,
}

impl Queue {
    /// Holds these messages, so many of a hundred of them twice. Returns how many that were.
    pub(crate) fn of(bodies: Vec<String>, percent_twice: u8, dice: &mut fastrand::Rng) -> (Self, usize) {
        let mut waiting = VecDeque::new();
        let mut twice = 0;
        for body in bodies {
            let message = Message { id: Uuid::new_v4().to_string(), body, receives: 0, visible_at: Instant::now() };
            if dice.u8(0..100) < percent_twice {
                twice += 1;
                let at = waiting.len().saturating_sub(dice.usize(0..NEARBY));
                waiting.insert(at, message.clone());
            }
            waiting.push_back(message);
        }
        (Self(Mutex::new(State { waiting, hidden: 0 })), twice)
    }

    pub(crate) fn receive(&self, most: usize) -> Next {
        let mut state = self.0.lock().unwrap();
        let now = Instant::now();
        let mut batch = Vec::new();
        let mut later = VecDeque::new();
        while batch.len() < most {
            let Some(mut message) = state.waiting.pop_front() else { break };
            if message.visible_at > now {
                later.push_back(message);
                continue;
            }
            message.receives += 1;
            message.visible_at = now + VISIBILITY;
            batch.push(message);
        }
        later.append(&mut state.waiting);
        state.waiting = later;
        state.hidden += batch.len();
        match (batch.is_empty(), state.waiting.is_empty() && state.hidden == 0) {
            (false, _) => Next::Batch(batch),
            (true, false) => Next::Wait,
            (true, true) => Next::Empty,
        }
    }

    /// Takes the batch off the queue, but for these.
    pub(crate) fn done(&self, batch: Vec<Message>, but: &[&str]) {
        let mut state = self.0.lock().unwrap();
        state.hidden -= batch.len();
        state.waiting.extend(batch.into_iter().filter(|message| but.contains(&message.id.as_str())));
    }

    /// All of it comes again.
    pub(crate) fn lost(&self, batch: Vec<Message>) {
        let mut state = self.0.lock().unwrap();
        state.hidden -= batch.len();
        state.waiting.extend(batch);
    }

    pub(crate) fn left(&self) -> usize {
        let state = self.0.lock().unwrap();
        state.waiting.len() + state.hidden
    }
}

/// The batch as Lambda hands it over.
pub(crate) fn event(batch: &[Message]) -> Value {
    let records = batch.iter().map(|message| {
        json!({
            "messageId": message.id, "receiptHandle": "-", "body": message.body, "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": message.receives.to_string()}
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The events of a batch, as far as they can be read.
pub(crate) fn event_ids(batch: &[Message]) -> impl Iterator<Item = String> {
    batch.iter().filter_map(|message| {
        let body: Value = serde_json::from_str(&message.body).ok()?;
        body["event_id"].as_str().map(str::to_owned)
    })
}
