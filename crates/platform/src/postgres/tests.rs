//! The credentials that connections send, seen by a listener that speaks PostgreSQL's protocol up to the end of a login
//! ("Message Flow" in its manual).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{Access, Database, Tokens, problem};
use crate::config::fake::{Store, sdk_config};

/// A login, with its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
    is_encrypted: bool,
}

/// A server that accepts logins with the right password; every login when none is set.
#[derive(Clone)]
struct LoginServer {
    port: u16,
    ca: String,
    right: Arc<Mutex<Option<String>>>,
    logins: Arc<Mutex<Vec<Login>>>,
}

impl LoginServer {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let server = Self { port, ca: own.cert.pem(), right: Arc::default(), logins: Arc::default() };
        let keeping = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, tls) = (keeping.clone(), tls.clone());
                // A client that disconnects in the middle is ignored.
                tokio::spawn(async move { server.greet(stream, tls).await.ok() });
            }
        });
        server
    }

    fn accept(&self, password: &str) {
        *self.right.lock().unwrap() = Some(password.to_owned());
    }

    fn logins(&self) -> Vec<Login> {
        self.logins.lock().unwrap().clone()
    }

    fn passwords(&self) -> Vec<String> {
        self.logins().into_iter().map(|login| login.password).collect()
    }

    async fn greet(&self, mut stream: TcpStream, tls: TlsAcceptor) -> std::io::Result<()> {
        let first = packet(&mut stream).await?;
        // SSLRequest
        if first == 80_877_103_u32.to_be_bytes() {
            stream.write_all(b"S").await?;
            let mut stream = tls.accept(stream).await?;
            let startup = packet(&mut stream).await?;
            return self.serve(stream, &startup, true).await;
        }
        self.serve(stream, &first, false).await
    }

    async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        startup: &[u8],
        is_encrypted: bool,
    ) -> std::io::Result<()> {
        let texts: Vec<_> = startup[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let user = texts.chunks(2).find(|pair| pair[0] == "user").unwrap()[1].to_string();
        // AuthenticationCleartextPassword
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
        assert_eq!(stream.read_u8().await?, b'p');
        let shown = packet(&mut stream).await?;
        let password = String::from_utf8_lossy(shown.strip_suffix(b"\0").unwrap()).into_owned();
        let is_right = self.right.lock().unwrap().as_ref().is_none_or(|right| *right == password);
        self.logins.lock().unwrap().push(Login { user, password, is_encrypted });
        if !is_right {
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            return stream.write_all(&[b"E", &length[..], fields].concat()).await;
        }
        // AuthenticationOk, ReadyForQuery
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 0, b'Z', 0, 0, 0, 5, b'I']).await?;
        loop {
            let kind = stream.read_u8().await?;
            packet(&mut stream).await?;
            match kind {
                // Query, with nothing in it
                b'Q' => stream.write_all(&[b'I', 0, 0, 0, 4, b'Z', 0, 0, 0, 5, b'I']).await?,
                // Sync
                b'S' => stream.write_all(&[b'Z', 0, 0, 0, 5, b'I']).await?,
                b'X' => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Reads a packet with its length in front.
async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut body = vec![0; usize::try_from(length - 4).unwrap()];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// A database that is accessed with tokens, at the time of `store`'s clock.
async fn with_tokens(server: &LoginServer, store: &Store) -> Database {
    let url = format!("postgres://bodega_user@127.0.0.1:{}/bodega", server.port);
    let mut env = store.env(&[("URL", &url), ("CA", &server.ca)]).await;
    let tokens = Some(Tokens::of(sdk_config(Some("session"))));
    let access = Access { url: env.secret("URL").unwrap(), ca: env.secret("CA"), tokens, clock: store.clock() };
    Database::with(access, None)
}

fn parameters(token: &str) -> (&str, BTreeMap<&str, &str>) {
    let (endpoint, query) = token.split_once("/?").unwrap();
    (endpoint, query.split('&').map(|pair| pair.split_once('=').unwrap()).collect())
}

#[tokio::test]
async fn connections_show_a_token_over_tls_and_those_opened_after_ten_minutes_show_another() {
    let (server, store) = (LoginServer::start().await, Store::default());
    let database = with_tokens(&server, &store).await;
    let first = database.acquire().await.unwrap();
    store.at(599);
    let second = database.acquire().await.unwrap();
    first.close().await.unwrap();
    store.at(600);
    let third = database.acquire().await.unwrap();
    drop((second, third));
    let logins = server.logins();
    assert_eq!(logins.len(), 3, "{logins:?}");
    assert!(logins.iter().all(|login| login.is_encrypted && login.user == "bodega_user"), "{logins:?}");
    let dates: Vec<_> = logins.iter().map(|login| parameters(&login.password).1["X-Amz-Date"]).collect();
    assert_eq!(dates, ["20261130T120000Z", "20261130T120000Z", "20261130T121000Z"]);
    let (endpoint, token) = parameters(&logins[2].password);
    assert_eq!(endpoint, format!("127.0.0.1:{}", server.port));
    let expected = [("Action", "connect"), ("DBUser", "bodega_user"), ("X-Amz-Expires", "900")];
    assert!(expected.iter().all(|(name, value)| token[name] == *value), "{token:?}");
}

#[tokio::test]
async fn a_token_is_sent_to_no_server_that_cannot_prove_its_identity() {
    let (server, store) = (LoginServer::start().await, Store::default());
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let database = with_tokens(&LoginServer { ca: other, ..server.clone() }, &store).await;
    let error = database.begin().await.unwrap_err();
    assert!(matches!(error, sqlx::Error::Tls(_) | sqlx::Error::Io(_)), "{error:?}");
    assert_eq!(server.logins(), []);
}

#[tokio::test]
async fn a_refused_token_is_signed_again_and_sent_once_more() {
    let (server, store) = (LoginServer::start().await, Store::default());
    server.accept("no token");
    let database = with_tokens(&server, &store).await;
    let error = database.acquire().await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), Some("28P01"));
    assert_eq!(server.logins().len(), 2);
    assert_eq!(problem(error).status().as_u16(), 503);
}

