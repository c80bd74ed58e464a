//! Amazon SNS: messages that are signed with a certificate's key, version 1 (RSA with SHA-1) and 2 (RSA with SHA-256), both
//! PKCS#1 v1.5: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.

use std::error::Error;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use num_bigint::{BigInt, BigUint};
use rcgen::{CertificateParams, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use simple_asn1::ASN1Block;

/// ASN.1's name of SHA-1 in front of the hash (RFC 8017, 9.2, note 1).
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
/// How many bytes the modulus has.
const MODULUS: usize = 256;
/// The signed members of a notification, in order; `Subject` only where there is one.
const OF_A_NOTIFICATION: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
/// The signed members of a confirmation, of either kind.
const OF_A_CONFIRMATION: [&str; 7] = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// The token of a subscription that is to be confirmed. SNS's is of one subscription; the doubles have one.
pub const TOKEN: &str = "2336412f37fb687f5d51e6e2425c464de";

/// Which signature a topic makes: its attribute `SignatureVersion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RSA with SHA-1, the default.
    One,
    /// RSA with SHA-256.
    Two,
}

/// A signing key of SNS with its certificate, generated for the test.
#[derive(Debug)]
pub struct Signer {
    key: RsaKeyPair,
    private: BigUint,
    modulus: BigUint,
    certificate: String,
}

impl Signer {
    /// A new key and a certificate of its own for `sns.amazonaws.com`.
    pub fn generate() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let der: Pkcs8V1Der<'_> = key.as_der()?;
        let (modulus, private) = numbers_of(der.as_ref()).ok_or("the new key has no numbers")?;
        let own = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.as_ref().into(), &PKCS_RSA_SHA256)?;
        let certificate = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])?.self_signed(&own)?.pem();
        Ok(Self { key, private, modulus, certificate })
    }

    /// The certificate, as SNS serves it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Signs a message and says by which certificate: `SignatureVersion`, `Signature` and `SigningCertURL`.
    pub fn sign(
        &self,
        message: &mut Value,
        version: Version,
        certificate_url: &str,
    ) -> Result<(), aws_lc_rs::error::Unspecified> {
        let signed = signed_text(message);
        let signature = match version {
            Version::One => self.sign_sha1(signed.as_bytes()),
            Version::Two => {
                let mut signature = vec![0; MODULUS];
                self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
                signature
            }
        };
        message["SignatureVersion"] = json!(if version == Version::One { "1" } else { "2" });
        message["Signature"] = json!(STANDARD.encode(signature));
        message["SigningCertURL"] = json!(certificate_url);
        Ok(())
    }

    /// Implemented here, since the library no longer signs with SHA-1 (RFC 8017, 8.2.1). For tests only: its time depends on the key.
    fn sign_sha1(&self, signed: &[u8]) -> Vec<u8> {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, signed);
        let mut encoded = vec![0xff; MODULUS];
        let tail = [&[0], &SHA1_PREFIX[..], hash.as_ref()].concat();
        encoded[..2].copy_from_slice(&[0, 1]);
        encoded[MODULUS - tail.len()..].copy_from_slice(&tail);
        let signature = BigUint::from_bytes_be(&encoded).modpow(&self.private, &self.modulus).to_bytes_be();
        [vec![0; MODULUS - signature.len()], signature].concat()
    }
}

/// The modulus and the private exponent of a PKCS#8 key (RFC 5958, RFC 8017 A.1.2).
fn numbers_of(pkcs8: &[u8]) -> Option<(BigUint, BigUint)> {
    let outer = simple_asn1::from_der(pkcs8).ok()?;
    let ASN1Block::Sequence(_, outer) = outer.first()? else { return None };
    let ASN1Block::OctetString(_, inner) = outer.get(2)? else { return None };
    let inner = simple_asn1::from_der(inner).ok()?;
    let ASN1Block::Sequence(_, numbers) = inner.first()? else { return None };
    let number = |at: usize| match numbers.get(at) {
        Some(ASN1Block::Integer(_, number)) => BigInt::to_biguint(number),
        _ => None,
    };
    Some((number(1)?, number(3)?))
}

/// The text that is signed: lines of a name and its value, each ended.
pub fn signed_text(message: &Value) -> String {
    let names: &[&str] = match message["Type"].as_str() {
        Some("Notification") => &OF_A_NOTIFICATION,
        _ => &OF_A_CONFIRMATION,
    };
    let line = |name: &&str| message[*name].as_str().map(|value| format!("{name}\n{value}\n"));
    names.iter().filter_map(line).collect()
}

/// A notification of a topic, without signature. `message` is text; SES's is JSON.
pub fn notification(topic: &str, id: &str, at: &str, message: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": id, "TopicArn": topic, "Message": message, "Timestamp": at,
        "UnsubscribeURL": format!("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={topic}:1")
    })
}

/// A confirmation of a subscription, without its signature: `kind` is `SubscriptionConfirmation` or
/// `UnsubscribeConfirmation`.
pub fn confirmation(kind: &str, topic: &str, id: &str, at: &str, subscribe_url: &str) -> Value {
    json!({
        "Type": kind, "MessageId": id, "TopicArn": topic, "Timestamp": at, "Token": TOKEN,
        "Message": format!("You have chosen to subscribe to the topic {topic}.\nTo confirm, visit the SubscribeURL."),
        "SubscribeURL": subscribe_url
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use aws_lc_rs::signature::{
        KeyPair, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };

    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail";
    const AT: &str = "2026-11-30T08:00:00.000Z";

    #[test]
    fn both_versions_verify_with_the_certificates_key() {
        let signer = Signer::generate().unwrap();
        let key = signer.key.public_key().as_ref().to_vec();
        for (version, algorithm, name) in [
            (Version::One, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, "1"),
            (Version::Two, &RSA_PKCS1_2048_8192_SHA256, "2"),
        ] {
            let mut message = notification(TOPIC, "m-1", AT, "{}");
            signer.sign(&mut message, version, "https://sns.us-east-1.amazonaws.com/x.pem").unwrap();
            let signature = STANDARD.decode(message["Signature"].as_str().unwrap()).unwrap();
            let key = UnparsedPublicKey::new(algorithm, &key);
            key.verify(signed_text(&message).as_bytes(), &signature).unwrap();
            assert_eq!(message["SignatureVersion"], name);
            message["Message"] = json!("{} ");
            assert!(key.verify(signed_text(&message).as_bytes(), &signature).is_err());
        }
        assert!(signer.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn what_is_signed_has_the_names_in_order_and_no_subject_that_is_not_there() {
        let mut message = notification(TOPIC, "m-1", AT, "hello");
        let text = format!("Message\nhello\nMessageId\nm-1\nTimestamp\n{AT}\nTopicArn\n{TOPIC}\nType\nNotification\n");
        assert_eq!(signed_text(&message), text);
        message["Subject"] = json!(null);
        assert_eq!(signed_text(&message), text);
        message["Subject"] = json!("");
        assert!(signed_text(&message).contains("MessageId\nm-1\nSubject\n\nTimestamp\n"));
        let text = signed_text(&confirmation("UnsubscribeConfirmation", TOPIC, "m-2", AT, "https://a.example/?b"));
        assert!(text.contains("SubscribeURL\nhttps://a.example/?b\nTimestamp\n") && text.contains("\nToken\n2336"));
        assert!(text.ends_with(&format!("TopicArn\n{TOPIC}\nType\nUnsubscribeConfirmation\n")));
    }
}
