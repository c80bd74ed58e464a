use http::HeaderValue;
use vendor_doubles::signing::twilio::{Algorithm, sign_form, sign_json};

use super::*;

const ADDRESS: &str = "https://shop.example/webhooks/twilio";
const QUERY: &str = "event_id=01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
const FORM: &str = "application/x-www-form-urlencoded";

fn secrets() -> Secrets {
    Secrets { token: "token".into(), shared_key: Some("shared".into()) }
}

fn headers(signature: &str, content_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, HeaderValue::from_str(signature).unwrap());
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    headers
}

fn body(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn url() -> String {
    format!("{ADDRESS}?{QUERY}")
}

const FIELDS: [(&str, &str); 6] = [
    ("MessageSid", "SM1"),
    ("MessageStatus", "delivered"),
    ("To", "+442079460000"),
    ("Ümlaut", "a b+c&d=é€"),
    ("Empty", ""),
    ("_a", "'"),
];

#[test]
fn what_twilio_signed_over_the_public_address_is_taken() {
    let signature = sign_form(Algorithm::HmacSha1, "token", &url(), &FIELDS);
    let form = verify(&secrets(), &headers(&signature, FORM), ADDRESS, QUERY, body(&FIELDS).as_bytes()).unwrap();
    assert_eq!(form.get("Ümlaut"), Some("a b+c&d=é€"));
    // Several values of a name are signed in order, each once, however they were sent.
    let repeated = [("b", "2"), ("b", "1"), ("b", "2"), ("B", "3")];
    let signature = sign_form(Algorithm::HmacSha1, "token", ADDRESS, &repeated);
    assert!(verify(&secrets(), &headers(&signature, FORM), ADDRESS, "", body(&repeated).as_bytes()).is_ok());
}

#[test]
fn the_port_may_stand_in_the_signed_address_or_not() {
    let verified = |signed: &str, ours: &str| {
        let signature = sign_form(Algorithm::HmacSha1, "token", &format!("{signed}?{QUERY}"), &FIELDS);
        verify(&secrets(), &headers(&signature, FORM), ours, QUERY, body(&FIELDS).as_bytes()).is_ok()
    };
    for (signed, ours, is_good) in [
        ("https://shop.example:443/webhooks/twilio", ADDRESS, true),
        (ADDRESS, "https://shop.example:443/webhooks/twilio", true),
        (ADDRESS, "https://shop.example:8443/webhooks/twilio", true),
        ("http://127.0.0.1:80/webhooks/twilio", "http://127.0.0.1/webhooks/twilio", true),
        ("http://[::1]:80/webhooks/twilio", "http://[::1]/webhooks/twilio", true),
        ("https://shop.example:8443/webhooks/twilio", ADDRESS, false),
        ("http://shop.example/webhooks/twilio", ADDRESS, false),
        ("https://shop.example/other", ADDRESS, false),
    ] {
        assert_eq!(verified(signed, ours), is_good, "{signed} {ours}");
    }
}

#[test]
fn what_twilio_did_not_sign_is_refused() {
    let signature = sign_form(Algorithm::HmacSha1, "token", &url(), &FIELDS);
    let verified = |secrets: &Secrets, signature: &str, media: &str, query: &str, body: &str| {
        verify(secrets, &headers(signature, media), ADDRESS, query, body.as_bytes()).map(drop)
    };
    let good = body(&FIELDS);
    assert_eq!(verified(&secrets(), &signature, FORM, QUERY, &good), Ok(()));
    let other = Secrets { token: "other".into(), shared_key: None };
    assert_eq!(verified(&other, &signature, FORM, QUERY, &good), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(&secrets(), &signature, FORM, "", &good), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(&secrets(), &signature, FORM, QUERY, &format!("{good}&x=y")), Err(InvalidWebhook::Mismatch));
    let failed = good.replace("delivered", "failed");
    assert_eq!(verified(&secrets(), &signature, FORM, QUERY, &failed), Err(InvalidWebhook::Mismatch));
    // A body that is no form is not covered by the signature of a form without fields.
    let bare = sign_form::<&str, &str>(Algorithm::HmacSha1, "token", &url(), &[]);
    assert_eq!(verified(&secrets(), &bare, "text/plain", QUERY, &good), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(&secrets(), &bare, "application/json", QUERY, "{}"), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(&secrets(), "%%%", FORM, QUERY, &good), Err(InvalidWebhook::Malformed));
    let mut twice = headers(&signature, FORM);
    twice.append(SIGNATURE, HeaderValue::from_str(&signature).unwrap());
    assert_eq!(verify(&secrets(), &twice, ADDRESS, QUERY, good.as_bytes()), Err(InvalidWebhook::Malformed));
    let many = body(&vec![("a", "b"); MAX_FIELDS + 1]);
    assert_eq!(verified(&secrets(), &signature, FORM, QUERY, &many), Err(InvalidWebhook::Malformed));
}

#[test]
fn a_json_body_is_covered_by_its_hash_in_the_signed_query() {
    let json = r#"{"MessageSid": "SM1", "MessageStatus": "failed", "n": 1}"#;
    let (signed, signature) = sign_json(Algorithm::HmacSha1, "token", &url(), json.as_bytes());
    let query = signed.split_once('?').unwrap().1;
    let verified = |query: &str, body: &str| {
        verify(&secrets(), &headers(&signature, "application/json"), ADDRESS, query, body.as_bytes())
    };
    assert_eq!(verified(query, json).unwrap().get("MessageStatus"), Some("failed"));
    assert_eq!(verified(query, &json.replace("failed", "delivered")), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(query, ""), Err(InvalidWebhook::Mismatch));
    assert_eq!(verified(QUERY, json), Err(InvalidWebhook::Mismatch));
    // Upper-case digits are another text, and another text is another signature anyway.
    assert_eq!(verified(&query.to_uppercase(), json), Err(InvalidWebhook::Mismatch));
}

#[test]
fn a_shared_key_signs_where_the_header_says_so_and_one_is_known() {
    let signature = sign_form(Algorithm::HmacSha256, "shared", &url(), &FIELDS);
    let with = |secrets: &Secrets, settings: &str| {
        let mut headers = headers(&signature, FORM);
        headers.insert(SETTINGS, HeaderValue::from_str(settings).unwrap());
        verify(secrets, &headers, ADDRESS, QUERY, body(&FIELDS).as_bytes()).map(drop)
    };
    assert_eq!(with(&secrets(), "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"), Ok(()));
    assert_eq!(with(&secrets(), "key=webhooks_sharedkey_1, algorithm = hmac_sha256"), Ok(()));
    assert_eq!(with(&secrets(), "algorithm=HMAC_SHA1"), Err(InvalidWebhook::Mismatch));
    assert_eq!(with(&secrets(), "algorithm=NONE"), Err(InvalidWebhook::Malformed));
    assert_eq!(with(&secrets(), "key=1"), Err(InvalidWebhook::Malformed));
    let unknown = Secrets { shared_key: None, ..secrets() };
    assert_eq!(with(&unknown, "algorithm=HMAC_SHA256"), Err(InvalidWebhook::Mismatch));
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000).unwrap()
}

