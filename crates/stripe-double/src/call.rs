//! What is written down of a call.

use serde::Serialize;
use serde_json::Value;

/// One call as it came in and what it was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// `POST`, ...
    pub method: String,
    /// `/v1/payment_intents`, ...
    pub path: String,
    /// Its key.
    pub idempotency_key: Option<String>,
    /// Its parameters, nested.
    pub params: Value,
    /// The status; 0 where no answer was sent.
    pub status: u16,
    /// Whether it changed anything: a decline does, replays, refusals and reads do not.
    pub effect: bool,
}
