//! Why a value is refused. Knows nothing of requests: types return it, and [`super::Fields`] reports it.

/// Why a value is refused: a stable code for programs, and a message for people that completes "this field ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code, in `snake_case`.
    pub code: &'static str,
    /// The message. It never repeats the value, which may be a password.
    pub message: String,
}

impl Refusal {
    /// A refusal with its code and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
