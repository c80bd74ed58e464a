//! SendGrid's `POST /v3/mail/send`.

use std::{collections::BTreeMap, sync::LazyLock};

use http::{Method, header};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    description::{Breach, Description},
    faults::Answer,
    incoming::{Decision, Incoming, Reply},
    records::{Record, digits},
    state::State,
    vendor::Vendor,
};

static DESCRIPTION: LazyLock<Description> =
    LazyLock::new(|| Description::read(include_str!("../descriptions/sendgrid-mail-send.json")));
/// The most personalizations, and the most recipients of one.
const MOST_RECIPIENTS: usize = 1_000;
/// The most bytes of custom arguments.
const MOST_ARGUMENTS: usize = 10_000;
/// Headers that are SendGrid's to write.
const OWN_HEADERS: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// Decides about a call: the accepted mail, or SendGrid's error.
pub(crate) fn decide(key: &str, state: &State, call: &Incoming) -> Result<Decision, Reply> {
    if call.path != "/v3/mail/send" {
        return Err(refusal(404, "not found", None));
    }
    if call.method != Method::POST {
        return Err(refusal(405, "method not allowed", None));
    }
    let given = call.header(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    if given != Some(key) || !key.starts_with("SG.") {
        return Err(refusal(401, "The provided authorization grant is invalid, expired, or revoked", None));
    }
    if !call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(refusal(415, "Content-Type should be application/json.", None));
    }
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| refusal(400, "Bad Request", None))?;
    let mut breaches = DESCRIPTION.breaches(DESCRIPTION.part("body"), &body);
    if breaches.is_empty() {
        breaches = breaches_of_prose(&body);
    }
    match breaches.first() {
        None => Ok(Decision::Send(Box::new(record(state, &body)))),
        Some(Breach { path, rule }) => Err(refusal(400, rule, Some(path))),
    }
}

/// SendGrid's yes: 202 without a body; the id is in a header.
pub(crate) fn taken(record: &Record) -> Reply {
    let id = record.id.split('.').next().unwrap_or_default().to_owned();
    Reply { status: 202, headers: vec![("x-message-id", id)], body: Value::Null }
}

/// An error on purpose.
pub(crate) fn failed(answer: &Answer) -> Reply {
    let message = answer.message.as_deref().unwrap_or(match answer.status {
        401 => "authorization required",
        403 => "access forbidden",
        429 => "too many requests",
        500.. => "internal server error",
        _ => "Bad Request",
    });
    refusal(answer.status, message, answer.code.as_deref())
}

fn refusal(status: u16, message: &str, field: Option<&str>) -> Reply {
    let body = json!({"errors": [{"message": message, "field": field, "help": null}]});
    Reply { status, headers: Vec::new(), body }
}

/// The rules that the description states in prose.
fn breaches_of_prose(body: &Value) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut breach = |path: String, rule: &str| breaches.push(Breach { path, rule: rule.to_owned() });
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let envelopes = list(&body["personalizations"]);
    if !(1..=MOST_RECIPIENTS).contains(&envelopes.len()) {
        breach("personalizations".to_owned(), "must have 1 to 1000 items");
    }
    for (at, envelope) in envelopes.iter().enumerate() {
        let path = |name: &str| format!("personalizations.{at}.{name}");
        let all: Vec<Value> = ["to", "cc", "bcc"].iter().flat_map(|name| list(&envelope[*name])).collect();
        if list(&envelope["to"]).is_empty() || all.len() > MOST_RECIPIENTS {
            breach(path("to"), "must have 1 to 1000 items");
        }
        let address = |of: &Value| of["email"].as_str().unwrap_or_default().to_ascii_lowercase();
        if (1..all.len()).any(|at| all[..at].iter().any(|other| address(other) == address(&all[at]))) {
            breach(path("to"), "must name each address once, to, cc and bcc together");
        }
        if body["subject"].is_null() && envelope["subject"].is_null() && body["template_id"].is_null() {
            breach("subject".to_owned(), "is required");
        }
        let arguments = envelope["custom_args"].as_object();
        let is_long = envelope["custom_args"].to_string().len() > MOST_ARGUMENTS;
        if is_long || arguments.is_some_and(|arguments| arguments.values().any(|value| !value.is_string())) {
            breach(path("custom_args"), "must have texts, of 10,000 bytes at most");
        }
        for name in headers_refused(&envelope["headers"]) {
            breach(path(&format!("headers.{name}")), "must be a text, of a header that is not SendGrid's own");
        }
    }
    for name in headers_refused(&body["headers"]) {
        breach(format!("headers.{name}"), "must be a text, of a header that is not SendGrid's own");
    }
    let kinds: Vec<String> =
        list(&body["content"]).iter().filter_map(|part| part["type"].as_str().map(str::to_owned)).collect();
    if kinds.is_empty() && body["template_id"].is_null() {
        breach("content".to_owned(), "is required");
    }
    let place = |kind: &str| kinds.iter().position(|other| other == kind);
    let is_in_order = match (place("text/plain"), place("text/html")) {
        (Some(text), Some(html)) => text == 0 && html == 1,
        (Some(first), None) | (None, Some(first)) => first == 0,
        (None, None) => true,
    };
    if !is_in_order {
        breach("content".to_owned(), "must have text/plain first, and text/html before anything else");
    }
    breaches
}

fn headers_refused(headers: &Value) -> Vec<String> {
    let all = headers.as_object().into_iter().flatten();
    let is_refused = |(name, value): &(&String, &Value)| {
        let is_one_line = value.as_str().is_some_and(|value| !value.contains(['\r', '\n']));
        !is_one_line || OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str())
    };
    all.filter(is_refused).map(|(name, _)| name.clone()).collect()
}

fn record(state: &State, body: &Value) -> Record {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let part = |kind: &str| {
        let parts = body["content"].as_array().into_iter().flatten();
        parts.filter(|part| part["type"] == kind).find_map(|part| text(&part["value"]))
    };
    let mailbox = |of: &Value| match of["name"].as_str() {
        Some(name) => format!("{name} <{}>", of["email"].as_str().unwrap_or_default()),
        None => text(&of["email"]).unwrap_or_default(),
    };
    let texts = |value: &Value| -> BTreeMap<String, String> {
        let all = value.as_object().into_iter().flatten();
        all.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    };
    let envelope = &body["personalizations"][0];
    let to = text(&envelope["to"][0]["email"]).unwrap_or_default();
    let mut headers = texts(&body["headers"]);
    headers.extend(texts(&envelope["headers"]));
    let status = if state.is_suppressed(Vendor::Sendgrid, &to) { "dropped" } else { "accepted" };
    Record {
        vendor: Vendor::Sendgrid,
        id: format!("{}.recvd-{}-1-{}", digits(22), digits(10), digits(8)),
        at: OffsetDateTime::now_utc(),
        status: status.to_owned(),
        from: mailbox(&body["from"]),
        to,
        subject: text(&envelope["subject"]).or_else(|| text(&body["subject"])),
        text: part("text/plain").unwrap_or_default(),
        html: part("text/html"),
        headers,
        tags: texts(&envelope["custom_args"]),
        set: None,
        callback: None,
    }
}
