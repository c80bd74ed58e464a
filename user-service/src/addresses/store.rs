//! Every query of addresses. Each names the owner, so that a user reaches only their own.

use common::{
    contact::{AddressLine, Phone, PostalCode},
    timestamp::Timestamp,
};
use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Address, AddressId, NewAddress};
use crate::ids::UserId;

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: Option<String>,
    country: String,
    phone: Option<String>,
    is_default: bool,
    created_at: OffsetDateTime,
}

impl From<Row> for Address {
    fn from(row: Row) -> Self {
        let Row { id, name, line1, line2, city, region, postal_code, country, phone, is_default, created_at } = row;
        Self {
            id: id.into(),
            name,
            line1,
            line2,
            city,
            region,
            postal_code,
            country,
            phone,
            is_default,
            created_at: created_at.into(),
        }
    }
}

/// Up to `count` addresses of a user after the one called `after`, oldest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    owner: UserId,
    after: Option<AddressId>,
    count: usize,
) -> Result<Vec<Address>, sqlx::Error> {
    let list =
        "SELECT a.id, a.name, a.line1, a.line2, a.city, a.region, a.postal_code, a.country, a.phone, a.created_at,
                       u.default_address_id IS NOT DISTINCT FROM a.id AS is_default
                FROM addresses a JOIN users u ON u.id = a.user_id
                WHERE a.user_id = $1 AND ($2::uuid IS NULL OR a.id > $2)
                ORDER BY a.id LIMIT $3";
    let rows: Vec<Row> = sqlx::query_as(list)
        .bind(owner.uuid())
        .bind(after.map(AddressId::uuid))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(Address::from).collect())
}

/// Adds an address; `None` when there is no such user. The user's row counts addresses, and its constraint
/// `users_address_limit` fails the statement when there are too many, also when several are added at once.
pub async fn insert(
    db: impl PgExecutor<'_>,
    owner: UserId,
    address: &NewAddress,
    now: Timestamp,
) -> Result<Option<Address>, sqlx::Error> {
    let insert = "WITH owner AS (
                      UPDATE users SET address_count = address_count + 1,
                          default_address_id = CASE WHEN $11 THEN $2 ELSE COALESCE(default_address_id, $2) END
                      WHERE id = $1 RETURNING id, default_address_id),
                  added AS (
                      INSERT INTO addresses (id, user_id, name, line1, line2, city, region, postal_code, country, phone,
                                             created_at)
                      SELECT $2, id, $3, $4, $5, $6, $7, $8, $9, $10, $12 FROM owner RETURNING *)
                  SELECT added.id, name, line1, line2, city, region, postal_code, country, phone, created_at,
                         default_address_id = added.id AS is_default
                  FROM added, owner";
    let row: Option<Row> = sqlx::query_as(insert)
        .bind(owner.uuid())
        .bind(AddressId::new(now).uuid())
        .bind(address.name.as_str())
        .bind(address.line1.as_str())
        .bind(address.line2.as_ref().map(AddressLine::as_str))
        .bind(address.city.as_str())
        .bind(address.region.as_ref().map(AddressLine::as_str))
        .bind(address.postal_code.as_ref().map(PostalCode::as_str))
        .bind(address.country.as_str())
        .bind(address.phone.as_ref().map(Phone::as_str))
        .bind(address.is_default)
        .bind(now.to_offset())
        .fetch_optional(db)
        .await?;
    Ok(row.map(Address::from))
}

/// Deletes an address; returns whether the user had it. After the default is deleted, the user has none.
pub async fn delete(db: impl PgExecutor<'_>, owner: UserId, address: AddressId) -> Result<bool, sqlx::Error> {
    let delete = "WITH gone AS (DELETE FROM addresses WHERE id = $2 AND user_id = $1 RETURNING id, user_id)
                  UPDATE users SET address_count = address_count - 1,
                                   default_address_id = NULLIF(default_address_id, gone.id)
                  FROM gone WHERE users.id = gone.user_id";
    let done = sqlx::query(delete).bind(owner.uuid()).bind(address.uuid()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}
