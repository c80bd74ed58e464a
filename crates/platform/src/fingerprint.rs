//! Keyed hashes of e-mail addresses, phone numbers and network addresses. Limits count under them: stored hashes can be
//! compared, and a reader of the table learns no address from them.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use common::contact::{Email, Phone};

use crate::config::{Env, Secret, SecretError};

/// HMAC-SHA256 under the shop's key, cut to 128 bits (RFC 2104, section 5, allows half of the hash).
pub type Fingerprint = [u8; 16];

/// The fewest characters of the key: 192 random bits in base64. There are so few IPv4 addresses that someone who
/// guesses the key can recover all of them.
pub const LEAST_KEY: usize = 32;

/// Computes fingerprints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fingerprints(Secret);

impl Fingerprints {
    /// Reads `FINGERPRINT_KEY`, a secret of [`LEAST_KEY`] characters or more. Changing the key resets every count,
    /// makes every suppressed address unknown, and invalidates the links in mails that were sent (docs/operations.md).
    pub fn configure(env: &mut Env) -> Option<Self> {
        env.secret_of_at_least("FINGERPRINT_KEY", LEAST_KEY).map(Self)
    }

    /// The fingerprint of a mailbox. Addresses that differ in capitals only have the same one.
    pub async fn recipient(&self, email: &Email) -> Result<Fingerprint, SecretError> {
        self.of("recipient", &email.key()).await
    }

    /// The fingerprint of a phone number, without its extension.
    pub async fn phone(&self, phone: &Phone) -> Result<Fingerprint, SecretError> {
        let number = phone.as_str().split(';').next().unwrap_or_default();
        self.of("phone", number).await
    }

    /// The seal of a text that leaves the shop and comes back, such as a link in a mail. A seal is valid for one
    /// purpose only.
    pub async fn seal(&self, purpose: &str, text: &str) -> Result<Fingerprint, SecretError> {
        self.of(&format!("seal of {purpose}"), text).await
    }

    /// The fingerprint of a source address. An IPv6 subscriber has a whole /64, which therefore has one fingerprint.
    pub async fn source(&self, address: IpAddr) -> Result<Fingerprint, SecretError> {
        self.of("source", &network(address)).await
    }

    /// Identifies the key: fingerprints can be compared only when they were made with the same key.
    pub async fn key_id(&self) -> Result<String, SecretError> {
        let mut id = hex(self.of("key id", "").await?);
        id.truncate(8);
        Ok(id)
    }

    async fn of(&self, kind: &str, value: &str) -> Result<Fingerprint, SecretError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.get().await?.as_bytes());
        let tag = hmac::sign(&key, format!("{kind}\n{value}").as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&tag.as_ref()[..size_of::<Fingerprint>()]);
        Ok(fingerprint)
    }
}

/// A fingerprint in hexadecimal, as tables store it.
pub fn hex(fingerprint: Fingerprint) -> String {
    format!("{:032x}", u128::from_be_bytes(fingerprint))
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(key: &str) -> Fingerprints {
        Fingerprints::configure(&mut Env::from_pairs([("FINGERPRINT_KEY", key)])).unwrap()
    }

    #[tokio::test]
    async fn one_mailbox_has_one_fingerprint_under_one_key() {
        let email = |text: &str| text.parse::<Email>().unwrap();
        let (ours, theirs) = (keyed(&"a".repeat(LEAST_KEY)), keyed(&"b".repeat(LEAST_KEY)));
        let ada = ours.recipient(&email("ada@example.com")).await.unwrap();
        assert_eq!(ours.recipient(&email("Ada@Example.COM")).await.unwrap(), ada);
        assert_ne!(ours.recipient(&email("bob@example.com")).await.unwrap(), ada);
        assert_ne!(theirs.recipient(&email("ada@example.com")).await.unwrap(), ada);
    }

    #[tokio::test]
    async fn keys_are_distinguished_by_their_ids() {
        let (ours, theirs) = (keyed(&"a".repeat(LEAST_KEY)), keyed(&"b".repeat(LEAST_KEY)));
        assert_eq!(ours.key_id().await.unwrap(), keyed(&"a".repeat(LEAST_KEY)).key_id().await.unwrap());
        assert_ne!(ours.key_id().await.unwrap(), theirs.key_id().await.unwrap());
    }

    #[tokio::test]
    async fn a_telephone_and_a_seal_are_no_mailbox_of_the_same_text() {
        let ours = keyed(&"a".repeat(LEAST_KEY));
        let phone = ours.phone(&"+14155550123".parse().unwrap()).await.unwrap();
        assert_eq!(ours.phone(&"+1 415 555 0123".parse().unwrap()).await.unwrap(), phone);
        let seals = [
            ours.seal("a", "+14155550123").await.unwrap(),
            ours.seal("b", "+14155550123").await.unwrap(),
            keyed(&"b".repeat(LEAST_KEY)).seal("a", "+14155550123").await.unwrap(),
        ];
        assert!(!seals.contains(&phone));
        assert!(seals[0] != seals[1] && seals[0] != seals[2]);
    }

    #[test]
    fn a_key_of_fewer_than_32_characters_is_refused_by_name_and_without_its_value() {
        let configured = |key: &str| {
            let mut env = Env::from_pairs([("FINGERPRINT_KEY", key)]);
            (Fingerprints::configure(&mut env).is_some(), env.report())
        };
        // 31 characters of two bytes each.
        for short in ["hunter2", &"h".repeat(31), &"\u{e9}".repeat(31)] {
            let (is_taken, report) = configured(short);
            assert!(!is_taken && report.ends_with("FINGERPRINT_KEY must have at least 32 characters"), "{report}");
            assert!(!report.contains(short), "{report}");
        }
        assert!(configured("").1.ends_with("FINGERPRINT_KEY is missing"));
        assert!(configured(&"h".repeat(32)).0);
        assert!(configured("ssm:/shop/key").0, "what is kept elsewhere is looked at when it is fetched");
    }

    #[test]
    fn a_subscriber_is_one_ipv4_address_or_one_ipv6_network_of_64_bits() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), "203.0.113.7");
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(of("2001:db8:1:2:aaaa::1"), of("2001:db8:1:2:bbbb::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
