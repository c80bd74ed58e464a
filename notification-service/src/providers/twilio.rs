//! Twilio's Messages: <https://www.twilio.com/docs/messaging/api/message-resource>.
//!
//! It has no idempotency keys. Whether a message whose answer was lost was accepted is read from the list of messages to that
//! number, newest first. The list's own filter by date is not used: it compares `date_sent`, which is null while a message is
//! queued, so such a message would be missing. The date of creation is compared here.

mod words;

use std::time::Duration;

use common::{contact::Phone, outbound, timestamp::Timestamp};
use http::StatusCode;
use platform::config::{Env, Secret};
use reqwest::RequestBuilder;
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use self::words::{Account, Key, Service, TextFrom};
use super::{
    deadline::Deadline,
    domain::{ProviderError, Unclear},
    outgoing::OutgoingText,
    wire::{self, Answered},
};

const API: &str = "https://api.twilio.com";
/// Messages on a page of the list.
const PAGE_SIZE: &str = "50";
/// The most pages that are read: a number gets fewer messages in a minute.
const MAX_PAGES: usize = 4;
/// "Attempt to send to unsubscribed recipient": the recipient sent STOP.
const UNSUBSCRIBED: u32 = 21610;
/// The codes of errors by which Twilio refuses the recipient's number. Those about our number, our account or the text (21401,
/// 21606, 21608, 21617, ...) are not among them: they are fixed in the settings, and the message is tried again.
/// <https://www.twilio.com/docs/api/errors>
const NOT_REACHABLE: [u32; 9] = [
    // No phone number; does not look like one.
    21211, 21217, // A short code; the number that it comes from; a premium number.
    21265, 21266, 21268, // A country that the account does not send to.
    21408, // Not reachable from ours.
    21612, // No mobile number; a landline.
    21614, 21635,
];

/// The client of Twilio, for one account and sender.
#[derive(Debug)]
pub(super) struct Twilio {
    base: String,
    account: Account,
    login: Login,
    sender: TextSender,
    /// The address to which Twilio posts delivery reports; `None` where no public address is configured.
    callback: Option<String>,
}

#[derive(Debug)]
enum Login {
    /// The account's token.
    Token(Secret),
    /// An API key of the account, which can be revoked alone.
    Key { sid: Key, secret: Secret },
}

#[derive(Debug)]
enum TextSender {
    /// A number, or a name of at most eleven letters.
    From(String),
    /// A pool of senders.
    Service(Service),
}

impl Twilio {
    /// Reads `TWILIO_API_BASE`, `TWILIO_ACCOUNT_SID`, `TWILIO_API_KEY_SID` and `TWILIO_API_KEY_SECRET`, or else
    /// `TWILIO_AUTH_TOKEN`, `TWILIO_MESSAGING_SERVICE_SID`, or else `TWILIO_FROM`, and `PUBLIC_URL`, or else
    /// `ISSUER`.
    pub(super) fn configure(env: &mut Env) -> Option<Self> {
        let base = env.url_or("TWILIO_API_BASE", API);
        let account = env.parsed::<Account>("TWILIO_ACCOUNT_SID");
        let login = if env.optional("TWILIO_API_KEY_SID").is_some() {
            let (sid, secret) = (env.parsed("TWILIO_API_KEY_SID"), env.secret("TWILIO_API_KEY_SECRET"));
            sid.zip(secret).map(|(sid, secret)| Login::Key { sid, secret })
        } else {
            env.secret("TWILIO_AUTH_TOKEN").map(Login::Token)
        };
        let sender = if env.optional("TWILIO_MESSAGING_SERVICE_SID").is_some() {
            env.parsed("TWILIO_MESSAGING_SERVICE_SID").map(TextSender::Service)
        } else {
            env.parsed::<TextFrom>("TWILIO_FROM").map(|TextFrom(from)| TextSender::From(from))
        };
        let callback = callback(env);
        Some(Self { base: base?, account: account?, login: login?, sender: sender?, callback: callback? })
    }

    /// Sends the text and returns Twilio's id of it.
    pub(super) async fn send(&self, outgoing: &OutgoingText<'_>, until: Deadline) -> Result<String, ProviderError> {
        let request = outbound::client().post(format!("{}{}", self.base, self.messages()));
        let request = self.signed_in(request, until).await?.header("content-type", "application/x-www-form-urlencoded");
        let answered = wire::call(request.body(self.form(outgoing)), until, wire::ANSWER).await?;
        if !answered.status.is_success() {
            return Err(provider_error(&answered));
        }
        let created: CreatedMessage = serde_json::from_slice(&answered.body)
            .map_err(|_| ProviderError::Lost(format!("{} with an answer that is not understood", answered.status)))?;
        wire::named(Some(created.sid), "a success without sid")
    }

    /// Twilio's id of the text, if it accepted it since `unclear.since`. The deadline is for all pages together.
    pub(super) async fn find(
        &self,
        outgoing: &OutgoingText<'_>,
        unclear: Unclear,
        until: Deadline,
    ) -> Result<Option<String>, ProviderError> {
        let query = encoded(&[("To", number(outgoing.to)), ("PageSize", PAGE_SIZE)]);
        let mut next = Some(format!("{}?{query}", self.messages()));
        for _ in 0..MAX_PAGES {
            let Some(path) = next else { return Ok(None) };
            let request = self.signed_in(outbound::client().get(format!("{}{path}", self.base)), until).await?;
            let answered = wire::call(request, until, wire::PAGE).await?;
            if !answered.status.is_success() {
                return Err(provider_error(&answered));
            }
            let page: Page = serde_json::from_slice(&answered.body)
                .map_err(|_| ProviderError::Lost("a list that is not understood".to_owned()))?;
            let (recent, older): (Vec<ListedMessage>, Vec<ListedMessage>) =
                page.messages.into_iter().partition(|message| message.is_since(unclear.earliest()));
            if let Some(found) = recent.into_iter().find(|message| message.is(outgoing)) {
                return Ok(Some(found.sid));
            }
            if !older.is_empty() {
                return Ok(None);
            }
            next = page.next_page_uri.filter(|uri| uri.starts_with("/2010-04-01/"));
        }
        Err(ProviderError::Lost("a list that does not come to an end".to_owned()))
    }

