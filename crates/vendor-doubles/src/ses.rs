//! Amazon SES, API version 2: `SendEmail` of a simple message. The rules are those of the API reference
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>); a signature must be
//! present, and is not verified: the SDK signs.

use std::collections::BTreeMap;

use http::{Method, header};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    description::is_email,
    faults::Answer,
    incoming::{Decision, Incoming, Reply},
    records::{Record, digits},
    state::State,
    vendor::Vendor,
};

/// The members of a request.
const MEMBERS: [&str; 12] = [
    "FromEmailAddress",
    "FromEmailAddressIdentityArn",
    "Destination",
    "ReplyToAddresses",
    "FeedbackForwardingEmailAddress",
    "FeedbackForwardingEmailAddressIdentityArn",
    "Content",
    "EmailTags",
    "ConfigurationSetName",
    "EndpointId",
    "TenantName",
    "ListManagementOptions",
];
/// The most headers of a simple message, and how long a name and a value may be.
const HEADERS: (usize, usize, usize) = (15, 126, 870);
/// The most tags, and how long a name or a value may be.
const TAGS: (usize, usize) = (50, 256);
/// Headers that are SES's to write.
const OWN_HEADERS: [&str; 9] =
    ["to", "cc", "bcc", "from", "subject", "date", "message-id", "mime-version", "content-type"];

/// Decides about a call: the accepted mail, or SES's error.
pub(crate) fn decide(sets: &[String], state: &State, call: &Incoming) -> Result<Decision, Reply> {
    if (call.method.clone(), call.path.as_str()) != (Method::POST, "/v2/email/outbound-emails") {
        return Err(refusal(404, "UnknownOperationException", "There is no such operation."));
    }
    let signed = call.header(header::AUTHORIZATION.as_str());
    if !signed.is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential=") && value.contains("/ses/")) {
        return Err(refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| bad_request("The body is no JSON."))?;
    if let Some(complaint) = complaint(&body) {
        return Err(bad_request(&complaint));
    }
    match body["ConfigurationSetName"].as_str() {
        Some(name) if !sets.iter().any(|set| set == name) => {
            let words = format!("Configuration set <{name}> does not exist.");
            Err(refusal(404, "NotFoundException", &words))
        }
        _ => Ok(Decision::Send(Box::new(record(state, &body)))),
    }
}

/// SES's yes.
pub(crate) fn taken(record: &Record) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: json!({"MessageId": record.id}) }
}

/// An error on purpose.
pub(crate) fn failed(answer: &Answer) -> Reply {
    let kind = answer.code.as_deref().unwrap_or(match answer.status {
        403 => "AccessDeniedException",
        429 => "TooManyRequestsException",
        500.. => "InternalServiceErrorException",
        _ => "BadRequestException",
    });
    refusal(answer.status, kind, answer.message.as_deref().unwrap_or("on purpose"))
}

/// SES names its errors in a header.
fn refusal(status: u16, kind: &str, message: &str) -> Reply {
    Reply { status, headers: vec![("x-amzn-errortype", kind.to_owned())], body: json!({"message": message}) }
}

fn bad_request(message: &str) -> Reply {
    refusal(400, "BadRequestException", message)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn complaint(body: &Value) -> Option<String> {
    let members = body.as_object()?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Some(format!("{unknown} is not known."));
    }
    let address = |text: &str| text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>')).to_owned();
    let is_address = |value: &Value| value.as_str().is_some_and(|text| is_email(&address(text)));
    if !is_address(&body["FromEmailAddress"]) {
        return Some("FromEmailAddress must be an address.".to_owned());
    }
    let to: Vec<&Value> = items(&body["Destination"]["ToAddresses"]).collect();
    if !(1..=50).contains(&to.len()) || !to.iter().all(|to| is_address(to)) {
        return Some("Destination must have 1 to 50 addresses.".to_owned());
    }
    let simple = &body["Content"]["Simple"];
    let has_data = |content: &Value| content["Data"].is_string();
    if !has_data(&simple["Subject"]) || !(has_data(&simple["Body"]["Text"]) || has_data(&simple["Body"]["Html"])) {
        return Some("Content must have a subject and a body.".to_owned());
    }
    let (most, longest_name, longest_value) = HEADERS;
    let is_header = |header: &Value| {
        let (name, value) = (header["Name"].as_str().unwrap_or_default(), header["Value"].as_str().unwrap_or_default());
        let is_named =
            (1..=longest_name).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        is_named
            && (1..=longest_value).contains(&value.len())
            && value.bytes().all(|byte| (32..127).contains(&byte))
            && !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str())
    };
    if items(&simple["Headers"]).count() > most || !items(&simple["Headers"]).all(is_header) {
        return Some("Headers has one that cannot be.".to_owned());
    }
    let (most, longest) = TAGS;
    let is_word = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.@".contains(&b))
    };
    let is_tag = |tag: &Value| is_word(&tag["Name"]) && is_word(&tag["Value"]);
    if items(&body["EmailTags"]).count() > most || !items(&body["EmailTags"]).all(is_tag) {
        return Some("EmailTags has one that cannot be.".to_owned());
    }
    None
}

fn record(state: &State, body: &Value) -> Record {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pairs = |value: &Value| -> BTreeMap<String, String> {
        items(value).filter_map(|pair| Some((text(&pair["Name"])?, text(&pair["Value"])?))).collect()
    };
    let simple = &body["Content"]["Simple"];
    let to = text(&body["Destination"]["ToAddresses"][0]).unwrap_or_default();
    let status = if state.is_suppressed(Vendor::Ses, &to) { "dropped" } else { "accepted" };
    Record {
        vendor: Vendor::Ses,
        id: format!("0100{}-{}-000000", digits(12), digits(12)),
        at: OffsetDateTime::now_utc(),
        status: status.to_owned(),
        from: text(&body["FromEmailAddress"]).unwrap_or_default(),
        to,
        subject: text(&simple["Subject"]["Data"]),
        text: text(&simple["Body"]["Text"]["Data"]).unwrap_or_default(),
        html: text(&simple["Body"]["Html"]["Data"]),
        headers: pairs(&simple["Headers"]),
        tags: pairs(&body["EmailTags"]),
        set: text(&body["ConfigurationSetName"]),
        callback: None,
    }
}
