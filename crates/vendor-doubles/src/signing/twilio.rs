//! Twilio's request signatures: an HMAC over the full public address and the form's fields, in base64.
//!
//! Rules from npm `twilio` 6.3.1 (`lib/webhooks/webhooks.js`) and `PyPI`'s `twilio` 9.13.0 (`request_validator.py`).

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// Says that another key and another hash are used: `key=KEYID,algorithm=HMAC_SHA256`.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";
/// The parameter of the query that holds the hash of a JSON body.
pub const BODY_HASH: &str = "bodySHA256";

/// How it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// With the account's token; no header says so.
    HmacSha1,
    /// With a shared key, named in [`SETTINGS_HEADER`].
    HmacSha256,
}

/// The signature of a form that is posted to `url`, which has its query: names in byte order, each followed by its
/// value; several values of a name are sorted, and equal ones count once.
pub fn sign_form<N: AsRef<str>, V: AsRef<str>>(
    algorithm: Algorithm,
    key: &str,
    url: &str,
    fields: &[(N, V)],
) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in fields {
        sorted.entry(name.as_ref()).or_default().insert(value.as_ref());
    }
    let mut signed = url.to_owned();
    for (name, values) in sorted {
        for value in values {
            signed.push_str(name);
            signed.push_str(value);
        }
    }
    mac(algorithm, key, &signed)
}

/// The address to which a JSON body is posted (with the body's hash in its query), and the signature of that address: the
/// body has no fields.
pub fn sign_json(algorithm: Algorithm, key: &str, url: &str, body: &[u8]) -> (String, String) {
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}{BODY_HASH}={}", hex::encode(digest::digest(&digest::SHA256, body)));
    let signature = mac(algorithm, key, &url);
    (url, signature)
}

fn mac(algorithm: Algorithm, key: &str, signed: &str) -> String {
    let algorithm = match algorithm {
        Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::HmacSha256 => hmac::HMAC_SHA256,
    };
    STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), signed.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    #[test]
    fn a_form_is_signed_as_twilios_documentation_shows_it() {
        // The example of https://www.twilio.com/docs/usage/security, which its libraries test as well.
        let fields = [
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("To", "+18005551212"),
            ("Caller", "+12349013030"),
            ("From", "+12349013030"),
        ];
        let mut again = fields.to_vec();
        again.push(("Digits", "1234"));
        for fields in [&fields[..], &again] {
            assert_eq!(sign_form(Algorithm::HmacSha1, TOKEN, URL, fields), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
        }
    }

    #[test]
    fn a_json_body_is_signed_by_its_hash_in_the_query() {
        let (url, signature) =
            sign_json(Algorithm::HmacSha1, TOKEN, URL, b"{\"property\": \"value\", \"boolean\": true}");
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        assert_eq!(url, format!("{URL}&bodySHA256={hash}"));
        assert_eq!(signature, "a9nBmqA0ju/hNViExpshrM61xv4=");
        assert!(sign_json(Algorithm::HmacSha1, TOKEN, "https://a.example", b"").0.contains("?bodySHA256="));
    }

    #[test]
    fn another_algorithm_is_another_signature() {
        let none: [(&str, &str); 0] = [];
        let signed = |algorithm| sign_form(algorithm, TOKEN, URL, &none);
        assert_ne!(signed(Algorithm::HmacSha1), signed(Algorithm::HmacSha256));
        assert_eq!(signed(Algorithm::HmacSha256).len(), 44);
    }
}
