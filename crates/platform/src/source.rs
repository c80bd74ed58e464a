//! The source address of a request, from the gateway or from the CDN in front of it, and never from a client's header.
//!
//! Behind a CDN the gateway sees the CDN's address. The CDN authenticates with a secret that it adds to each request
//! (`x-origin-secret`, a custom origin header of CloudFront), and only then its `CloudFront-Viewer-Address` counts.
//! Both headers are removed from the request, so that no later code can read, log or pass them on.

use std::{
    net::IpAddr,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use common::{http::single, problem::Problem};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::config::{Env, Secret, SecretError};

/// The header by which the CDN proves that the request came through it.
const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-origin-secret");
/// CloudFront's header with its client's address: `address:port`, an IPv6 address without brackets.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// Determines source addresses, and whether a request came through the CDN. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    secret: Option<Secret>,
    is_required: bool,
}

/// The source of a request.
#[derive(Debug)]
pub(crate) struct Source {
    /// The address; `None` when the CDN does not send it, or its secret could not be checked.
    pub(crate) address: Option<IpAddr>,
    /// The refusal of a request that did not come through the CDN, where that is required.
    pub(crate) refusal: Option<Problem>,
}

impl Sources {
    /// Reads `ORIGIN_SECRET`, an optional secret (several, separated by commas, while one is being replaced), and
    /// `ORIGIN_REQUIRED`, which has requests without the secret refused.
    pub(crate) fn configure(env: &mut Env) -> Option<Self> {
        let is_required = env.parsed_or("ORIGIN_REQUIRED", Required(false));
        let is_required = is_required?.0;
        let secret =
            if is_required { Some(env.secret("ORIGIN_SECRET")?) } else { env.optional_secret("ORIGIN_SECRET") };
        Some(Self { secret, is_required })
    }

    /// The source of a request with the TCP peer `peer`; removes the CDN's headers.
    pub(crate) async fn of(&self, headers: &mut HeaderMap, peer: Option<&str>) -> Source {
        let given = taken(headers, &ORIGIN_SECRET);
        let viewer = taken(headers, &VIEWER_ADDRESS);
        let is_ours = match given {
            Some(given) => self.is_ours(&given).await,
            None => Ok(false),
        };
        let address = match &is_ours {
            Ok(true) => from_cdn(viewer.as_ref()),
            Ok(false) => peer.and_then(|peer| peer.parse().ok()),
            // The peer may be the CDN, whose address is the same for all shoppers of a CDN location.
            Err(_) => None,
        };
        let refusal = match is_ours {
            _ if !self.is_required => None,
            Ok(true) => None,
            Ok(false) => Some(Problem::new(
                StatusCode::FORBIDDEN,
                "origin_required",
                "The request did not come through the public address",
                "Send requests to the public address of the shop.",
            )),
            Err(error) => Some(Problem::unavailable(error)),
        };
        Source { address, refusal }
    }

    async fn is_ours(&self, given: &HeaderValue) -> Result<bool, SecretError> {
        let Some(secret) = &self.secret else { return Ok(false) };
        match secret.shared().await {
            Ok(secrets) => Ok(is_one_of(given.as_bytes(), &secrets)),
            Err(error) => {
                tracing::warn!(error = %error, "origin secret not available: the request has no source address");
                Err(error)
            }
        }
    }
}

/// A setting that is on or off.
struct Required(bool);

impl FromStr for Required {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "must be true or false")
    }
}

/// Removes the header; returns its value if there is exactly one.
fn taken(headers: &mut HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let value = single(headers, name).ok().flatten().cloned();
    headers.remove(name);
    value
}

/// The address from the CDN's header. The gateway's peer address is no substitute: it is the same for all shoppers of a
/// CDN location, and limits would count them as one.
fn from_cdn(viewer: Option<&HeaderValue>) -> Option<IpAddr> {
    static MISSING: AtomicBool = AtomicBool::new(false);
    let address = viewer.and_then(|viewer| viewer.to_str().ok()).and_then(viewer_address);
    if address.is_none() && !MISSING.swap(true, Ordering::Relaxed) {
        tracing::warn!("CloudFront-Viewer-Address is missing: add it to the origin request policy of the distribution");
    }
    address
}

/// Compares with each secret in constant time, so that the time of an answer shows nothing about the secret.
fn is_one_of(given: &[u8], secrets: &str) -> bool {
    let secrets = secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty());
    secrets.fold(false, |found, secret| found | verify_slices_are_equal(given, secret.as_bytes()).is_ok())
}

