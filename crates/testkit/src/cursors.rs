//! Forged cursors. A list must answer each of them with a page or with 400, and never fail.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::Sending;

/// Numbers at and beyond the limits of machine integers, all of which JSON allows.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "170141183460469231731687303715884105727",
    "-170141183460469231731687303715884105728",
    "340282366920938463463374607431768211456",
    "1.5",
    "1e308",
];

/// Moments that RFC 3339 allows and UTC does not have, and some that are malformed.
const MOMENTS: [&str; 6] = [
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:60-00:01",
    "-0001-01-01T00:00:00Z",
    "+262142-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
];

/// Placeholder for the replaced leaf.
const HERE: &str = "\u{e000}";

/// Sends a list cursors derived from a `real` one, and panics unless each is answered with a page or with `invalid_query`.
/// Cursors that no list can have made must be refused.
pub async fn assert_safe(real: &str, list: impl Fn(&str) -> Sending) {
    let bytes = URL_SAFE_NO_PAD.decode(real).expect("the cursor is one of ours");
    let place: Value = serde_json::from_slice(&bytes).expect("the cursor is one of ours");
    assert_eq!(list(real).send().await.status.as_u16(), 200, "the cursor is not one of this list");
    let mut wrong = Vec::new();
    for (cursor, must_be_refused) in
        impossible(&place).into_iter().map(|c| (c, true)).chain(changed(&place, &bytes).into_iter().map(|c| (c, false)))
    {
        let answer = list(&cursor).send().await;
        let kind = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["type"].clone();
        let is_refused = answer.status.as_u16() == 400 && kind == "invalid_query";
        if !(is_refused || answer.status.as_u16() == 200 && !must_be_refused) {
            let text = URL_SAFE_NO_PAD.decode(&cursor).unwrap_or_default();
            let text: String = String::from_utf8_lossy(&text).chars().take(200).collect();
            wrong.push(format!("{} for {text}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Cursors that no list can have made.
fn impossible(place: &Value) -> Vec<String> {
    let deep = "[".repeat(200) + &"]".repeat(200);
    let plain = ["null", "true", "{}", "[]", "{\"a\":", "\"\\u0000\"", "\"\\ud800\"", &deep, "\u{feff}1"];
    let mut cursors: Vec<String> = plain.iter().map(|json| URL_SAFE_NO_PAD.encode(json)).collect();
    cursors.push(URL_SAFE_NO_PAD.encode([b'"', 0xff, b'"']));
    cursors.push(URL_SAFE_NO_PAD.encode(format!("\"{}\"", "x".repeat(40_000))));
    cursors.push("A".to_owned());
    cursors.push("A===".to_owned());
    for pointer in leaves(place) {
        let leaf = place.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
        if leaf.ends_with('Z') && leaf.len() == "2026-11-22T09:30:00.125Z".len() {
            cursors.extend(MOMENTS.map(|moment| with(place, &pointer, &json!(moment).to_string())));
        }
        cursors.push(with(place, &pointer, "\"\\u0000\""));
        cursors.push(with(place, &pointer, "{\"a\":{\"a\":[[[null]]]}}"));
    }
    cursors
}

/// The real cursor with each leaf replaced, and with each of its bytes changed by a bit.
fn changed(place: &Value, bytes: &[u8]) -> Vec<String> {
    let mut cursors = Vec::new();
    for pointer in leaves(place) {
        let others = ["null", "true", "\"\"", "\" \"", "\"\u{10ffff}\"", "\"-\"", "[]", "{}"];
        let others = others.into_iter().chain(NUMBERS).map(str::to_owned);
        let others = others.chain(MOMENTS.map(|moment| json!(moment).to_string()));
        cursors.extend(others.map(|other| with(place, &pointer, &other)));
    }
    for (at, _) in bytes.iter().enumerate() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        cursors.push(URL_SAFE_NO_PAD.encode(flipped));
    }
    cursors
}

/// The JSON Pointers of all values that are neither list nor object.
fn leaves(place: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| leaves(value).into_iter().map(move |rest| format!("/{name}{rest}"));
    match place {
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, item)| below(at.to_string(), item)).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, value)| below(name.clone(), value)).collect(),
        _ => vec![String::new()],
    }
}

/// The place with other JSON at a pointer, as a cursor.
fn with(place: &Value, pointer: &str, json: &str) -> String {
    let mut place = place.clone();
    *place.pointer_mut(pointer).expect("a leaf of the place") = json!(HERE);
    URL_SAFE_NO_PAD.encode(place.to_string().replace(&format!("\"{HERE}\""), json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_a_place_is_replaced() {
        let place = json!({"at": "2026-11-22T09:30:00.125Z", "ids": [1, "b"]});
        assert_eq!(leaves(&place), ["/at", "/ids/0", "/ids/1"]);
        let changed = URL_SAFE_NO_PAD.decode(with(&place, "/ids/0", "1e308")).unwrap();
        assert_eq!(changed, br#"{"at":"2026-11-22T09:30:00.125Z","ids":[1e308,"b"]}"#);
        assert_eq!(leaves(&json!(7)), [""]);
    }
}
