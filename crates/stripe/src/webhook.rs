//! Webhooks: accepted only with a recent signature of Stripe (<https://docs.stripe.com/webhooks/signature>).

use aws_lc_rs::hmac;
use common::timestamp::Timestamp;

/// How old a signature may be, and how far clocks may differ, in seconds.
const TOLERANCE: u64 = 300;
/// The most signatures that are checked: Stripe sends one for each valid secret.
const MAX_SIGNATURES: usize = 8;

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The header is not of the form `t=...,v1=...`.
    #[error("the signature cannot be read")]
    Malformed,
    /// The signature is too old, or from the future.
    #[error("the signature is too old, or from the future")]
    NotNow,
    /// No signature matches the body.
    #[error("no signature matches the body")]
    Mismatch,
}

/// Verifies that `header` (`Stripe-Signature`) has a recent signature of `payload`, the body's raw bytes, by one of
/// `secrets`. Compares in constant time. [`Event::read`](crate::Event::read) reads the body.
pub fn verify(payload: &[u8], header: &str, secrets: &[impl AsRef<str>], now: Timestamp) -> Result<(), WebhookError> {
    let Signed { at, seconds, signatures } = Signed::read(header).ok_or(WebhookError::Malformed)?;
    let mut signed = format!("{at}.").into_bytes();
    signed.extend_from_slice(payload);
    let fits = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        signatures.iter().any(|signature| hmac::verify(&key, &signed, signature).is_ok())
    };
    if !secrets.iter().map(AsRef::as_ref).filter(|secret| !secret.is_empty()).any(fits) {
        return Err(WebhookError::Mismatch);
    }
    // Any i64 may be signed; the difference of two of them is a u64.
    if now.unix_seconds().abs_diff(seconds) > TOLERANCE {
        return Err(WebhookError::NotNow);
    }
    Ok(())
}

/// The parsed header.
struct Signed<'a> {
    /// The time as it was signed.
    at: &'a str,
    seconds: i64,
    signatures: Vec<Vec<u8>>,
}

impl<'a> Signed<'a> {
    /// Reads one time and the signatures of scheme v1, of which there are several while a secret is being replaced.
    /// Other schemes and malformed signatures are ignored, as Stripe asks. A header with two times is refused: Stripe
    /// does not define which one counts.
    fn read(header: &'a str) -> Option<Self> {
        let (mut times, mut signatures) = (Vec::new(), Vec::new());
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", value) => times.push(value),
                ("v1", value) if signatures.len() < MAX_SIGNATURES => signatures.extend(hex::decode(value).ok()),
                _ => {}
            }
        }
        let [at] = times[..] else { return None };
        let seconds = at.parse().ok()?;
        (!signatures.is_empty()).then_some(Self { at, seconds, signatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id": "evt_1", "type": "charge.refunded"}"#;

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_800_000_000_000).unwrap()
    }

    fn signature(secret: &str, body: &[u8], at: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hex::encode(hmac::sign(&key, &[format!("{at}.").as_bytes(), body].concat()))
    }

    fn header(secret: &str, body: &[u8], at: i64) -> String {
        format!("t={at},v1={},v0=6ffbb59b", signature(secret, body, at))
    }

    fn verified(header: &str, secrets: &[&str]) -> Result<(), WebhookError> {
        verify(BODY, header, secrets, now())
    }

    #[test]
    fn a_recent_signature_of_stripe_is_accepted() {
        let at = now().unix_seconds();
        for at in [at, at - 300, at + 300] {
            assert_eq!(verified(&header("whsec_a", BODY, at), &["whsec_a"]), Ok(()));
        }
    }

    #[test]
    fn while_a_secret_is_replaced_either_is_accepted() {
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
        for header in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz", "t", "t=1;v1=00", "t=1,t=1,v1=00"] {
            assert_eq!(verified(header, &["whsec_a"]), Err(WebhookError::Malformed), "{header}");
        }
    }

    #[test]
    fn a_time_at_the_ends_of_its_range_is_refused_however_well_it_is_signed() {
        for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            assert_eq!(verified(&header("whsec_a", BODY, at), &["whsec_a"]), Err(WebhookError::NotNow), "{at}");
        }
        for beyond in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999", "1e9", "", " 1"] {
            assert_eq!(verified(&format!("t={beyond},v1=00"), &["whsec_a"]), Err(WebhookError::Malformed), "{beyond}");
        }
    }

    #[test]
    fn signatures_that_cannot_be_any_stand_in_the_way_of_none() {
        let at = now().unix_seconds();
        let good = signature("whsec_a", BODY, at);
        for odd in ["zz", "0", "\u{e9}", ""] {
            assert_eq!(verified(&format!("t={at},v1={odd},v2=x,v1={good}"), &["whsec_a"]), Ok(()), "{odd}");
        }
        let two_times = format!("t={at},t={},v1={good}", at - 1);
        assert_eq!(verified(&two_times, &["whsec_a"]), Err(WebhookError::Malformed));
    }
}