/// `203.0.113.7:46532`, `2001:db8::7:46532`, and with brackets `[2001:db8::7]:46532`.
fn viewer_address(text: &str) -> Option<IpAddr> {
    let (address, port) = text.trim().rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "198.51.100.9";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    async fn source(secrets: Option<&str>, headers: &[(&'static str, &str)]) -> Option<IpAddr> {
        let mut env = Env::from_pairs(secrets.map(|secrets| ("ORIGIN_SECRET", secrets)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let found = Sources::configure(&mut env).unwrap().of(&mut map, Some(PEER)).await;
        assert!(env.is_complete(), "{}", env.report());
        assert_eq!((map.get(&ORIGIN_SECRET), map.get(&VIEWER_ADDRESS)), (None, None), "the CDN's headers stay");
        assert!(found.refusal.is_none());
        found.address
    }

    const VIEWER: (&str, &str) = ("cloudfront-viewer-address", "203.0.113.7:46532");

    #[tokio::test]
    async fn the_cdns_word_counts_only_with_one_of_the_secrets() {
        let own = |secret| [("x-origin-secret", secret), VIEWER];
        for right in ["old", "new"] {
            assert_eq!(source(Some("old, new"), &own(right)).await, Some(ip("203.0.113.7")), "{right}");
        }
        for wrong in ["", " ", "ol", "oldd", "OLD", "old,", "old, new", "old,new", ","] {
            assert_eq!(source(Some("old, new,"), &own(wrong)).await, Some(ip(PEER)), "{wrong:?}");
        }
        assert_eq!(source(Some("old"), &[VIEWER]).await, Some(ip(PEER)));
        assert_eq!(source(None, &own("old")).await, Some(ip(PEER)));
        assert_eq!(source(None, &own("")).await, Some(ip(PEER)));
        assert_eq!(source(Some(" , "), &own("")).await, Some(ip(PEER)));
    }

    #[tokio::test]
    async fn the_way_around_the_cdn_can_be_closed() {
        let status = async |secret: &str, given: &[&str]| {
            let mut env = Env::from_pairs([("ORIGIN_REQUIRED", "true"), ("ORIGIN_SECRET", secret)]);
            let sources = Sources::configure(&mut env).unwrap();
            let mut headers = HeaderMap::new();
            for given in given {
                headers.append("x-origin-secret", given.parse().unwrap());
            }
            sources.of(&mut headers, Some(PEER)).await.refusal.map(|problem| problem.status().as_u16())
        };
        for right in [&["old"][..], &["new"]] {
            assert_eq!(status("old, new", right).await, None, "{right:?}");
        }
        for wrong in [&[][..], &[""], &["other"], &["old", "old"], &["old, new"]] {
            assert_eq!(status("old, new", wrong).await, Some(403), "{wrong:?}");
        }
        let mut env = Env::from_pairs([("ORIGIN_REQUIRED", "true")]);
        assert!(Sources::configure(&mut env).is_none() && env.report().contains("ORIGIN_SECRET is missing"));
        let mut env = Env::from_pairs([("ORIGIN_REQUIRED", "yes")]);
        assert!(Sources::configure(&mut env).is_none() && env.report().contains("ORIGIN_REQUIRED"));
    }

    #[tokio::test]
    async fn a_secret_that_is_sent_twice_proves_nothing() {
        let twice = [("x-origin-secret", "old"), ("x-origin-secret", "old"), VIEWER];
        assert_eq!(source(Some("old"), &twice).await, Some(ip(PEER)));
    }

    #[tokio::test]
    async fn a_cdn_that_does_not_say_its_clients_address_says_none() {
        for viewer in [&[][..], &[("cloudfront-viewer-address", "nonsense")], &[VIEWER, VIEWER]] {
            let headers = [&[("x-origin-secret", "old")][..], viewer].concat();
            assert_eq!(source(Some("old"), &headers).await, None, "{viewer:?}");
        }
    }

    #[tokio::test]
    async fn what_a_client_says_of_itself_does_not_count() {
        let claims =
            [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"), ("x-real-ip", "192.0.2.1"), VIEWER];
        assert_eq!(source(Some("old"), &claims).await, Some(ip(PEER)));
        let mut headers = HeaderMap::new();
        let sources = Sources { secret: None, is_required: false };
        assert_eq!(sources.of(&mut headers, Some("no address")).await.address, None);
        assert_eq!(sources.of(&mut headers, None).await.address, None);
    }

    #[test]
    fn viewer_addresses_end_in_a_port() {
        for (text, expected) in [
            ("203.0.113.7:1", "203.0.113.7"),
            ("2001:db8::7:65535", "2001:db8::7"),
            ("2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2:3:4:5:6"),
            ("[2001:db8::7]:443", "2001:db8::7"),
        ] {
            assert_eq!(viewer_address(text), Some(ip(expected)), "{text}");
        }
        for refused in [
            "",
            "203.0.113.7",
            "203.0.113.7:",
            "203.0.113.7:65536",
            ":443",
            "[2001:db8::7",
            "2001:db8:1:2:3:4:5:6",
            "a:1",
        ] {
            assert_eq!(viewer_address(refused), None, "{refused}");
        }
    }
}
