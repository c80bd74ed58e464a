//! PostgreSQL: a pool that is opened on first use, within the time in which an unreachable database must be reported.

mod iam;
mod pool;
mod provision;
#[cfg(test)]
mod tests;

use std::{str::FromStr, sync::Arc, time::Duration};

use common::problem::Problem;
use serde_json::{Value, json};
use sqlx::{Postgres, Transaction, migrate::Migrator, pool::PoolConnection};
use tokio::{sync::OnceCell, time::Instant};

use self::{
    iam::Tokens,
    pool::{Access, Pool},
};
use crate::{
    config::{Clock, Env, Secret},
    trigger::service::{Direction, TriggerError},
};

/// How long getting a connection may take, opening one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long scheduled work waits for a paused database, which resumes in about 15 s.
const WAKING: Duration = Duration::from_secs(30);
/// A function instance serves one request at a time; its outbox relay may need a second connection.
const CONNECTIONS: u32 = 2;
/// A frozen instance gets no notice that its sockets were closed: a connection that was idle for longer is checked
/// first.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);

/// A database, connected to on first use. Each statement that it executes has a connection of its own; those of a
/// transaction share one.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access: Arc<Access>,
    pool: OnceCell<Pool>,
    /// The URL of an administrator, who creates role and database when they are missing.
    admin: Option<Secret>,
}

/// How a service authenticates to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    /// With the password in the URL.
    Password,
    /// With a token that is signed with the function's own credentials.
    Iam,
}

impl FromStr for Auth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "password" => Ok(Self::Password),
            "iam" => Ok(Self::Iam),
            _ => Err("must be password or iam"),
        }
    }
}

impl Database {
    /// The database at `url`; nothing is connected yet.
    pub fn new(url: Secret) -> Self {
        Self::with(Access { url, ca: None, tokens: None, clock: Clock::default() }, None)
    }

    /// Reads the URL from the secret setting `url`, and `DATABASE_AUTH`, `DATABASE_CA` and, with tokens,
    /// `DATABASE_ADMIN_URL`.
    pub fn configure(env: &mut Env, url: &str) -> Option<Self> {
        let url = env.secret(url);
        let ca = env.optional_secret("DATABASE_CA");
        let auth = env.parsed_or("DATABASE_AUTH", Auth::Password);
        let tokens = (auth? == Auth::Iam).then(Tokens::default);
        let admin = tokens.as_ref().and_then(|_| env.optional_secret("DATABASE_ADMIN_URL"));
        Some(Self::with(Access { url: url?, ca, tokens, clock: Clock::default() }, admin))
    }

    fn with(access: Access, admin: Option<Secret>) -> Self {
        Self(Arc::new(Inner { access: Arc::new(access), pool: OnceCell::new(), admin }))
    }

    async fn pool(&self) -> Result<&Pool, sqlx::Error> {
        // Boxed: opening is done once, and would be the largest part of every statement's future.
        self.0.pool.get_or_try_init(|| Box::pin(Pool::open(&self.0.access))).await
    }

    /// A connection, for several statements in a row.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool().await?.acquire().await
    }

    /// Starts a transaction; it is rolled back unless committed.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool().await?.begin().await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(self).await.map(|_| ())
    }

    /// Waits until the database answers, at most half a minute. For scheduled work: a paused database resumes on
    /// connecting, and takes longer than a request may wait for a connection.
    pub async fn wake(&self) -> Result<(), sqlx::Error> {
        let until = Instant::now() + WAKING;
        loop {
            match self.ping().await {
                Err(error) if is_outage(&error) && Instant::now() < until => {
                    // A connection that is refused at once is tried again after a pause.
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Migrates the schema. Several may run at once: an advisory lock makes the others wait. With an administrator,
    /// role and database are created first.
    pub async fn migrate(&self, migrator: &Migrator, direction: Direction) -> Result<Value, TriggerError> {
        if let (Some(admin), Direction::Up) = (&self.0.admin, direction) {
            let (mut admin, own) = (self.0.access.connect_as(admin).await?, self.0.access.options().await?);
            let database = own.get_database().ok_or("the database URL names no database")?;
            provision::provide(&mut admin, own.get_username(), database).await?;
        }
        let pool = self.pool().await?.of_sqlx().await?;
        match direction {
            Direction::Up => migrator.run(pool).await?,
            Direction::Down { to } => migrator.undo(pool, to).await?,
        }
        let applied = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
        let versions: Vec<i64> = sqlx::query_scalar(applied).fetch_all(pool).await?;
        Ok(json!({ "applied": versions }))
    }
}

/// The answer for a failed statement: 503 when the database could not be reached, else 500. Services handle violations
/// of named constraints before this.
pub fn problem(error: sqlx::Error) -> Problem {
    if is_outage(&error) { Problem::unavailable(error) } else { Problem::internal(error) }
}

/// Whether the database could not be reached or had no resources, so that every statement would fail. A statement that
/// it refused does not count.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Tls(_)
        | sqlx::Error::Configuration(_) => true,
        // Class 57P: the server starts up, shuts down, or ended the session. 53: out of connections or memory. 28: the
        // credentials were refused.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["57P", "53", "28"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}

/// The name of the constraint that a statement violated, if it failed for that reason.
pub fn violated(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}
