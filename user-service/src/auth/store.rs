//! Every query of registering and logging in. Accounts themselves belong to `users`, sessions to `sessions`.

use common::{contact::Email, timestamp::Timestamp};
use sqlx::{FromRow, PgExecutor, Postgres, query::QueryAs};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    limits::{
        domain::Attempt,
        store::{Binding, counted},
    },
    roles::Role,
    users::store::NewUser,
};

/// The fields of an account that logging in needs.
#[derive(Debug)]
pub struct Account {
    /// The account's id.
    pub id: Uuid,
    /// The account's role.
    pub role: Role,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: String,
    /// Whether the account was closed.
    pub disabled: bool,
}

/// Counts an attempt to log in and reads the account in one statement. Returns the time until which the attempt is
/// refused, if it is, and the account, if there is one.
pub async fn count_login(
    db: impl PgExecutor<'_>,
    attempt: &Attempt,
    email: &Email,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Account>), sqlx::Error> {
    let count = concat!(
        "WITH ",
        counted!(),
        " SELECT refused_until, id, role, password_hash, disabled_at IS NOT NULL AS disabled
           FROM counted LEFT JOIN users ON email_key = $14"
    );
    let arguments = Binding::new(attempt, now).arguments()?;
    let query: QueryAs<'_, Postgres, LoginRow, _> = sqlx::query_as_with(count, arguments);
    let row = query.bind(email.key()).fetch_one(db).await?;
    let refused_until = row.refused_until.map(Timestamp::from);
    let Some(((id, role), password_hash)) = row.id.zip(row.role).zip(row.password_hash) else {
        return Ok((refused_until, None));
    };
    let role = Role::try_from(role).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok((refused_until, Some(Account { id, role, password_hash, disabled: row.disabled })))
}

#[derive(FromRow)]
struct LoginRow {
    refused_until: Option<OffsetDateTime>,
    id: Option<Uuid>,
    role: Option<String>,
    password_hash: Option<String>,
    disabled: bool,
}

/// Creates an account and returns true, unless the address has one. The new account's cart begins as a copy of the
/// guest's. The guest's cart stays: if it were moved, a guest would learn from their empty cart that the address had no
/// account.
pub async fn register(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    guest: Option<Uuid>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let register = "WITH created AS (
             INSERT INTO users (id, email, password_hash, name, role, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT ON CONSTRAINT users_email_key_unique DO NOTHING RETURNING id),
         filled AS (
             INSERT INTO carts (user_id, items, created_at, updated_at)
             SELECT created.id, items, $6, $6 FROM created, carts
             WHERE owner_id = $7 AND guest_id = owner_id AND items <> '{}')
         SELECT EXISTS (SELECT FROM created)";
    sqlx::query_scalar(register)
        .bind(user.id.uuid())
        .bind(user.email.as_str())
        .bind(user.password_hash)
        .bind(user.name.as_str())
        .bind(user.role.as_str())
        .bind(now.to_offset())
        .bind(guest)
        .fetch_one(db)
        .await
}
