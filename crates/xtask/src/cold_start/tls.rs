//! TLS in front of stores that speak none: a certificate for 127.0.0.1, signed by an authority of this run, and listeners
//! that end TLS and pass on what was in it.
//!
//! Who connects trusts that authority by settings that every user has: `sslrootcert` in PostgreSQL's address, `tlsCAFile`
//! in MongoDB's, and `SSL_CERT_FILE` for HTTP, by which rustls-native-certs takes a file in place of the system's. That
//! file holds the system's certificates, too, because parsing so many is a part of a start on AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::listening::Listening;

/// Where systems keep the certificates that they trust: Debian, Fedora and Amazon Linux, openSUSE, Alpine.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// How long a client may take until it is encrypted; one that runs under callgrind takes seconds.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a client of PostgreSQL asks before TLS begins ("Message Formats" in its manual, `SSLRequest`), and the yes.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const YES: &[u8] = b"S";

/// The exchange before TLS on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    Nothing,
    Postgres,
}

/// The authority of this run, and the one certificate that it signed.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    /// The authority's certificate.
    pub(super) authority: PathBuf,
    /// A file with that certificate and the system's.
    pub(super) roots: PathBuf,
    /// The number of certificates in `roots`.
    pub(super) count: usize,
}

impl Tls {
    /// Makes keys and certificates, and writes the certificates into `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().context("making the authority's key")?;
        let authority = params.self_signed(&key).context("signing the authority's certificate")?.pem();
        let (own, issuer) = (KeyPair::generate()?, Issuer::new(params, key));
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&own, &issuer);
        let certificate = certificate.context("signing the certificate for 127.0.0.1")?.der().clone();
        let config = server(certificate, PrivateKeyDer::Pkcs8(own.serialize_der().into()))?;
        let system = system()?;
        let (one, all) = (folder.join("authority.pem"), folder.join("roots.pem"));
        fs::write(&one, &authority).with_context(|| format!("writing {}", one.display()))?;
        fs::write(&all, format!("{system}\n{authority}")).with_context(|| format!("writing {}", all.display()))?;
        for file in [&one, &all] {
            // They stand in addresses.
            ensure!(is_plain(file), "{} would have to be quoted in an address", file.display());
        }
        let count = system.matches("BEGIN CERTIFICATE").count() + 1;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: one, roots: all, count })
    }

    /// Listens for TLS in front of what listens at `target` (`host:port`).
    pub(super) async fn before(&self, target: String, greeting: Greeting) -> Result<Listening> {
        let acceptor = self.acceptor.clone();
        Listening::start(async move |listener: TcpListener| {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, target) = (acceptor.clone(), target.clone());
                // A process that is killed cuts its connections off.
                tokio::spawn(async move { pass(stream, greeting, acceptor, &target).await.ok() });
            }
        })
        .await
    }
}

fn server(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key);
    config.context("the certificate does not go with its key")
}

/// The roots that this machine trusts: the file that `SSL_CERT_FILE` names, else the system's.
fn system() -> Result<String> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut known = named.into_iter().chain(SYSTEM.map(PathBuf::from));
    let file = known.find(|file| file.is_file()).context("no root certificates are installed (ca-certificates)")?;
    fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
}

fn is_plain(path: &Path) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    path.to_str().is_some_and(|path| path.bytes().all(is_plain))
}

async fn pass(mut client: TcpStream, greeting: Greeting, acceptor: TlsAcceptor, target: &str) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let encrypted = async move {
        if greeting == Greeting::Postgres {
            let mut asked = [0; SSL_REQUEST.len()];
            client.read_exact(&mut asked).await?;
            if asked != SSL_REQUEST {
                return Err(std::io::Error::other("the client wants no TLS"));
            }
            client.write_all(YES).await?;
        }
        acceptor.accept(client).await
    };
    let mut client = timeout(PATIENCE, encrypted).await??;
    let mut store = TcpStream::connect(target).await?;
    store.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut store).await.map(drop)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use reqwest::{Certificate, Client};

    use super::*;

    #[tokio::test]
    async fn a_client_that_trusts_the_authority_gets_through_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::new(folder.path()).unwrap();
        let plain = Listening::serve(Router::new().route("/", get(async || "inside"))).await.unwrap();
        let door = tls.before(format!("127.0.0.1:{}", plain.port()), Greeting::Nothing).await.unwrap();
        let url = format!("https://127.0.0.1:{}/", door.port());
        let authority = Certificate::from_pem(&fs::read(&tls.authority).unwrap()).unwrap();
        let trusting = Client::builder().tls_certs_only([authority]).build().unwrap();
        assert_eq!(trusting.get(&url).send().await.unwrap().text().await.unwrap(), "inside");
        assert!(Client::new().get(&url).send().await.is_err());
    }

    #[tokio::test]
    async fn a_client_of_postgresql_that_asks_for_tls_is_told_yes_and_another_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::new(folder.path()).unwrap();
        let door = tls.before("127.0.0.1:1".to_owned(), Greeting::Postgres).await.unwrap();
        for (asked, expected) in [(SSL_REQUEST, 1), ([0, 0, 0, 8, 0, 3, 0, 0], 0)] {
            let mut client = TcpStream::connect(("127.0.0.1", door.port())).await.unwrap();
            client.write_all(&asked).await.unwrap();
            let mut answer = [0];
            assert_eq!(client.read(&mut answer).await.unwrap(), expected);
        }
    }

    #[test]
    fn certificates_are_counted_and_both_files_hold_the_authority() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::new(folder.path()).unwrap();
        let (one, all) = (fs::read_to_string(&tls.authority).unwrap(), fs::read_to_string(&tls.roots).unwrap());
        assert!(all.ends_with(&one) && tls.count > 1);
        assert_eq!(all.matches("BEGIN CERTIFICATE").count(), tls.count);
        assert!(!is_plain(Path::new("/with space")));
    }
}
