//! Webhooks: only what Stripe signed, not long ago (<https://docs.stripe.com/webhooks/signature>).

use std::fmt;

use aws_lc_rs::hmac;
use common::timestamp::Timestamp;

use crate::Event;

/// How old a signature may be, in seconds, and how far our clocks may differ.
const TOLERANCE: i64 = 300;
/// The most signatures that are looked at: Stripe sends one for each secret that is valid.
const MAX_SIGNATURES: usize = 8;

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookError {
    /// The header is not of the form `t=...,v1=...`.
    Malformed,
    /// The signature is too old, or from the future.
    NotNow,
    /// No signature fits the body.
    Mismatch,
    /// It is signed, and no event.
    NoEvent,
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signature cannot be read",
            Self::NotNow => "the signature is too old, or from the future",
            Self::Mismatch => "no signature fits the body",
            Self::NoEvent => "the body is no event",
        })
    }
}

impl std::error::Error for WebhookError {}

/// The event in `payload`, the body's raw bytes, if `header` (`Stripe-Signature`) has a signature of it by one of
/// `secrets`. Compared in constant time.
pub fn verify(
    payload: &[u8],
    header: &str,
    secrets: &[impl AsRef<str>],
    now: Timestamp,
) -> Result<Event, WebhookError> {
    let (signed_at, signatures) = read(header).ok_or(WebhookError::Malformed)?;
    let mut signed = format!("{signed_at}.").into_bytes();
    signed.extend_from_slice(payload);
    let fits = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        signatures.iter().any(|signature| hmac::verify(&key, &signed, signature).is_ok())
    };
    if !secrets.iter().map(AsRef::as_ref).filter(|secret| !secret.is_empty()).any(fits) {
        return Err(WebhookError::Mismatch);
    }
    if (now.unix_seconds() - signed_at).abs() > TOLERANCE {
        return Err(WebhookError::NotNow);
    }
    serde_json::from_slice(payload).map_err(|_| WebhookError::NoEvent)
}

/// The time and the signatures of scheme v1; other schemes are left alone, as Stripe asks.
fn read(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let (mut signed_at, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", value) => signed_at = Some(value.parse().ok()?),
            ("v1", value) if signatures.len() < MAX_SIGNATURES => signatures.push(from_hex(value)?),
            _ => {}
        }
    }
    signed_at.map(|signed_at| (signed_at, signatures)).filter(|(_, signatures)| !signatures.is_empty())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id": "evt_1", "type": "charge.refunded", "created": 1, "data": {"object":
        {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}}}"#;

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000).unwrap()
    }

    fn signature(secret: &str, body: &[u8], at: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, &[format!("{at}.").as_bytes(), body].concat());
        tag.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }

    fn header(secret: &str, body: &[u8], at: i64) -> String {
        format!("t={at},v1={},v0=6ffbb59b", signature(secret, body, at))
    }

    fn verified(header: &str, secrets: &[&str]) -> Result<String, WebhookError> {
        verify(BODY, header, secrets, now()).map(|event| event.payment_intent().unwrap().to_string())
    }

    #[test]
    fn a_signed_event_is_read() {
        let at = now().unix_seconds();
        for at in [at, at - 300, at + 300] {
            assert_eq!(verified(&header("whsec_a", BODY, at), &["whsec_a"]).as_deref(), Ok("pi_1"));
        }
    }

    #[test]
    fn while_a_secret_is_replaced_either_is_good() {
        let at = now().unix_seconds();
        assert!(verified(&header("whsec_b", BODY, at), &["whsec_a", "whsec_b"]).is_ok());
        let both = format!("t={at},v1={},v1={}", signature("whsec_x", BODY, at), signature("whsec_a", BODY, at));
        assert!(verified(&both, &["whsec_a"]).is_ok());
    }

    #[test]
    fn what_stripe_did_not_sign_is_refused() {
        let at = now().unix_seconds();
        assert_eq!(verified(&header("whsec_b", BODY, at), &["whsec_a"]), Err(WebhookError::Mismatch));
        assert_eq!(verified(&header("whsec_a", b"{}", at), &["whsec_a"]), Err(WebhookError::Mismatch));
        let moved = header("whsec_a", BODY, at - 1).replace(&(at - 1).to_string(), &at.to_string());
        assert_eq!(verified(&moved, &["whsec_a"]), Err(WebhookError::Mismatch));
        assert_eq!(
            verified(&header("", BODY, at), &[""]),
            Err(WebhookError::Mismatch),
            "an empty secret signs nothing"
        );
    }

    #[test]
    fn old_and_future_signatures_are_refused() {
        let at = now().unix_seconds();
        for at in [at - 301, at + 301] {
            assert_eq!(verified(&header("whsec_a", BODY, at), &["whsec_a"]), Err(WebhookError::NotNow));
        }
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz", "t", "t=1;v1=00"] {
            assert_eq!(verified(header, &["whsec_a"]), Err(WebhookError::Malformed), "{header}");
        }
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_refused() {
        let at = now().unix_seconds();
        let refused = verify(b"{}", &header("whsec_a", b"{}", at), &["whsec_a"], now());
        assert_eq!(refused.unwrap_err(), WebhookError::NoEvent);
    }
}
