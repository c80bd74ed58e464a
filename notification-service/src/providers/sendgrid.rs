//! `SendGrid`'s `POST /v3/mail/send`: <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>.
//!
//! It has no idempotency keys: a mail whose answer was lost may have been sent. The event's id is sent along in `custom_args`, which
//! each event of its webhook repeats. Click and open tracking are off: links in our mails may be secrets.

use common::outbound;
use http::StatusCode;
use platform::config::{Env, Secret};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    deadline::Deadline,
    domain::ProviderError,
    outgoing::OutgoingMail,
    wire::{self, Answered},
};
use crate::mailbox::Mailbox;

/// The address for accounts outside of the EU's region; that one has `https://api.eu.sendgrid.com`.
const API: &str = "https://api.sendgrid.com";

/// The client of `SendGrid`, for one sender.
#[derive(Debug)]
pub(super) struct Sendgrid {
    base: String,
    key: Secret,
    from: Mailbox,
}

impl Sendgrid {
    /// Reads `SENDGRID_API_BASE` and `SENDGRID_API_KEY`.
    pub(super) fn configure(env: &mut Env, from: Option<Mailbox>) -> Option<Self> {
        let base = env.url_or("SENDGRID_API_BASE", API);
        let key = env.secret("SENDGRID_API_KEY");
        Some(Self { base: base?, key: key?, from: from? })
    }

    /// Sends the mail and returns its id, as `SendGrid`'s events have it.
    pub(super) async fn send(&self, outgoing: &OutgoingMail<'_>, until: Deadline) -> Result<String, ProviderError> {
        let key = wire::secret(&self.key, until).await?;
        let request = outbound::client().post(format!("{}/v3/mail/send", self.base)).bearer_auth(key);
        let answered = wire::call(request.json(&self.body(outgoing)), until, wire::ANSWER).await?;
        if answered.status.is_success() {
            let id = answered.headers.get("x-message-id").and_then(|id| id.to_str().ok());
            return wire::named(id.map(str::to_owned), "a success without X-Message-Id");
        }
        Err(provider_error(&answered))
    }

    fn body(&self, outgoing: &OutgoingMail<'_>) -> Value {
        let OutgoingMail { to, mail, .. } = outgoing;
        let object = |pairs: Vec<(&'static str, String)>| -> Map<String, Value> {
            pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
        };
        let mut from = json!({"email": self.from.address().as_str()});
        if let Some(name) = self.from.name() {
            from["name"] = json!(name);
        }
        json!({
            "personalizations": [{"to": [{"email": to.as_str()}], "custom_args": object(outgoing.tags().into())}],
            "from": from,
            "subject": mail.subject,
            "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
            "headers": object(outgoing.headers()),
            "tracking_settings": {
                "click_tracking": {"enable": false, "enable_text": false}, "open_tracking": {"enable": false},
                "subscription_tracking": {"enable": false}
            }
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Errors {
    errors: Vec<Complaint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Complaint {
    field: Option<String>,
}

/// Classifies an error. Only the names of fields are kept of its text: they come from our own request.
fn provider_error(answered: &Answered) -> ProviderError {
    let Errors { errors } = serde_json::from_slice(&answered.body).unwrap_or_default();
    let fields: Vec<&str> = errors.iter().filter_map(|error| error.field.as_deref()).filter(is_name).collect();
    let is_recipient =
        |field: &&str| field.starts_with("personalizations.0.to") && field.rsplit('.').next() == Some("email");
    let status = answered.status;
    let why = if fields.is_empty() { status.to_string() } else { format!("{status} ({})", fields.join(", ")) };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderError::Unauthorized(why),
        StatusCode::TOO_MANY_REQUESTS => ProviderError::Busy(why),
        status if status.is_server_error() => ProviderError::Broken(why),
        StatusCode::BAD_REQUEST if !fields.is_empty() && fields.iter().all(is_recipient) => ProviderError::Refused(why),
        _ => ProviderError::Rejected(why),
    }
}

fn is_name(field: &&str) -> bool {
    field.len() <= 64 && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(status: u16, body: &str) -> ProviderError {
        let status = StatusCode::from_u16(status).unwrap();
        provider_error(&Answered { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn each_answer_is_one_trouble_and_none_repeats_what_it_said() {
        let field = |name: &str| {
            format!(r#"{{"errors": [{{"message": "ada@example.com", "field": "{name}", "help": null}}]}}"#)
        };
        let to = field("personalizations.0.to.0.email");
        assert_eq!(read(400, &to), ProviderError::Refused("400 Bad Request (personalizations.0.to.0.email)".into()));
        assert_eq!(read(400, &field("from.email")), ProviderError::Rejected("400 Bad Request (from.email)".into()));
        assert_eq!(read(400, &field("ada@example.com")), ProviderError::Rejected("400 Bad Request".into()));
        assert_eq!(read(400, "<html>"), ProviderError::Rejected("400 Bad Request".into()));
        assert!(matches!(read(413, ""), ProviderError::Rejected(_)));
        assert!(matches!(read(302, ""), ProviderError::Rejected(_)));
        assert!(matches!(read(401, &to), ProviderError::Unauthorized(_)));
        assert!(matches!(read(403, &field("null")), ProviderError::Unauthorized(_)));
        assert!(matches!(read(429, ""), ProviderError::Busy(_)));
        assert!(matches!(read(500, &to), ProviderError::Broken(_)));
        assert!(matches!(read(503, ""), ProviderError::Broken(_)));
    }
}
