//! The addresses in a message of SNS: of its certificate, and of a subscription's confirmation.

use std::str::FromStr;

use reqwest::Url;

use super::TopicArn;
use crate::webhooks::invalid::InvalidWebhook;

/// An address on a host of SNS: `https://sns.REGION.amazonaws.com`, in China with `.cn` behind it, at HTTPS's own port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsAddress(Url);

impl SnsAddress {
    /// `None` for any other address. Parsed as the HTTP client parses it, so that both see the same host.
    pub fn read(text: &str) -> Option<Self> {
        // Parsers drop white space and read a backslash as a slash; SNS writes neither.
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return None;
        }
        let address = Url::parse(text).ok()?;
        let is_plain = address.scheme() == "https"
            && address.port().is_none()
            && address.username().is_empty()
            && address.password().is_none()
            && address.fragment().is_none();
        let host = address.host_str()?;
        let rest = host.strip_prefix("sns.")?;
        let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
        let is_region =
            is_of_a_region(region) && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (is_plain && is_region).then_some(Self(address))
    }

    /// An address on the host of a topic's region, or of the double that plays the topic.
    pub(super) fn of(topic: &TopicArn, text: &str) -> Result<Self, InvalidWebhook> {
        if let Some(double) = &topic.double {
            return double.address(text).ok_or(InvalidWebhook::CertificateHost);
        }
        let address = Self::read(text).ok_or(InvalidWebhook::CertificateHost)?;
        if address.0.host_str() == Some(&*topic.host()) { Ok(address) } else { Err(InvalidWebhook::OtherRegion) }
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// The address of a double of SNS: `http://127.0.0.1:PORT`. No other host is allowed, so that only programs of this machine can use
/// it; on AWS the setting is refused ([`platform::config::Env::at_home`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsDouble(Url);

impl FromStr for SnsDouble {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = "must be of the form http://127.0.0.1:9000";
        let url = Url::parse(text).map_err(|_| refusal)?;
        let is_root = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_loopback = url.scheme() == "http" && url.host_str() == Some("127.0.0.1") && url.username().is_empty();
        if is_root && is_loopback && url.password().is_none() { Ok(Self(url)) } else { Err(refusal) }
    }
}

impl SnsDouble {
    /// `None` for an address on another origin.
    fn address(&self, text: &str) -> Option<SnsAddress> {
        let address = Url::parse(text).ok()?;
        let is_plain = address.username().is_empty() && address.password().is_none() && address.fragment().is_none();
        (is_plain && address.origin() == self.0.origin()).then_some(SnsAddress(address))
    }
}

/// `eu-central-1`, `us-gov-west-1`: words of which the last is a number. `sns.s3-us-west-2` is a bucket's address at S3.
fn is_of_a_region(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    words.len() >= 3
        && !name.starts_with("s3")
        && words.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}
