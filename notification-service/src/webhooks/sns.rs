//! The envelope in which Amazon SNS posts a message over HTTPS, and its signature
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>).
//!
//! The signature covers members of the envelope, so the envelope is parsed as JSON before it is verified. Its message stays text
//! until [`Envelope::verify`] has succeeded.

use std::{fmt, str::FromStr, time::Duration};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{input::Refusal, timestamp::Timestamp};
use serde::Deserialize;

pub use self::address::{SnsAddress, SnsDouble};
use super::invalid::InvalidWebhook;

mod address;

/// How old a message may be. SNS repeats one over HTTPS for an hour at most, whatever the delivery policy says.
const MAX_AGE: Duration = Duration::from_hours(24);
/// How far the clock of SNS may be ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);

/// The name of a topic, such as `arn:aws:sns:us-east-1:123456789012:mail-events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn {
    arn: String,
    region: String,
    /// `aws`, `aws-cn` (China), `aws-us-gov`.
    partition: String,
    /// The double that stands in for SNS in development.
    double: Option<SnsDouble>,
}

impl FromStr for TopicArn {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["arn", partition, "sns", region, account, name]
                if partition.starts_with("aws") && !region.is_empty() && !account.is_empty() && !name.is_empty() =>
            {
                let (region, partition) = (region.to_owned(), partition.to_owned());
                Ok(Self { arn: text.to_owned(), region, partition, double: None })
            }
            _ => Err(Refusal::new("invalid_arn", "must be of the form arn:aws:sns:us-east-1:123456789012:name")),
        }
    }
}

impl TopicArn {
    /// The same topic with a double in place of SNS: only messages of the double are accepted.
    #[must_use]
    pub fn played_by(self, double: SnsDouble) -> Self {
        Self { double: Some(double), ..self }
    }

    /// The host of SNS where the topic is: it signs the topic's messages, and confirms its subscriptions.
    fn host(&self) -> String {
        let suffix = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("sns.{}.{suffix}", self.region)
    }
}

/// The envelope of a message. Members that are neither signed nor used are left out.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// Omits the message, which contains addresses.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} {})", self.kind, self.message_id)
    }
}

/// A verified message, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// A published message, as text.
    Notification(String),
    /// A request to confirm the subscription, by a `GET` of this address.
    SubscriptionConfirmation(SnsAddress),
    /// The subscription has ended.
    UnsubscribeConfirmation,
}

impl Envelope {
    /// Parses the envelope, without verifying it.
    pub fn read(body: &[u8]) -> Result<Self, InvalidWebhook> {
        serde_json::from_slice(body).map_err(|_| InvalidWebhook::Malformed)
    }

    /// Fails unless the envelope names the topic. Checked first, since SNS signs the messages of every topic of every account.
    pub fn must_be_of(&self, topic: &TopicArn) -> Result<(), InvalidWebhook> {
        if self.topic_arn == topic.arn { Ok(()) } else { Err(InvalidWebhook::OtherTopic) }
    }

    /// The address of the signing certificate, which must be on the host of the topic's region: other hosts sign for topics of their
    /// own region.
    pub fn certificate(&self, topic: &TopicArn) -> Result<SnsAddress, InvalidWebhook> {
        let address = SnsAddress::of(topic, &self.signing_cert_url)?;
        let url = address.url();
        let is_certificate = url.path().rsplit('.').next() == Some("pem") && url.query().is_none();
        if is_certificate { Ok(address) } else { Err(InvalidWebhook::CertificateHost) }
    }

    /// The message, if the owner of `key`, a DER-encoded `SubjectPublicKeyInfo`, signed it within the tolerance.
    pub fn verify(&self, topic: &TopicArn, key: &[u8], now: Timestamp) -> Result<Verified, InvalidWebhook> {
        let algorithm: &RsaParameters = match self.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(InvalidWebhook::Malformed),
        };
        let signature = STANDARD.decode(&self.signature).map_err(|_| InvalidWebhook::Malformed)?;
        let signed = self.string_to_sign()?;
        let key = UnparsedPublicKey::new(algorithm, key);
        key.verify(signed.as_bytes(), &signature).map_err(|_| InvalidWebhook::Mismatch)?;
        let at: Timestamp = self.timestamp.parse().map_err(|_| InvalidWebhook::Malformed)?;
        if at < now.minus(MAX_AGE) || at > now.plus(AHEAD) {
            return Err(InvalidWebhook::OutsideTolerance);
        }
        self.kind(topic)
    }

    fn kind(&self, topic: &TopicArn) -> Result<Verified, InvalidWebhook> {
        match (self.kind.as_str(), &self.subscribe_url) {
            ("Notification", _) => Ok(Verified::Notification(self.message.clone())),
            ("SubscriptionConfirmation", Some(address)) => {
                let address = SnsAddress::of(topic, address)?;
                Ok(Verified::SubscriptionConfirmation(address))
            }
            ("UnsubscribeConfirmation", _) => Ok(Verified::UnsubscribeConfirmation),
            _ => Err(InvalidWebhook::Malformed),
        }
    }

    /// Name and value of each signed member, a line each, in the order of the names. An empty `Subject` is included, a `null` one is
    /// not.
    fn string_to_sign(&self) -> Result<String, InvalidWebhook> {
        let mut signed = String::new();
        let mut add = |name: &str, value: &str| {
            for part in [name, "\n", value, "\n"] {
                signed.push_str(part);
            }
        };
        add("Message", &self.message);
        add("MessageId", &self.message_id);
        match self.kind.as_str() {
            "Notification" => {
                if let Some(subject) = &self.subject {
                    add("Subject", subject);
                }
                add("Timestamp", &self.timestamp);
            }
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                add("SubscribeURL", self.subscribe_url.as_deref().ok_or(InvalidWebhook::Malformed)?);
                add("Timestamp", &self.timestamp);
                add("Token", self.token.as_deref().ok_or(InvalidWebhook::Malformed)?);
            }
            _ => return Err(InvalidWebhook::Malformed),
        }
        add("TopicArn", &self.topic_arn);
        add("Type", &self.kind);
        Ok(signed)
    }
}

#[cfg(test)]
mod tests;
