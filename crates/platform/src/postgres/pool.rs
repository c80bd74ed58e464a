//! Connections that are opened with the current credentials: a changed password or an aged token is replaced for the
//! next connection, and open connections stay open.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{
    TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    ConnectOptions, Connection, Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr,
    Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgSslMode, PgStatement, PgTypeInfo},
};
use tokio::sync::Mutex;

use super::{
    ACQUIRE_TIMEOUT, CONNECTIONS, Database, TRUSTED_IDLE,
    iam::{Endpoint, RENEW_AFTER, Tokens},
};
use crate::config::{Clock, Secret};

/// The settings of access to the database.
#[derive(Debug)]
pub(super) struct Access {
    /// URL with host and role; with a password unless tokens are used.
    pub(super) url: Secret,
    /// Certificates to trust instead of the public ones, as PEM.
    pub(super) ca: Option<Secret>,
    /// The signer of tokens that replace the password.
    pub(super) tokens: Option<Tokens>,
    pub(super) clock: Clock,
}

/// The credentials that connections are opened with at the moment.
struct Grant {
    url: Arc<str>,
    ca: Option<Arc<str>>,
    /// When the token was signed; `None` without tokens.
    signed: Option<SystemTime>,
}

/// A pool of connections.
pub(super) struct Pool {
    access: Arc<Access>,
    grant: Mutex<Grant>,
    connections: PgPool,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.access)
    }
}

impl Access {
    async fn now(&self) -> Result<(Arc<str>, Option<Arc<str>>), sqlx::Error> {
        let failed = |error: crate::config::SecretError| sqlx::Error::Configuration(error.into());
        let url = self.url.shared().await.map_err(failed)?;
        let ca = match &self.ca {
            Some(ca) => Some(ca.shared().await.map_err(failed)?),
            None => None,
        };
        Ok((url, ca))
    }

    /// The options with which the service connects.
    pub(super) async fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        let (url, ca) = self.now().await?;
        self.grant(url, ca).await.map(|(_, options)| options)
    }

    /// A connection to another URL, such as the administrator's, with the same certificates and kind of credentials.
    pub(super) async fn connect_as(&self, url: &Secret) -> Result<PgConnection, sqlx::Error> {
        let url = url.shared().await.map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let (_, ca) = self.now().await?;
        let (_, options) = self.grant(url, ca).await?;
        options.connect().await
    }

    async fn grant(&self, url: Arc<str>, ca: Option<Arc<str>>) -> Result<(Grant, PgConnectOptions), sqlx::Error> {
        let mut options: PgConnectOptions = url.parse()?;
        if let Some(ca) = &ca {
            options = options.ssl_root_cert_from_pem(ca.as_bytes().to_vec());
        }
        let mut signed = None;
        if let Some(tokens) = &self.tokens {
            let now = self.clock.now();
            let endpoint =
                Endpoint { host: options.get_host(), port: options.get_port(), user: options.get_username() };
            let token = tokens.token(endpoint, now).await?;
            // The token is sent in clear, so the server must prove its identity first.
            options = options.password(&token).ssl_mode(PgSslMode::VerifyFull);
            signed = Some(now);
        }
        Ok((Grant { url, ca, signed }, options))
    }
}

impl Grant {
    fn is_of(&self, url: &Arc<str>, ca: Option<&Arc<str>>) -> bool {
        let is_same_ca = match (&self.ca, ca) {
            (Some(known), Some(ca)) => Arc::ptr_eq(known, ca),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        Arc::ptr_eq(&self.url, url) && is_same_ca
    }

    /// Whether the token is recent. A clock that was set back makes it old.
    fn is_young(&self, now: SystemTime) -> bool {
        let is_young = |signed| now.duration_since(signed).is_ok_and(|age: Duration| age < RENEW_AFTER);
        self.signed.is_none_or(is_young)
    }
}

impl Pool {
    pub(super) async fn open(access: &Arc<Access>) -> Result<Self, sqlx::Error> {
        let (url, ca) = access.now().await?;
        let (grant, options) = access.grant(url, ca).await?;
        let connections = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(Duration::from_mins(5))
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { access: Arc::clone(access), grant: Mutex::new(grant), connections })
    }

    /// The pool of sqlx, after a connection was accepted: for migrations, which need it.
    pub(super) async fn of_sqlx(&self) -> Result<&PgPool, sqlx::Error> {
        drop(self.acquire().await?);
        Ok(&self.connections)
    }

    /// Acquires a connection; renews the credentials when they are refused.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let used = self.keep_up().await?;
        match self.connections.acquire().await {
            Err(error) if is_refused(&error) && self.renew(&used).await => self.connections.acquire().await,
            acquired => acquired,
        }
    }

    /// Starts a transaction; it is rolled back unless committed.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let used = self.keep_up().await?;
        match self.connections.begin().await {
            Err(error) if is_refused(&error) && self.renew(&used).await => self.connections.begin().await,
            begun => begun,
        }
    }

    /// Has new connections use the current credentials; returns the URL that they use. It costs two comparisons while
    /// nothing has changed.
    async fn keep_up(&self) -> Result<Arc<str>, sqlx::Error> {
        let (url, ca) = self.access.now().await?;
        let mut grant = self.grant.lock().await;
        if !grant.is_of(&url, ca.as_ref()) || !grant.is_young(self.access.clock.now()) {
            // Boxed like opening, because it is rare.
            Box::pin(self.replace(&mut grant, url, ca)).await?;
        }
        Ok(Arc::clone(&grant.url))
    }

    async fn replace(&self, grant: &mut Grant, url: Arc<str>, ca: Option<Arc<str>>) -> Result<(), sqlx::Error> {
        let (next, options) = self.access.grant(url, ca).await?;
        self.connections.set_connect_options(options);
        *grant = next;
        Ok(())
    }

    /// Renews refused credentials; returns whether there are others to try. A token is signed again in any case,
    /// because the credentials that it was signed with may have been replaced.
    async fn renew(&self, refused: &Arc<str>) -> bool {
        let mut grant = self.grant.lock().await;
        if !Arc::ptr_eq(&grant.url, refused) {
            // Another task has replaced the credentials already.
            return true;
        }
        let other = self.access.url.instead_of(refused).await;
        if other.is_none() && self.access.tokens.is_none() {
            return false;
        }
        let url = other.unwrap_or_else(|| Arc::clone(refused));
        let ca = grant.ca.clone();
        tracing::warn!("database refused the credentials; trying again with renewed ones");
        match self.replace(&mut grant, url, ca).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "database credentials could not be renewed");
                false
            }
        }
    }
}

/// Whether the database refused the credentials: `invalid_password`, `invalid_authorization_specification`.
fn is_refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "28P01" | "28000"))
}

/// Runs each statement on a connection of its own. All its rows are read before the first is returned.
impl<'p> Executor<'p> for &'p Database {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let reading = async move {
            let mut connection = self.acquire().await?;
            let rows: Vec<_> = connection.fetch_many(query).try_collect().await?;
            Ok::<_, sqlx::Error>(stream::iter(rows.into_iter().map(Ok::<_, sqlx::Error>)))
        };
        Box::pin(stream::once(reading).try_flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { self.acquire().await?.fetch_optional(query).await })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.describe(sql).await })
    }
}
