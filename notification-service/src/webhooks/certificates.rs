//! The certificates that SNS signs with: fetched from a host of SNS, each once, and remembered within bounds.
//!
//! That a certificate is Amazon's follows from where it is: HTTPS says that the host is SNS. What is read out of it is its
//! public key, by the parser that rustls checks servers' certificates with.

use std::{fmt, sync::Arc, time::Duration};

use common::timestamp::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::sync::Mutex;
use webpki::EndEntityCert;

use super::sns::SnsAddress;

/// SNS changes its certificate about once a year.
const MAX_KNOWN: usize = 4;
/// The largest certificate: real ones have 2 kB.
const MAX_BYTES: usize = 16 * 1024;
/// How long a fetch may take: it is a part of a request.
const FETCH: Duration = Duration::from_millis(1_500);
/// How long no certificate is fetched again from where there was none. Whoever knows the topic can make us ask.
const PAUSE: Duration = Duration::from_mins(1);

/// A host of SNS does not answer, or not with what it was asked for. Asking later is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsError(String);

impl fmt::Display for SnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate of SNS cannot be had, or a subscription not be confirmed: {}", self.0)
    }
}

impl std::error::Error for SnsError {}

#[derive(Debug)]
struct Known {
    address: SnsAddress,
    /// The public key, or until when there is none.
    key: Result<Arc<[u8]>, (Timestamp, SnsError)>,
}

/// What is known of certificates. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Certificates {
    /// In the order in which they came.
    known: Arc<Mutex<Vec<Known>>>,
    client: Option<reqwest::Client>,
}

impl Certificates {
    /// Fetches with another client than the process's own: tests have one that finds the hosts of SNS at a server of theirs.
    #[must_use]
    pub fn with_client(self, client: reqwest::Client) -> Self {
        Self { client: Some(client), ..self }
    }

    fn client(&self) -> &reqwest::Client {
        self.client.as_ref().unwrap_or_else(|| common::outbound::client())
    }

    /// The public key of the certificate at an address, as a DER-encoded `SubjectPublicKeyInfo`. Of many that ask at once,
    /// one fetches.
    pub async fn key(&self, address: &SnsAddress, now: Timestamp) -> Result<Arc<[u8]>, SnsError> {
        let mut known = self.known.lock().await;
        if let Some(at) = known.iter().position(|known| known.address == *address) {
            match &known[at].key {
                Ok(key) => return Ok(Arc::clone(key)),
                Err((until, error)) if now < *until => return Err(error.clone()),
                Err(_) => drop(known.remove(at)),
            }
        }
        let fetched = self.fetch(address).await;
        if known.len() == MAX_KNOWN {
            // A failure first: it must not push out what is good.
            let at = known.iter().position(|known| known.key.is_err()).unwrap_or(0);
            known.remove(at);
        }
        let key = fetched.clone().map_err(|error| (now.plus(PAUSE), error));
        known.push(Known { address: address.clone(), key });
        fetched
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

    /// Tells SNS that the topic's messages are wanted: it asks for a `GET` of an address of its own.
    pub async fn confirm(&self, address: &SnsAddress) -> Result<(), SnsError> {
        let request = self.client().get(address.url().clone()).timeout(FETCH);
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(SnsError(format!("status {}", response.status().as_u16())))
    }
}

/// Without the address: that of a subscription carries its token.
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
