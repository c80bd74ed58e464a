//! The error of a value that its type does not accept. Types return it; [`super::Fields`] adds the name of the field.

/// Why a value is refused: a stable code for programs, and a message for people that completes "this field ...", such as
/// "must be a UUID".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code, in `snake_case`.
    pub code: &'static str,
    /// The message. It repeats no text of the client, which may be a password, but for entries of a known list, such as the code
    /// of a currency.
    pub message: String,
}

impl Refusal {
    /// Makes a refusal. `message` has no subject.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
