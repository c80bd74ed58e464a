//! Why a call failed, and whether it may have had its effect nevertheless.

use common::problem::Problem;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::payment_intents::intent::PaymentIntent;

/// A failure of a call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StripeError {
    /// 402: the card was declined.
    #[error("declined: {}", .0.decline_code.as_ref().unwrap_or(&.0.code))]
    Declined(Box<Decline>),
    /// 400: a parameter or the state of the object does not allow the call.
    #[error(
        "refused: {} ({})",
        .0.code.as_deref().unwrap_or("invalid_request"),
        .0.param.as_deref().unwrap_or("no parameter")
    )]
    Invalid(Box<Invalid>),
    /// 404, or a parameter names an object that does not exist.
    #[error("the object does not exist")]
    NotFound,
    /// 409, or 429 with `lock_timeout`: another call uses the idempotency key or the object.
    #[error("another call uses the idempotency key or the object")]
    Busy,
    /// The key was used with other parameters: a bug of the caller.
    #[error("the idempotency key was used with other parameters")]
    KeyReused(String),
    /// 429, or 400 with `rate_limit`: too many calls.
    #[error("too many calls")]
    RateLimited,
    /// 401 or 403: the secret key is invalid, or does not allow the call.
    #[error("the secret key was refused: {0}")]
    Unauthorized(String),
    /// No answer in time, a broken connection, a 5xx, or a body that is not JSON: the call may have had its effect.
    #[error("no clear answer: {0}")]
    Unknown(String),
    /// Stripe answered with an object that cannot be read here: the call had its effect, and repeating it does not
    /// help.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
}

/// A declined card.
#[derive(Debug, Clone)]
pub struct Decline {
    /// Stripe's error code, such as `card_declined`.
    pub code: String,
    /// The issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// Stripe's message for the shopper.
    pub message: String,
    /// The PaymentIntent as it is now.
    pub payment_intent: Option<PaymentIntent>,
}

/// A refused request.
#[derive(Debug, Clone)]
pub struct Invalid {
    /// Stripe's error code, such as `payment_intent_unexpected_state`.
    pub code: Option<String>,
    /// The refused parameter.
    pub param: Option<String>,
    /// Stripe's message for developers; it holds no secrets.
    pub message: String,
    /// The PaymentIntent as it is now.
    pub payment_intent: Option<PaymentIntent>,
}

#[derive(Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    #[serde(default)]
    message: String,
    param: Option<String>,
    payment_intent: Option<Value>,
}

impl StripeError {
    /// Whether the call may have had its effect, or have it yet.
    pub fn may_have_had_effect(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Busy | Self::Unreadable(_))
    }

    /// Whether the cause is temporary. The call may have had its effect: repeat it with the same key, or read the
    /// object.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Busy | Self::RateLimited | Self::Unreadable(_) => true,
            Self::Declined(_) | Self::Invalid(_) | Self::NotFound | Self::KeyReused(_) | Self::Unauthorized(_) => false,
        }
    }

    /// Reads the failure from an answer's status and body.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let Ok(Envelope { error }) = serde_json::from_slice(body) else {
            return Self::Unknown(format!("{status} without a Stripe error in the body"));
        };
        if status.is_server_error() {
            return Self::Unknown(format!("{status} ({})", error.kind));
        }
        let Body { kind, code, decline_code, message, param, payment_intent } = error;
        let payment_intent = payment_intent.and_then(|intent| serde_json::from_value(intent).ok());
        match (status.as_u16(), kind.as_str()) {
            (401 | 403, _) => Self::Unauthorized(format!("{status} ({kind})")),
            (409, _) => Self::Busy,
            _ if code.as_deref() == Some("lock_timeout") => Self::Busy,
            (429, _) => Self::RateLimited,
            _ if code.as_deref() == Some("rate_limit") => Self::RateLimited,
            // A parameter that names an unknown object is a 400.
            (404, _) => Self::NotFound,
            _ if code.as_deref() == Some("resource_missing") => Self::NotFound,
            (_, "idempotency_error") => Self::KeyReused(message),
            (402, _) | (_, "card_error") => {
                let code = code.unwrap_or_else(|| "card_declined".to_owned());
                Self::Declined(Box::new(Decline { code, decline_code, message, payment_intent }))
            }
            _ => Self::Invalid(Box::new(Invalid { code, param, message, payment_intent })),
        }
    }
}

/// Temporary failures are 503, all others 500: services handle what a client can act on, such as a declined card,
/// before this.
impl From<StripeError> for Problem {
    fn from(error: StripeError) -> Self {
        if error.is_transient() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> StripeError {
        StripeError::read(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn each_answer_is_one_failure() {
        let declined = r#"{"error": {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds."}}"#;
        let StripeError::Declined(decline) = read(402, declined) else { panic!("not a decline") };
        assert_eq!(
            (decline.code.as_str(), decline.decline_code.as_deref()),
            ("card_declined", Some("insufficient_funds"))
        );
        let invalid = r#"{"error": {"type": "invalid_request_error", "code": "amount_too_small", "param": "amount"}}"#;
        assert!(matches!(read(400, invalid), StripeError::Invalid(i) if i.code.as_deref() == Some("amount_too_small")));
        let error = |kind: &str| format!(r#"{{"error": {{"type": "{kind}"}}}}"#);
        assert!(matches!(read(404, &error("invalid_request_error")), StripeError::NotFound));
        let missing =
            r#"{"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}}"#;
        assert!(matches!(read(400, missing), StripeError::NotFound));
        assert!(matches!(read(409, &error("idempotency_error")), StripeError::Busy));
        assert!(matches!(read(400, &error("idempotency_error")), StripeError::KeyReused(_)));
        assert!(matches!(read(429, &error("invalid_request_error")), StripeError::RateLimited));
        let coded = |code: &str| format!(r#"{{"error": {{"type": "invalid_request_error", "code": "{code}"}}}}"#);
        assert!(matches!(read(429, &coded("lock_timeout")), StripeError::Busy));
        assert!(matches!(read(429, &coded("rate_limit")), StripeError::RateLimited));
        assert!(matches!(read(400, &coded("rate_limit")), StripeError::RateLimited));
        assert!(matches!(read(401, &error("invalid_request_error")), StripeError::Unauthorized(_)));
        assert!(matches!(read(500, &error("api_error")), StripeError::Unknown(_)));
        assert!(matches!(read(502, "<html>"), StripeError::Unknown(_)));
        assert!(matches!(read(400, "<html>"), StripeError::Unknown(_)), "not Stripe's own answer");
    }
}