/// A database whose URL, with the password, is a secret.
async fn with_password(server: &LoginServer, store: &Store) -> (Database, impl Fn(&str)) {
    let (store, port) = (store.clone(), server.port);
    let mut env = store.env(&[("URL", "ssm:/url")]).await;
    let database = Database::new(env.secret("URL").unwrap());
    let set = move |password: &str| {
        store.set("/url", &format!("postgres://bodega:{password}@127.0.0.1:{port}/bodega?sslmode=disable"));
    };
    (database, set)
}

#[tokio::test]
async fn a_password_that_was_changed_is_fetched_and_tried_within_the_same_statement() {
    let (server, store) = (LoginServer::start().await, Store::default());
    let (database, set) = with_password(&server, &store).await;
    set("old");
    server.accept("old");
    database.acquire().await.unwrap().close().await.unwrap();
    set("new");
    server.accept("new");
    let connection = database.acquire().await.unwrap();
    assert_eq!((server.passwords().join(" "), store.calls()), ("old old new".to_owned(), 2));
    connection.close().await.unwrap();
    // From then on it is what new connections show.
    database.acquire().await.unwrap();
    assert_eq!((server.passwords().join(" "), store.calls()), ("old old new new".to_owned(), 2));
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_tried_once_and_the_store_of_secrets_is_left_in_peace() {
    let (server, store) = (LoginServer::start().await, Store::default());
    let (database, set) = with_password(&server, &store).await;
    set("old");
    server.accept("new");
    for logins in 1..=3 {
        let error = database.begin().await.unwrap_err();
        assert_eq!((server.logins().len(), store.calls()), (logins, 2));
        assert_eq!(problem(error).status().as_u16(), 503);
    }
}

#[tokio::test]
async fn a_password_that_aged_out_is_not_waited_for_until_it_is_refused() {
    let (server, store) = (LoginServer::start().await, Store::default());
    let (database, set) = with_password(&server, &store).await;
    set("old");
    let first = database.acquire().await.unwrap();
    set("new");
    store.at(300);
    let second = database.acquire().await.unwrap();
    drop((first, second));
    assert_eq!(server.passwords(), ["old", "new"]);
}

#[tokio::test]
async fn a_role_and_a_database_that_are_missing_are_made_and_those_that_are_there_are_kept() {
    let postgres = testkit::postgres::empty().await;
    let mut admin = postgres.connect().await;
    let (role, database) = (format!("Role {}", uuid::Uuid::now_v7()), format!("Db \"{}", uuid::Uuid::now_v7()));
    for _ in 0..2 {
        super::provision::provide(&mut admin, &role, &database).await.unwrap();
    }
    let owner = "SELECT r.rolname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
                 WHERE d.datname = $1 AND r.rolcanlogin AND NOT has_database_privilege('public', d.oid, 'CONNECT')";
    let owner: String = sqlx::query_scalar(owner).bind(&database).fetch_one(&mut admin).await.unwrap();
    assert_eq!(owner, role);
    let undo = "SELECT format('DROP DATABASE %I', $1::text) UNION ALL SELECT format('DROP ROLE %I', $2::text)";
    let undo: Vec<String> = sqlx::query_scalar(undo).bind(database).bind(role).fetch_all(&mut admin).await.unwrap();
    for statement in undo {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
}
