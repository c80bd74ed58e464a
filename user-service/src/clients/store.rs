//! Every query of service clients.

use common::timestamp::Timestamp;
use sqlx::{FromRow, PgExecutor};

use super::domain::{Client, ServiceName};
use crate::{opaque::TokenHash, service_scopes::ServiceScope};

/// Finds the client of a service.
pub async fn find(db: impl PgExecutor<'_>, name: ServiceName) -> Result<Option<Client>, sqlx::Error> {
    let find = "SELECT secret_hash, scopes FROM service_clients WHERE name = $1";
    let row: Option<ClientRow> = sqlx::query_as(find).bind(name.as_str()).fetch_optional(db).await?;
    Ok(row.map(|row| Client { secret: row.secret_hash, scopes: row.scopes }))
}

#[derive(FromRow)]
struct ClientRow {
    #[sqlx(try_from = "[u8; 32]")]
    secret_hash: TokenHash,
    scopes: Vec<String>,
}

/// Inserts a client, or replaces the secret and scopes of the one that exists.
pub async fn put(
    db: impl PgExecutor<'_>,
    name: ServiceName,
    secret: TokenHash,
    scopes: &[ServiceScope],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let put = "INSERT INTO service_clients (name, secret_hash, scopes, created_at, secret_changed_at)
               VALUES ($1, $2, $3, $4, $4)
               ON CONFLICT (name) DO UPDATE SET secret_hash = $2, scopes = $3, secret_changed_at = $4";
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    sqlx::query(put)
        .bind(name.as_str())
        .bind(secret.to_bytes())
        .bind(scopes)
        .bind(now.to_offset())
        .execute(db)
        .await
        .map(|_| ())
}

/// Deletes a client; returns whether it existed. Its tokens stay valid until they expire.
pub async fn delete(db: impl PgExecutor<'_>, name: ServiceName) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM service_clients WHERE name = $1").bind(name.as_str()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}
