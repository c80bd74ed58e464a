//! Webhooks of Twilio: delivery reports, and texts that people send to the shop's number.
//!
//! The signature is an HMAC over the URL that Twilio called, with its query, followed by the form's fields; for a JSON body the
//! query has its hash. The URL is the public one, and not what the gateway made of it.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{
    contact::{Channel, Phone},
    timestamp::Timestamp,
};
use http::{HeaderMap, HeaderName};

use super::{
    invalid::InvalidWebhook,
    report::{Change, Report, key},
};
use crate::{
    notifications::domain::{DeliveryEvent, EventKind},
    providers::Name,
    suppressions::domain::{Address, Reason},
};

/// The signature, in base64.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
/// There, where a shared key signs in place of the account's token: `key=...,algorithm=HMAC_SHA256`.
pub const SETTINGS: HeaderName = HeaderName::from_static("x-twilio-webhooks-signature-settings");

/// The query parameter with the hash of the body.
const BODY_HASH: &str = "bodySHA256";
/// The most fields of a form. Twilio's have about twenty, and new ones are added without notice.
const MAX_FIELDS: usize = 200;

/// Twilio's keywords for opting out and in. With Advanced Opt-Out a shop has others, and `OptOutType` says which kind it was.
const STOP: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

/// The secrets with which Twilio may sign.
#[derive(Clone)]
pub struct Secrets {
    /// The account's token.
    pub token: String,
    /// The shared key of webhooks, where there is one.
    pub shared_key: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// The fields of a request, verified. A name may have several values.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Omits the fields, which contain telephone numbers and texts of people.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} fields)", self.0.len())
    }
}

/// Verifies a request and returns its fields. `address` is the public URL without its query. A body that is not a form is a JSON
/// object, whose text members are the fields.
pub fn verify(
    secrets: &Secrets,
    headers: &HeaderMap,
    address: &str,
    query: &str,
    body: &[u8],
) -> Result<Form, InvalidWebhook> {
    let signature = super::header(headers, &SIGNATURE).ok_or(InvalidWebhook::Malformed)?;
    let signature = STANDARD.decode(signature).map_err(|_| InvalidWebhook::Malformed)?;
    let key = signing_key(secrets, headers)?;
    let is_form = super::header(headers, &http::header::CONTENT_TYPE).is_some_and(is_form);
    let fields = match hash_of_body(query) {
        Some(hash) => {
            let actual = hex::encode(digest::digest(&digest::SHA256, body));
            verify_slices_are_equal(actual.as_bytes(), hash.as_bytes()).map_err(|_| InvalidWebhook::Mismatch)?;
            Vec::new()
        }
        None if is_form => form(body)?,
        // The signature would not cover such a body.
        None if !body.is_empty() => return Err(InvalidWebhook::Mismatch),
        None => Vec::new(),
    };
    let url = if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") };
    let signed = signed_fields(&fields);
    let fits = |url: &str| hmac::verify(&key, [url, &signed].concat().as_bytes(), &signature).is_ok();
    if !fits(&url) && !other_port(&url).is_some_and(|other| fits(&other)) {
        return Err(InvalidWebhook::Mismatch);
    }
    if hash_of_body(query).is_none() {
        return Ok(Form(fields));
    }
    if is_form { form(body).map(Form) } else { json(body).map(Form) }
}

/// The account's token with SHA-1; or, where the header says so, the shared key with the hash that it names.
fn signing_key(secrets: &Secrets, headers: &HeaderMap) -> Result<hmac::Key, InvalidWebhook> {
    let sha1 = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    if !headers.contains_key(&SETTINGS) {
        return Ok(hmac::Key::new(sha1, secrets.token.as_bytes()));
    }
    let settings = super::header(headers, &SETTINGS).ok_or(InvalidWebhook::Malformed)?;
    let named = settings.split(',').filter_map(|part| part.split_once('='));
    let algorithm = named.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == "algorithm");
    let algorithm = match algorithm.map(|(_, value)| value.to_ascii_uppercase()).as_deref() {
        Some("HMAC_SHA256") => hmac::HMAC_SHA256,
        Some("HMAC_SHA1") => sha1,
        _ => return Err(InvalidWebhook::Malformed),
    };
    let key = secrets.shared_key.as_ref().ok_or(InvalidWebhook::Mismatch)?;
    Ok(hmac::Key::new(algorithm, key.as_bytes()))
}

fn is_form(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn hash_of_body(query: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == BODY_HASH).map(|(_, value)| value.into_owned())
}

