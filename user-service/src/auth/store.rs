//! Every query of registering and logging in. Accounts themselves belong to `users`, sessions to `sessions`.

use common::{contact::Email, timestamp::Timestamp};
use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{ATTEMPT_WINDOW, Attempts, MAX_ATTEMPTS, logins_of, registrations_of};
use crate::users::{domain::Role, store::NewUser};

/// How many rows one clean-up deletes at most; the next sweep goes on.
const BATCH: i64 = 1_000;

/// The account at an address, as logging in needs it.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// Its role.
    pub role: Role,
    /// The hash of its password.
    pub password_hash: String,
    /// Whether it was closed.
    pub disabled: bool,
}

/// How attempts are counted: under the hash `$1`, at `$2`, in a window that ends at `$3` if it begins now. What counts
/// beyond `$4` changes nothing more.
macro_rules! count {
    () => {
        "INSERT INTO login_attempts AS known (address_hash, attempts, window_ends_at) VALUES ($1, 1, $3)
         ON CONFLICT (address_hash) DO UPDATE SET
             attempts = CASE WHEN known.window_ends_at <= $2 THEN 1 ELSE LEAST(known.attempts + 1, $4) END,
             window_ends_at = CASE WHEN known.window_ends_at <= $2 THEN $3 ELSE known.window_ends_at END
         RETURNING attempts, window_ends_at"
    };
}

/// Counts an attempt to log in and reads the account, if there is one. Counting before the password is looked at means
/// that guesses made at the same time cannot slip through together.
pub async fn count_attempt(
    db: impl PgExecutor<'_>,
    email: &Email,
    now: Timestamp,
) -> Result<(Attempts, Option<Account>), sqlx::Error> {
    let count = concat!(
        "WITH attempt AS (",
        count!(),
        ") SELECT attempts, window_ends_at, id, role, password_hash, disabled_at IS NOT NULL AS disabled
           FROM attempt LEFT JOIN users ON email_key = $5"
    );
    let row: AttemptRow = sqlx::query_as(count)
        .bind(logins_of(email))
        .bind(now.to_offset())
        .bind(now.plus(ATTEMPT_WINDOW).to_offset())
        .bind(MAX_ATTEMPTS + 1)
        .bind(email.key())
        .fetch_one(db)
        .await?;
    let attempts = Attempts { count: row.attempts, window_ends_at: row.window_ends_at.into() };
    let Some(((id, role), password_hash)) = row.id.zip(row.role).zip(row.password_hash) else {
        return Ok((attempts, None));
    };
    let role = Role::try_from(role).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok((attempts, Some(Account { id, role, password_hash, disabled: row.disabled })))
}

#[derive(FromRow)]
struct AttemptRow {
    attempts: i32,
    window_ends_at: OffsetDateTime,
    id: Option<Uuid>,
    role: Option<String>,
    password_hash: Option<String>,
    disabled: bool,
}

/// Counts an attempt to register and makes the account, unless there were too many or the address has one; says whether
/// it did. A new account's cart begins as a copy of the guest's. Were it taken from the guest, whose tokens go on, an empty
/// cart would say that the address had no account before. One statement, so that neither costs a round trip.
pub async fn register(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    guest: Option<Uuid>,
    now: Timestamp,
) -> Result<(Attempts, bool), sqlx::Error> {
    let register = concat!(
        "WITH attempt AS (",
        count!(),
        "), created AS (
             INSERT INTO users (id, email, password_hash, name, role, created_at, updated_at)
             SELECT $5, $6, $7, $8, $9, $2, $2 FROM attempt WHERE attempts < $4
             ON CONFLICT ON CONSTRAINT users_email_key_unique DO NOTHING RETURNING id),
         filled AS (
             INSERT INTO carts (user_id, items, created_at, updated_at)
             SELECT created.id, items, $2, $2 FROM created, carts
             WHERE owner_id = $10 AND guest_id = owner_id AND items <> '{}')
         SELECT attempts, window_ends_at, EXISTS (SELECT FROM created) FROM attempt"
    );
    let (count, window_ends_at, created): (i32, OffsetDateTime, bool) = sqlx::query_as(register)
        .bind(registrations_of(user.email))
        .bind(now.to_offset())
        .bind(now.plus(ATTEMPT_WINDOW).to_offset())
        .bind(MAX_ATTEMPTS + 1)
        .bind(user.id.uuid())
        .bind(user.email.as_str())
        .bind(user.password_hash)
        .bind(user.name.as_str())
        .bind(user.role.as_str())
        .bind(guest)
        .fetch_one(db)
        .await?;
    Ok((Attempts { count, window_ends_at: window_ends_at.into() }, created))
}

/// Forgets attempts whose window has ended; says how many addresses.
pub async fn delete_old_attempts(db: impl PgExecutor<'_>, now: Timestamp) -> Result<u64, sqlx::Error> {
    // An array is made once; `IN (SELECT ...)` may be planned to ask again for every row, whatever the limit.
    let delete = "DELETE FROM login_attempts WHERE address_hash = ANY (ARRAY(
                      SELECT address_hash FROM login_attempts WHERE window_ends_at <= $1
                      ORDER BY window_ends_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let done = sqlx::query(delete).bind(now.to_offset()).bind(BATCH).execute(db).await?;
    Ok(done.rows_affected())
}
