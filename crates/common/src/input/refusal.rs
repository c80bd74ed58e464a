//! Why a value is refused. Knows nothing of requests: the words of the wire refuse by it, and [`super::Fields`] reports it.

/// Why a value is refused: a stable code for programs, and for people a sentence that completes "this field ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// Never repeats the value: it may be a password.
    pub message: String,
}

impl Refusal {
    /// A refusal with its code and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
