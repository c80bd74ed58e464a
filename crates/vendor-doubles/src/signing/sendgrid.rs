//! SendGrid's signed event webhook: ECDSA on P-256 with SHA-256 over the timestamp's bytes followed by the raw body. The
//! signature travels as base64 of DER, the key as base64 of its `SubjectPublicKeyInfo`.
//!
//! Rules from npm `@sendgrid/eventwebhook` 8.0.0 and `PyPI`'s `sendgrid` 6.12.5.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
/// The header with the timestamp, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";

/// A signing key of SendGrid, generated for the test.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    public: String,
}

impl Signer {
    /// A new key.
    pub fn generate() -> Result<Self, Unspecified> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        let der: PublicKeyX509Der<'_> = key.public_key().as_der()?;
        let public = STANDARD.encode(der.as_ref());
        Ok(Self { key, public })
    }

    /// The public key as SendGrid's settings show it, for verifiers.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The signature of a body that is posted with this timestamp. The body's bytes count as they are.
    pub fn sign(&self, timestamp: &str, body: &[u8]) -> Result<String, Unspecified> {
        let signed = [timestamp.as_bytes(), body].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed)?;
        Ok(STANDARD.encode(signature.as_ref()))
    }
}

/// A body as SendGrid posts it: one event a line, CR LF between them and at the end.
pub fn body(events: &[Value]) -> Vec<u8> {
    let events: Vec<String> = events.iter().map(Value::to_string).collect();
    format!("[{}]\r\n", events.join(",\r\n")).into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_signed_verifies_with_the_published_key_and_not_when_a_byte_differs() {
        let signer = Signer::generate().unwrap();
        let body = body(&[json!({"event": "bounce", "sg_event_id": "a"}), json!({"event": "open"})]);
        assert!(body.ends_with(b"}]\r\n"));
        let signature = STANDARD.decode(signer.sign("1600112502", &body).unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, STANDARD.decode(signer.public_key()).unwrap());
        key.verify(&[b"1600112502", &body[..]].concat(), &signature).unwrap();
        assert!(key.verify(&[b"1600112503", &body[..]].concat(), &signature).is_err());
        assert!(key.verify(&[b"1600112502", &body[..body.len() - 1]].concat(), &signature).is_err());
    }
}
