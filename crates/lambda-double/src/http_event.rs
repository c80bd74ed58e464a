//! Requests and answers as API Gateway's HTTP APIs wrap them (payload format 2.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The event of one HTTP request through the route `$default`. Text bodies travel as they are, others as base64.
pub fn http_event(method: &str, path_and_query: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Value {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let (headers, cookies) = gather(headers);
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "at-home",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").map_or("", String::as_str),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    // API Gateway leaves out what a request does not have.
    if !query.is_empty() {
        event["queryStringParameters"] = joined(form_urlencoded::parse(query.as_bytes()));
    }
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    match std::str::from_utf8(body.as_ref()) {
        Ok("") => {}
        Ok(text) => event["body"] = json!(text),
        Err(_) => {
            event["body"] = json!(STANDARD.encode(body.as_ref()));
            event["isBase64Encoded"] = json!(true);
        }
    }
    event
}

/// The event as it would be of a request whose TCP peer has this address.
#[must_use]
pub fn from_source(mut event: Value, source_ip: &str) -> Value {
    event["requestContext"]["http"]["sourceIp"] = json!(source_ip);
    event
}

/// The event as it would be of a request to a stage with a name: that stands in front of the path.
#[must_use]
pub fn in_stage(mut event: Value, stage: &str) -> Value {
    let path = format!("/{stage}{}", event["rawPath"].as_str().unwrap_or_default());
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["path"] = json!(path);
    event["requestContext"]["stage"] = json!(stage);
    event
}

/// Header names in lower case, repeated ones joined by a comma, and cookies apart.
fn gather(headers: &[(&str, &str)]) -> (BTreeMap<String, String>, Vec<String>) {
    let mut gathered = BTreeMap::<String, String>::new();
    let mut cookies = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            continue;
        }
        gathered.entry(name).and_modify(|all| *all = format!("{all},{value}")).or_insert_with(|| (*value).to_owned());
    }
    (gathered, cookies)
}

fn joined<'a>(pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>) -> Value {
    let mut parameters = Map::new();
    for (name, value) in pairs {
        let joined = match parameters.get(name.as_ref()).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), Value::String(joined));
    }
    Value::Object(parameters)
}

/// What a function answered to an HTTP event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status; 200 where the function left it out, as API Gateway has it.
    pub status: u16,
    /// Names in lower case, in the function's order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, decoded where it came as base64.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text, with whatever is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl From<Value> for HttpAnswer {
    fn from(answer: Value) -> Self {
        let text = answer["body"].as_str().unwrap_or_default();
        let body = if answer["isBase64Encoded"] == true {
            STANDARD.decode(text).unwrap_or_default()
        } else {
            text.as_bytes().to_vec()
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            headers.push((name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned()));
        }
        for cookie in answer["cookies"].as_array().into_iter().flatten() {
            headers.push(("set-cookie".to_owned(), cookie.as_str().unwrap_or_default().to_owned()));
        }
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        Self { status, headers, body }
    }
}
