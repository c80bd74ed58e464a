//! Twilio's Messages: sending one, reading one, and the list.

mod list;

use std::{collections::BTreeMap, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, header};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use crate::{
    description::{Breach, Description},
    faults::Answer,
    incoming::{Decision, Incoming, Reply},
    options::TwilioAccount,
    records::{Record, digits},
    state::State,
    vendor::Vendor,
};

static DESCRIPTION: LazyLock<Description> =
    LazyLock::new(|| Description::read(include_str!("../descriptions/twilio-messages.json")));
/// The longest text, in characters.
const LONGEST_BODY: usize = 1_600;
/// Twilio's own test numbers, with the error of each:
/// <https://www.twilio.com/docs/iam/test-credentials>.
const MAGIC: [(&str, u32, &str); 5] = [
    ("+15005550001", 21211, "The 'To' number is not a valid phone number."),
    ("+15005550002", 21612, "The 'To' phone number is not currently reachable using the 'From' phone number."),
    ("+15005550003", 21408, "Permission to send an SMS has not been enabled for the region."),
    ("+15005550004", 21610, UNSUBSCRIBED),
    ("+15005550009", 21614, "The 'To' number is not a mobile number."),
];
const UNSUBSCRIBED: &str = "Attempt to send to unsubscribed recipient";

/// Decides about a call: the accepted message, the data that are read, or Twilio's error.
pub(crate) fn decide(account: &TwilioAccount, state: &State, call: &Incoming) -> Result<Decision, Reply> {
    if !account.admits(call) {
        return Err(refusal(401, 20003, "Authenticate"));
    }
    let rest = call.path.strip_prefix(&format!("/2010-04-01/Accounts/{}/Messages", account.account_sid));
    match (call.method.clone(), rest) {
        (Method::POST, Some(".json")) => send(state, call),
        (Method::GET, Some(".json")) => list::read(account, state, call).map(Decision::Read),
        (Method::GET, Some(rest)) => {
            let sid = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix(".json"));
            let found = state.records.iter().find(|record| is_message(record) && Some(record.id.as_str()) == sid);
            let found = found.ok_or_else(not_found)?;
            Ok(Decision::Read(Reply { status: 200, headers: Vec::new(), body: resource(account, found) }))
        }
        (_, Some(".json")) => Err(refusal(405, 20004, "Method not allowed")),
        _ => Err(not_found()),
    }
}

impl TwilioAccount {
    /// Basic authentication: account and token, or a key and its secret.
    fn admits(&self, call: &Incoming) -> bool {
        let given = call.header(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Basic "));
        let Some(given) = given.and_then(|given| String::from_utf8(STANDARD.decode(given).ok()?).ok()) else {
            return false;
        };
        [(&self.account_sid, &self.auth_token), (&self.key_sid, &self.key_secret)]
            .iter()
            .any(|(name, secret)| given == format!("{name}:{secret}"))
    }
}

/// Twilio's yes: 201 with the message.
pub(crate) fn taken(account: &TwilioAccount, record: &Record) -> Reply {
    Reply { status: 201, headers: Vec::new(), body: resource(account, record) }
}

/// An error on purpose.
pub(crate) fn failed(answer: &Answer) -> Reply {
    let (standard, words) = match answer.status {
        401 => (20003, "Authenticate"),
        429 => (20429, "Too Many Requests"),
        500.. => (20500, "Internal Server Error"),
        _ => (20001, "Bad Request"),
    };
    let code = answer.code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(standard);
    refusal(answer.status, code, answer.message.as_deref().unwrap_or(words))
}

fn refusal(status: u16, code: u32, message: &str) -> Reply {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more, "status": status});
    let realm =
        if status == 401 { vec![("www-authenticate", "Basic realm=\"Twilio API\"".to_owned())] } else { vec![] };
    Reply { status, headers: realm, body }
}

fn not_found() -> Reply {
    refusal(404, 20404, "The requested resource was not found")
}

