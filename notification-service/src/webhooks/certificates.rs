//! The signing certificates of SNS: each is fetched once from a host of SNS, and a bounded number is cached.
//!
//! A certificate is trusted because of its address: HTTPS proves that the host is SNS. Only its public key is read, by the parser
//! with which rustls checks servers' certificates.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common::timestamp::Timestamp;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use webpki::EndEntityCert;

use super::sns::SnsAddress;

/// The most cached certificates, running fetches and cached failures, each. SNS changes its certificate about once a year.
const MAX_KNOWN: usize = 4;
/// The largest certificate: real ones have 2 kB.
const MAX_BYTES: usize = 16 * 1024;
/// Time limit of a fetch, which is part of a request.
const FETCH: Duration = Duration::from_millis(1_500);
/// How long a failed fetch is not repeated. Anyone who knows the topic can cause fetches.
const PAUSE: Duration = Duration::from_mins(1);

/// A failed request to a host of SNS. A later try may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate of SNS cannot be had, or a subscription not be confirmed: {0}")]
pub struct SnsError(String);

/// The result of a fetch: the public key, or the error with the time until which it is not repeated.
type Fetched = Result<Arc<[u8]>, (Timestamp, SnsError)>;

#[derive(Debug)]
struct Known {
    address: SnsAddress,
    /// The running or completed fetch, which callers share.
    fetch: Shared<BoxFuture<'static, Fetched>>,
}

impl Known {
    /// The result; `None` while it is running.
    fn fetched(&self) -> Option<&Fetched> {
        self.fetch.peek()
    }
}

/// The cache of certificates. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Certificates {
    /// In the order of the first request. The lock is never held across an await.
    known: Arc<Mutex<Vec<Known>>>,
    client: Option<reqwest::Client>,
}

impl Certificates {
    /// Fetches with another HTTP client. For tests, whose client resolves the hosts of SNS to a server of theirs.
    #[must_use]
    pub fn with_client(self, client: reqwest::Client) -> Self {
        Self { client: Some(client), ..self }
    }

    fn client(&self) -> &reqwest::Client {
        self.client.as_ref().unwrap_or_else(|| common::outbound::client())
    }

    /// The public key of the certificate at an address, as a DER-encoded `SubjectPublicKeyInfo`. Concurrent callers for one address
    /// share one fetch; callers for other addresses or cached keys do not wait for it.
    pub async fn key(&self, address: &SnsAddress, now: Timestamp) -> Result<Arc<[u8]>, SnsError> {
        self.fetch_of(address, now)?.await.map_err(|(_, error)| error)
    }

    /// The running or completed fetch, or else a new one.
    fn fetch_of(&self, address: &SnsAddress, now: Timestamp) -> Result<Shared<BoxFuture<'static, Fetched>>, SnsError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| !matches!(known.fetched(), Some(Err((until, _))) if *until <= now));
        if let Some(known) = known.iter().find(|known| known.address == *address) {
            return Ok(known.fetch.clone());
        }
        if known.iter().filter(|known| known.fetched().is_none()).count() == MAX_KNOWN {
            return Err(SnsError("too many certificates are being fetched".to_owned()));
        }
        // By kind, so that failures evict no key.
        drop_oldest_beyond(&mut known, |fetched| matches!(fetched, Some(Ok(_))));
        drop_oldest_beyond(&mut known, |fetched| matches!(fetched, Some(Err(_))));
        let (this, of) = (self.clone(), address.clone());
        let fetch = async move { this.fetch(&of).await.map_err(|error| (now.plus(PAUSE), error)) };
        let fetch = fetch.boxed().shared();
        // A task of its own, so that it completes when the request that began it is cancelled.
        tokio::spawn(fetch.clone());
        known.push(Known { address: address.clone(), fetch: fetch.clone() });
        Ok(fetch)
    }

    async fn fetch(&self, address: &SnsAddress) -> Result<Arc<[u8]>, SnsError> {
        let unreachable = |why: &str| SnsError(why.to_owned());
        let fetching = async {
            let response = self.client().get(address.url().clone()).send().await.map_err(|error| failed(&error))?;
            if !response.status().is_success() {
                return Err(SnsError(format!("status {}", response.status().as_u16())));
            }
            let mut response = response;
            let mut pem = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
                if pem.len() + chunk.len() > MAX_BYTES {
                    return Err(unreachable("it is too large"));
                }
                pem.extend_from_slice(&chunk);
            }
            public_key(&pem).ok_or_else(|| unreachable("it is no certificate"))
        };
        tokio::time::timeout(FETCH, fetching).await.map_err(|_| unreachable("no answer in time"))?
    }

    /// Confirms the subscription to the topic by a `GET` of the address in SNS's message.
    pub async fn confirm(&self, address: &SnsAddress) -> Result<(), SnsError> {
        let request = self.client().get(address.url().clone()).timeout(FETCH);
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(SnsError(format!("status {}", response.status().as_u16())))
    }
}

/// Evicts the oldest of a kind when [`MAX_KNOWN`] are cached.
fn drop_oldest_beyond(known: &mut Vec<Known>, is_of_the_kind: impl Fn(Option<&Fetched>) -> bool) {
    let of_the_kind = known.iter().filter(|known| is_of_the_kind(known.fetched())).count();
    if of_the_kind >= MAX_KNOWN
        && let Some(at) = known.iter().position(|known| is_of_the_kind(known.fetched()))
    {
        known.remove(at);
    }
}

/// The error without the URL: that of a subscription contains its token.
fn failed(error: &reqwest::Error) -> SnsError {
    let why = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the answer broke off"
    };
    SnsError(why.to_owned())
}

/// The public key of a certificate in PEM, as a DER-encoded `SubjectPublicKeyInfo`.
pub fn public_key(pem: &[u8]) -> Option<Arc<[u8]>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let certificate = EndEntityCert::try_from(&certificate).ok()?;
    Some(Arc::from(certificate.subject_public_key_info().as_ref()))
}
