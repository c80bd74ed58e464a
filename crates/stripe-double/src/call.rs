//! The record of a call.

use serde::Serialize;
use serde_json::Value;

/// A call with its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// `POST`, ...
    pub method: String,
    /// `/v1/payment_intents`, ...
    pub path: String,
    /// The idempotency key.
    pub idempotency_key: Option<String>,
    /// The parameters, nested.
    pub params: Value,
    /// The status; 0 where no answer was sent.
    pub status: u16,
    /// Whether it changed the state: a decline does; replays, refused calls and reads do not.
    pub effect: bool,
}
