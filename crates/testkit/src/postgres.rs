//! A fresh PostgreSQL database for every test.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migrator};
use uuid::Uuid;

use crate::stores;

/// A database of the test's own; dropped with this value.
#[derive(Debug)]
pub struct Postgres {
    /// How to reach it.
    pub url: String,
    name: String,
}

/// A new database with the migrations applied.
pub async fn fresh(migrator: &Migrator) -> Postgres {
    let postgres = empty().await;
    let mut connection = postgres.connect().await;
    migrator.run_direct(None, &mut connection, false).await.expect("migrations apply to an empty database");
    connection.close().await.unwrap();
    postgres
}

/// A new, empty database.
pub async fn empty() -> Postgres {
    let server = stores::postgres_url();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&server).await.expect("the test user can log in");
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("the test user may create databases");
    admin.close().await.unwrap();
    let (start, _) = server.rsplit_once('/').expect("TEST_POSTGRES_URL names a database");
    Postgres { url: format!("{start}/{name}"), name }
}

impl Postgres {
    /// A connection of the test's own, to check and change data directly.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test database answers")
    }

    /// The same database behind another address, such as a [`crate::Proxy`].
    pub fn url_through(&self, address: &str) -> String {
        stores::through(&self.url, address)
    }

    /// The server's host and port.
    pub fn address(&self) -> String {
        stores::host_and_port(&self.url)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (server, name) = (stores::postgres_url(), self.name.clone());
        stores::clean_up(async move {
            if let Ok(mut admin) = PgConnection::connect(&server).await {
                // Left behind at worst; the cluster of `cargo xtask test` is thrown away as a whole.
                let _ = admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await;
            }
        });
    }
}