fn send(state: &State, call: &Incoming) -> Result<Decision, Reply> {
    let is_form = call.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = if is_form { form(&call.body) } else { Map::new() };
    let text = |name: &str| form.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(to) = text("To") else { return Err(refusal(400, 21604, "A 'To' phone number is required.")) };
    let breaches = DESCRIPTION.breaches(DESCRIPTION.part("form"), &Value::Object(form.clone()));
    if let Some(Breach { path, rule }) = breaches.first() {
        return Err(refusal(400, 20001, &format!("Parameter {path} {rule}")));
    }
    if !is_number(to) {
        return Err(refusal(400, 21211, "The 'To' number is not a valid phone number."));
    }
    let (from, service) = (text("From"), text("MessagingServiceSid"));
    if from.is_none() && service.is_none() {
        return Err(refusal(400, 21603, "A 'From' phone number is required."));
    }
    let body = text("Body").ok_or_else(|| refusal(400, 21602, "Message body is required."))?;
    if body.chars().count() > LONGEST_BODY {
        return Err(refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit"));
    }
    let callback = text("StatusCallback");
    if callback.is_some_and(|callback| !is_callback(callback)) {
        return Err(refusal(400, 21609, "The 'StatusCallback' URL is not a valid URL."));
    }
    if let Some((_, code, words)) = MAGIC.iter().find(|(number, ..)| *number == to) {
        return Err(refusal(400, *code, words));
    }
    if state.is_suppressed(Vendor::Twilio, to) {
        return Err(refusal(400, 21610, UNSUBSCRIBED));
    }
    Ok(Decision::Send(Box::new(Record {
        vendor: Vendor::Twilio,
        id: format!("SM{}", digits(32)),
        at: OffsetDateTime::now_utc(),
        status: (if service.is_some() { "accepted" } else { "queued" }).to_owned(),
        from: from.unwrap_or_default().to_owned(),
        to: to.to_owned(),
        subject: None,
        text: body.to_owned(),
        html: None,
        headers: BTreeMap::new(),
        tags: BTreeMap::new(),
        set: service.map(str::to_owned),
        callback: callback.map(str::to_owned),
    })))
}

/// The fields with the types that the description gives them.
fn form(body: &[u8]) -> Map<String, Value> {
    let known = &DESCRIPTION.part("form")["properties"];
    let mut form = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let text = Value::String(value.clone().into_owned());
        let typed = match known[&*name]["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(&value).unwrap_or(text),
            Some("array") => {
                let mut items = form.get(&*name).and_then(Value::as_array).cloned().unwrap_or_default();
                items.push(text);
                Value::Array(items)
            }
            _ => text,
        };
        form.insert(name.into_owned(), typed);
    }
    form
}

/// E.164.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// An address with a host that has no underscore.
fn is_callback(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    !host.is_empty() && !host.contains('_')
}

fn is_message(record: &Record) -> bool {
    record.vendor == Vendor::Twilio
}

/// When it left Twilio; what is queued has not.
fn sent_at(record: &Record) -> Option<OffsetDateTime> {
    (!["queued", "accepted", "scheduled"].contains(&record.status.as_str())).then_some(record.at)
}

fn rfc2822(at: OffsetDateTime) -> Value {
    json!(at.replace_nanosecond(0).unwrap_or(at).format(&Rfc2822).unwrap_or_default())
}

/// A message as Twilio shows it.
fn resource(account: &TwilioAccount, record: &Record) -> Value {
    let path = format!("/2010-04-01/Accounts/{}/Messages/{}", account.account_sid, record.id);
    let from = (!record.from.is_empty()).then_some(&record.from);
    let segments = if record.set.is_some() { "0" } else { "1" };
    json!({
        "account_sid": account.account_sid, "api_version": "2010-04-01", "body": record.text,
        "date_created": rfc2822(record.at), "date_sent": sent_at(record).map(rfc2822),
        "date_updated": rfc2822(record.at), "direction": "outbound-api", "error_code": null, "error_message": null,
        "from": from, "messaging_service_sid": record.set, "num_media": "0", "num_segments": segments, "price": null,
        "price_unit": null, "sid": record.id, "status": record.status,
        "subresource_uris": {"media": format!("{path}/Media.json")}, "to": record.to, "uri": format!("{path}.json")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_members_that_the_description_gives_it() {
        let account = TwilioAccount::default();
        let call = |body: &str| Incoming::post("/", "application/x-www-form-urlencoded", body);
        for body in ["To=%2B442079460000&From=Bodega&Body=Hi", "To=%2B442079460000&Body=Hi&MessagingServiceSid=MG"] {
            let body = body.replace("=MG", &format!("=MG{}", "a1".repeat(16)));
            let Ok(Decision::Send(record)) = send(&State::default(), &call(&body)) else { panic!("refused: {body}") };
            let schema = &DESCRIPTION.part("components")["schemas"]["api.v2010.account.message"];
            assert_eq!(DESCRIPTION.breaches(schema, &resource(&account, &record)), []);
        }
    }
}
