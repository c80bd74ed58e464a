//! A server that stands for the hosts of SNS: it speaks TLS under their names, serves a certificate, and takes
//! confirmations. The client that finds those hosts here is a test's own.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// The hosts that are found here.
const HOSTS: [&str; 2] = ["sns.us-east-1.amazonaws.com", "sns.eu-central-1.amazonaws.com"];

/// Where the certificate is.
pub(crate) const CERTIFICATE: &str =
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem";

#[derive(Debug, Clone)]
pub(crate) struct SnsHost {
    /// Finds the hosts of SNS here, and trusts this server.
    pub(crate) client: reqwest::Client,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<(u16, Vec<u8>)>>,
}

impl SnsHost {
    /// Serves a certificate in PEM, whatever path is asked for.
    pub(crate) async fn start(certificate: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap().self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![own.der().clone()], private).unwrap();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let root = reqwest::Certificate::from_der(own.der()).unwrap();
        let client = HOSTS
            .iter()
            .fold(reqwest::Client::builder().add_root_certificate(root), |client, host| client.resolve(host, address));
        let host = Self {
            client: client.redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new((200, certificate.as_bytes().to_vec()))),
        };
        tokio::spawn(host.clone().serve(listener, TlsAcceptor::from(Arc::new(config))));
        host
    }

    async fn serve(self, listener: TcpListener, tls: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            let (host, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move { host.answer(stream, tls).await });
        }
    }

    async fn answer(self, stream: TcpStream, tls: TlsAcceptor) -> Option<()> {
        let mut stream = tls.accept(stream).await.ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        self.asked.lock().unwrap().push(path);
        let (status, body) = self.answer.lock().unwrap().clone();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(&body).await.ok()?;
        stream.shutdown().await.ok()
    }

    /// Answers this from now on.
    pub(crate) fn answers(&self, status: u16, body: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = (status, body.into());
    }

    /// The paths that were asked for, with their queries.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