    fn messages(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Messages.json", self.account.0)
    }

    fn form(&self, outgoing: &OutgoingText<'_>) -> String {
        let sender = match &self.sender {
            TextSender::From(from) => ("From", from.as_str()),
            TextSender::Service(service) => ("MessagingServiceSid", service.0.as_str()),
        };
        let mut fields = vec![("To", number(outgoing.to)), sender, ("Body", outgoing.text)];
        let callback = self.callback.as_ref().map(|url| format!("{url}?event_id={}", outgoing.event_id));
        fields.extend(callback.as_deref().map(|url| ("StatusCallback", url)));
        encoded(&fields)
    }

    async fn signed_in(&self, request: RequestBuilder, until: Deadline) -> Result<RequestBuilder, ProviderError> {
        let (name, secret) = match &self.login {
            Login::Token(token) => (&self.account.0, token),
            Login::Key { sid, secret } => (&sid.0, secret),
        };
        let secret = wire::secret(secret, until).await?;
        Ok(request.basic_auth(name, Some(secret)))
    }
}

/// The address of delivery reports: below `PUBLIC_URL`, or else below `ISSUER`.
#[expect(clippy::option_option, reason = "refused, absent, given")]
fn callback(env: &mut Env) -> Option<Option<String>> {
    let public =
        if env.optional("PUBLIC_URL").is_some() { Some(env.url("PUBLIC_URL")?) } else { env.optional("ISSUER") };
    Some(public.map(|url| format!("{}/webhooks/twilio", url.trim_end_matches('/'))))
}

fn number(phone: &Phone) -> &str {
    phone.e164()
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[derive(Deserialize)]
struct CreatedMessage {
    sid: String,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<ListedMessage>,
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct ListedMessage {
    sid: String,
    to: Option<String>,
    body: Option<String>,
    date_created: Option<String>,
}

impl ListedMessage {
    /// Whether it was created at `earliest` or later; one without a date may have been.
    fn is_since(&self, earliest: Timestamp) -> bool {
        let made = self.date_created.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc2822).ok());
        // Whole seconds.
        made.is_none_or(|made| Timestamp::from(made).plus(Duration::from_secs(1)) > earliest)
    }

    /// Whether it is this text. Twilio keeps no space at either end.
    fn is(&self, outgoing: &OutgoingText<'_>) -> bool {
        self.to.as_deref() == Some(number(outgoing.to))
            && self.body.as_deref().map(str::trim) == Some(outgoing.text.trim())
    }
}

/// `{code, message, more_info, status}`; newer resources answer problems (RFC 9457) with a code.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Complaint {
    code: Option<u32>,
}

/// Classifies an error. Only the code is kept of its text.
fn provider_error(answered: &Answered) -> ProviderError {
    let Complaint { code } = serde_json::from_slice(&answered.body).unwrap_or_default();
    let status = answered.status;
    let why = code.map_or_else(|| status.to_string(), |code| format!("{status} (code {code})"));
    match status {
        StatusCode::TOO_MANY_REQUESTS => ProviderError::Busy(why),
        status if status.is_server_error() => ProviderError::Broken(why),
        // The code is more specific than the status, 400 or 403.
        _ if code == Some(UNSUBSCRIBED) => ProviderError::Suppressed,
        _ if code.is_some_and(|code| NOT_REACHABLE.contains(&code)) => ProviderError::Refused(why),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderError::Unauthorized(why),
        _ => ProviderError::Rejected(why),
    }
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
        let coded = |code: u32| format!(r#"{{"code": {code}, "message": "+442079460000", "status": 400}}"#);
        assert_eq!(read(400, &coded(21610)), ProviderError::Suppressed);
        assert_eq!(read(400, &coded(21211)), ProviderError::Refused("400 Bad Request (code 21211)".into()));
        assert_eq!(read(403, &coded(21610)), ProviderError::Suppressed);
        for of_the_recipient in [21211, 21217, 21265, 21266, 21268, 21408, 21612, 21614, 21635] {
            let why = |status: &str| format!("{status} (code {of_the_recipient})");
            assert_eq!(read(400, &coded(of_the_recipient)), ProviderError::Refused(why("400 Bad Request")));
            assert_eq!(read(403, &coded(of_the_recipient)), ProviderError::Refused(why("403 Forbidden")));
        }
        for of_ours in [21212, 21401, 21606, 21608, 21617, 21659] {
            assert_eq!(
                read(400, &coded(of_ours)),
                ProviderError::Rejected(format!("400 Bad Request (code {of_ours})"))
            );
        }
        assert_eq!(read(400, "no"), ProviderError::Rejected("400 Bad Request".into()));
        assert_eq!(read(404, &coded(20404)), ProviderError::Rejected("404 Not Found (code 20404)".into()));
        assert_eq!(read(401, &coded(20003)), ProviderError::Unauthorized("401 Unauthorized (code 20003)".into()));
        assert!(matches!(read(403, ""), ProviderError::Unauthorized(_)));
        assert!(matches!(read(429, &coded(20429)), ProviderError::Busy(_)));
        assert!(matches!(read(503, ""), ProviderError::Broken(_)));
    }
}
