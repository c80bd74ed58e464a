//! Errors as Stripe words them: <https://docs.stripe.com/api/errors>.

use serde_json::{Map, Value, json};

/// An error that is answered.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Whether the endpoint had begun to execute, so that the answer is saved under the idempotency key.
    pub(crate) is_saved: bool,
    /// What the header `Stripe-Should-Retry` says.
    pub(crate) should_retry: Option<bool>,
    error: Map<String, Value>,
}

impl Refusal {
    fn new(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = Map::new();
        error.insert("type".into(), json!(kind));
        error.insert("message".into(), json!(message));
        if let Some(code) = code {
            let page = code.replace('_', "-");
            error.insert("code".into(), json!(code));
            error.insert("doc_url".into(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        Self { status, is_saved: true, should_retry: None, error }
    }

    /// Of a call that never began to execute.
    pub(crate) fn unsaved(self) -> Self {
        Self { is_saved: false, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.error.insert(name.into(), value);
        self
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.error })
    }

    /// What is inside of the body, as `last_payment_error` repeats it.
    pub(crate) fn error(&self) -> Value {
        Value::Object(self.error.clone())
    }

    /// 400 that the endpoint itself answers.
    pub(crate) fn invalid(code: Option<&str>, param: Option<&str>, message: impl Into<String>) -> Self {
        let refusal = Self::new(400, "invalid_request_error", code, &message.into());
        match param {
            Some(param) => refusal.with("param", json!(param)),
            None => refusal,
        }
    }

    pub(crate) fn missing(name: &str) -> Self {
        let message = format!("Missing required param: {name}.");
        Self::invalid(Some("parameter_missing"), Some(name), message).unsaved()
    }

    pub(crate) fn unknown_parameter(name: &str) -> Self {
        let message = format!("Received unknown parameter: {name}");
        Self::invalid(Some("parameter_unknown"), Some(name), message).unsaved()
    }

    pub(crate) fn empty(name: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however \
             '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        );
        Self::invalid(Some("parameter_invalid_empty"), Some(name), message).unsaved()
    }

    pub(crate) fn invalid_integer(name: &str, text: &str) -> Self {
        let message = format!("Invalid integer: {text}");
        Self::invalid(Some("parameter_invalid_integer"), Some(name), message).unsaved()
    }

    pub(crate) fn out_of_range(name: &str, message: &str) -> Self {
        Self::invalid(Some("parameter_invalid_integer"), Some(name), message).unsaved()
    }

    pub(crate) fn invalid_parameter(name: &str, message: String) -> Self {
        Self::invalid(None, Some(name), message).unsaved()
    }

    /// Parameters that exclude each other.
    pub(crate) fn only_one_of(names: &str) -> Self {
        let message = format!("You may only specify one of these parameters: {names}.");
        Self::invalid(None, None, message).unsaved()
    }

    /// 404 for an object in the path; 400 for one that a parameter names.
    pub(crate) fn no_such(kind: &str, id: &str, param: Option<&str>) -> Self {
        let (word, in_path) = match kind {
            "payment_method" => ("PaymentMethod", "id"),
            "setup_intent" => ("setupintent", "intent"),
            "payment_intent" => ("payment_intent", "intent"),
            "balance_transaction" => ("balance transaction", "id"),
            other => (other, "id"),
        };
        let message = format!("No such {word}: '{id}'");
        let refusal = Self::invalid(Some("resource_missing"), Some(param.unwrap_or(in_path)), message);
        if param.is_some() { refusal } else { Self { status: 404, ..refusal } }
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self::new(404, "invalid_request_error", None, &message).unsaved()
    }

    pub(crate) fn not_a_form() -> Self {
        let message = "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you \
                       have any questions, we can help at https://support.stripe.com/.";
        Self::new(400, "invalid_request_error", None, message).unsaved()
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, "invalid_request_error", None, "The request is too large.").unsaved()
    }

    pub(crate) fn unknown_version(version: &str) -> Self {
        let message = format!("Invalid Stripe API version: {version}");
        Self::new(400, "invalid_request_error", None, &message).unsaved()
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", None, message).unsaved()
    }

    pub(crate) fn rate_limited() -> Self {
        let message =
            "Request rate limit exceeded. Learn more about rate limits at https://stripe.com/docs/rate-limits.";
        Self::new(429, "invalid_request_error", Some("rate_limit"), message).unsaved()
    }

    /// What an injected refusal answers.
    pub(crate) fn injected(status: u16, code: Option<&str>, should_retry: Option<bool>) -> Self {
        let kind = match status {
            402 => "card_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        let message = match code {
            Some("lock_timeout") => {
                "This object cannot be accessed right now because another API request or Stripe process is currently \
                 accessing it. If you see this error intermittently, retry the request. If you see this error frequently \
                 and are making multiple concurrent requests to a single object, make your requests serially or at a \
                 lower rate."
            }
            Some("rate_limit") => {
                "Request rate limit exceeded. Learn more about rate limits at https://stripe.com/docs/rate-limits."
            }
            _ => "This request was refused on purpose.",
        };
        Self { should_retry, ..Self::new(status, kind, code, message) }.unsaved()
    }

    pub(crate) fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted \
             twice, and the other request is still going through): {key}. Please try again later."
        );
        Self::new(409, "invalid_request_error", Some("idempotency_key_in_use"), &message).unsaved()
    }

    pub(crate) fn key_of_other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using \
             a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, &message).unsaved()
    }

    pub(crate) fn key_of_another_endpoint(key: &str, first: &str, now: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{now}' vs \
             '{first}'). Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, &message).unsaved()
    }

    pub(crate) fn key_of_wrong_length() -> Self {
        let message = "The idempotency key must be between 1 and 255 characters long.";
        Self::new(400, "invalid_request_error", None, message).unsaved()
    }

    /// 402: the issuer said no.
    pub(crate) fn card(code: &str, decline_code: Option<&str>, message: &str) -> Self {
        let refusal = Self::new(402, "card_error", Some(code), message);
        match decline_code {
            Some(decline_code) => refusal.with("decline_code", json!(decline_code)),
            None => refusal,
        }
    }

    /// What an injected failure answers; saved, as Stripe saves it.
    pub(crate) fn broken(status: u16) -> Self {
        let message = "Sorry! There was an error while talking to one of our backends. Support has been notified.";
        Self::new(status, "api_error", None, message)
    }
}