fn reported(fields: &[(&str, &str)]) -> Option<Report> {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Form(fields).report(Some("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"), now())
}

#[test]
fn only_the_end_of_a_text_is_news() {
    let of = |status: &str| reported(&[("MessageSid", "SM1"), ("MessageStatus", status), ("To", "+442079460000")]);
    for (status, kind) in [
        ("delivered", EventKind::Delivered),
        ("read", EventKind::Read),
        ("undelivered", EventKind::Failed),
        ("failed", EventKind::Failed),
        ("canceled", EventKind::Failed),
    ] {
        let report = of(status).unwrap();
        assert_eq!((report.delivery_event.unwrap().1.kind, report.changes.len()), (kind, 0), "{status}");
    }
    for status in ["accepted", "scheduled", "queued", "sending", "sent", "partially_delivered", "new"] {
        assert!(of(status).is_none(), "{status}");
    }
}

#[test]
fn a_number_that_told_twilio_stop_is_suppressed_when_a_text_to_it_fails() {
    let fields =
        |code| [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", code), ("To", "+442079460000")];
    let report = reported(&fields("21610")).unwrap();
    assert!(matches!(report.changes[..], [Change::Suppress { reason: Reason::Stop, .. }]));
    assert!(reported(&fields("30003")).unwrap().changes.is_empty());
}

#[test]
fn words_that_stop_and_start_texts_are_known_and_no_others() {
    let change = |body: &str| {
        let report = reported(&[
            ("MessageSid", "SM1"),
            ("SmsStatus", "received"),
            ("From", "+442079460000"),
            ("To", "+442079460999"),
            ("Body", body),
        ])?;
        report.changes.into_iter().next()
    };
    for word in ["STOP", "stop", " Stop. ", "STOPALL", "unsubscribe", "cancel", "End", "quit!", "REVOKE", "OptOut"] {
        assert!(matches!(change(word), Some(Change::Suppress { reason: Reason::Stop, .. })), "{word}");
    }
    for word in ["START", "yes", "Unstop"] {
        assert!(matches!(change(word), Some(Change::Lift { .. })), "{word}");
    }
    for text in ["Stop by the shop?", "HELP", "", "no", "please stop", "STOP STOP"] {
        assert!(change(text).is_none(), "{text}");
    }
}

#[test]
fn what_twilio_took_a_text_for_counts_more_than_its_words() {
    let change = |kind: &str, body: &str| {
        let fields = [("MessageSid", "SM1"), ("From", "+442079460000"), ("Body", body), ("OptOutType", kind)];
        reported(&fields)?.changes.into_iter().next()
    };
    assert!(matches!(change("STOP", "ARRET"), Some(Change::Suppress { .. })));
    assert!(matches!(change("START", "ENCORE"), Some(Change::Lift { .. })));
    assert!(change("HELP", "STOP").is_none());
}
