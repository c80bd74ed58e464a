//! PostgreSQL: a pool made on first use, inside the time in which a dead store must be reported.

use std::{sync::Arc, time::Duration};

use common::problem::Problem;
use serde_json::{Value, json};
use sqlx::{Connection, PgPool, Postgres, Transaction, migrate::Migrator, postgres::PgPoolOptions};
use tokio::sync::OnceCell;

use crate::{config::Secret, trigger::Direction};

/// How long getting a connection may take, opening one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// A function instance serves one request at a time; its outbox relay may need a second connection.
const CONNECTIONS: u32 = 2;
/// A frozen instance loses its sockets without being told: check a connection that slept longer than this.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);

/// A database, connected to on first use.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: Secret,
    pool: OnceCell<PgPool>,
}

impl Database {
    /// The database at `url`; nothing is connected yet.
    pub fn new(url: Secret) -> Self {
        Self(Arc::new(Inner { url, pool: OnceCell::new() }))
    }

    /// The pool.
    pub async fn pool(&self) -> Result<&PgPool, sqlx::Error> {
        self.0.pool.get_or_try_init(|| connect(&self.0.url)).await
    }

    /// Starts a transaction; it is rolled back unless committed.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool().await?.begin().await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(self.pool().await?).await.map(|_| ())
    }

    /// Migrates the schema; safe to run twice at once (an advisory lock makes the second wait).
    pub async fn migrate(&self, migrator: &Migrator, direction: Direction) -> Result<Value, crate::TriggerError> {
        let pool = self.pool().await?;
        match direction {
            Direction::Up => migrator.run(pool).await?,
            Direction::Down { to } => migrator.undo(pool, to).await?,
        }
        let applied = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
        let versions: Vec<i64> = sqlx::query_scalar(applied).fetch_all(pool).await?;
        Ok(json!({ "applied": versions }))
    }
}

async fn connect(url: &Secret) -> Result<PgPool, sqlx::Error> {
    let url = url.get().await.map_err(|error| sqlx::Error::Configuration(error.into()))?;
    PgPoolOptions::new()
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
        .connect_lazy(&url)
}

/// What a failed statement is to a client: 503 when the database could not be reached, else our mistake. Violations of
/// named constraints are the service's to tell apart before this.
pub fn problem(error: sqlx::Error) -> Problem {
    if is_outage(&error) { Problem::unavailable(error) } else { Problem::internal(error) }
}

/// Whether the database could not be reached or had no room, so that every other statement would fail as well. A statement
/// that it refused is none.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Tls(_)
        | sqlx::Error::Configuration(_) => true,
        // Class 57P: the server is starting up, shutting down, or ended the session. 53: out of connections or memory.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("53"))
        }
        _ => false,
    }
}

/// The name of the constraint that a statement violated, if that is why it failed.
pub fn violated(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}