fn form(body: &[u8]) -> Result<Vec<(String, String)>, InvalidWebhook> {
    let fields: Vec<_> = form_urlencoded::parse(body).take(MAX_FIELDS + 1).map(|(n, v)| (n.into(), v.into())).collect();
    if fields.len() > MAX_FIELDS { Err(InvalidWebhook::Malformed) } else { Ok(fields) }
}

fn json(body: &[u8]) -> Result<Vec<(String, String)>, InvalidWebhook> {
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|_| InvalidWebhook::Malformed)?;
    let texts = members.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    Ok(texts.collect())
}

/// The signed form of the fields: names in byte order, each followed by its value; several values of a name are sorted, each once.
fn signed_fields(fields: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in fields {
        sorted.entry(name).or_default().insert(value);
    }
    let pairs = sorted.iter().flat_map(|(name, values)| values.iter().map(move |value| [*name, *value].concat()));
    pairs.collect()
}

/// The same URL with the default port where it has none, and without port where it has one: Twilio signs either form.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    // In brackets stands an IPv6 address.
    let colon = authority.rfind(':').filter(|colon| *colon >= host && !authority[*colon..].contains(']'));
    if let Some(colon) = colon {
        Some(format!("{scheme}://{}{rest}", &authority[..colon]))
    } else {
        let port = if scheme == "https" { 443 } else { 80 };
        Some(format!("{scheme}://{authority}:{port}{rest}"))
    }
}

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The account of the request. It must be compared: a token of one account proves nothing about another.
    pub fn account(&self) -> Option<&str> {
        self.get("AccountSid")
    }

    /// The report: a final status of a text that was sent, or a keyword in a text that a person sent. `None` for all else.
    /// `event_id` is from the query of the callback.
    pub fn report(&self, event_id: Option<&str>, now: Timestamp) -> Option<Report> {
        let sid = self.get("MessageSid").or_else(|| self.get("SmsSid"))?;
        match self.get("MessageStatus").or_else(|| self.get("SmsStatus")) {
            None | Some("received" | "receiving") => self.incoming(sid, now),
            Some(status) => self.status(sid, status, event_id, now),
        }
    }

    /// Twilio's status has no time, so the time of arrival is used. Only final ones are reported, and the one of the higher rank
    /// counts, since they may be reordered and repeated.
    fn status(&self, sid: &str, status: &str, event_id: Option<&str>, now: Timestamp) -> Option<Report> {
        let kind = match status {
            "delivered" => EventKind::Delivered,
            "read" => EventKind::Read,
            "undelivered" | "failed" | "canceled" => EventKind::Failed,
            _ => return None,
        };
        let about = key(event_id, Channel::Sms);
        // 21610: the recipient has sent STOP.
        let is_stopped = self.get("ErrorCode") == Some("21610");
        let stopped = self.get("To").filter(|_| is_stopped).and_then(|number| Phone::try_from(number.to_owned()).ok());
        let suppress = |number: Phone| Change::Suppress { address: Address::Phone(number), reason: Reason::Stop };
        Some(Report {
            id: format!("twilio#{sid}#{status}"),
            provider: Name::Twilio,
            at: now,
            delivery_event: about.map(|about| (about, DeliveryEvent { kind, at: now, provider: Name::Twilio })),
            changes: stopped.map(suppress).into_iter().collect(),
        })
    }

    fn incoming(&self, sid: &str, now: Timestamp) -> Option<Report> {
        let address = Address::Phone(Phone::try_from(self.get("From")?.to_owned()).ok()?);
        let change = match self.keyword()? {
            Keyword::Stop => Change::Suppress { address, reason: Reason::Stop },
            Keyword::Start => Change::Lift { address },
        };
        let (id, provider) = (format!("twilio#{sid}"), Name::Twilio);
        Some(Report { id, provider, at: now, delivery_event: None, changes: vec![change] })
    }

    /// The keyword that Twilio recognised; else the text itself, where it consists of one keyword.
    fn keyword(&self) -> Option<Keyword> {
        if let Some(kind) = self.get("OptOutType") {
            return match kind {
                "STOP" => Some(Keyword::Stop),
                "START" => Some(Keyword::Start),
                _ => None,
            };
        }
        let word = self.get("Body")?.trim().trim_end_matches(['.', '!']).to_ascii_uppercase();
        if STOP.contains(&word.as_str()) {
            return Some(Keyword::Stop);
        }
        START.contains(&word.as_str()).then_some(Keyword::Start)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Stop,
    Start,
}

#[cfg(test)]
mod tests;
