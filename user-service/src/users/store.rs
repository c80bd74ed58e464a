//! Every query of users.

use common::{
    contact::{Channels, Email, PersonName},
    etag::IfMatch,
    input::Patch,
    timestamp::Timestamp,
};
use platform::postgres::Database;
use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Profile, ProfilePatch};
use crate::{ids::UserId, roles::Role};

/// An account to insert.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The account's id.
    pub id: UserId,
    /// The e-mail address.
    pub email: &'a Email,
    /// The argon2id hash of the password, as a PHC string.
    pub password_hash: &'a str,
    /// The owner's full name.
    pub name: &'a PersonName,
    /// The account's role.
    pub role: Role,
}

/// Inserts an account and returns true, unless its address has one.
pub async fn insert(db: impl PgExecutor<'_>, user: &NewUser<'_>, now: Timestamp) -> Result<bool, sqlx::Error> {
    let insert = "INSERT INTO users (id, email, password_hash, name, role, created_at, updated_at)
                  VALUES ($1, $2, $3, $4, $5, $6, $6)
                  ON CONFLICT ON CONSTRAINT users_email_key_unique DO NOTHING";
    let done = sqlx::query(insert)
        .bind(user.id.uuid())
        .bind(user.email.as_str())
        .bind(user.password_hash)
        .bind(user.name.as_str())
        .bind(user.role.as_str())
        .bind(now.to_offset())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

macro_rules! profile_columns {
    () => {
        "id, email, name, phone, notify_by, sms_consent_at, role, version, created_at, updated_at"
    };
}

#[derive(FromRow)]
struct ProfileRow {
    id: Uuid,
    #[sqlx(try_from = "String")]
    email: Email,
    name: String,
    phone: Option<String>,
    #[sqlx(try_from = "Vec<String>")]
    notify_by: Channels,
    sms_consent_at: Option<OffsetDateTime>,
    #[sqlx(try_from = "String")]
    role: Role,
    version: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<ProfileRow> for Profile {
    fn from(row: ProfileRow) -> Self {
        let ProfileRow { id, email, name, phone, notify_by, sms_consent_at, role, version, created_at, updated_at } =
            row;
        Self {
            id: id.into(),
            email,
            name,
            phone,
            notify_by,
            sms_consent_at: sms_consent_at.map(Timestamp::from),
            role,
            version,
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }
}

/// Finds the profile of a user.
pub async fn profile(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<Profile>, sqlx::Error> {
    let select = concat!("SELECT ", profile_columns!(), " FROM users WHERE id = $1");
    let row: Option<ProfileRow> = sqlx::query_as(select).bind(id.uuid()).fetch_optional(db).await?;
    Ok(row.map(Profile::from))
}

/// Changes a profile whose version `if_match` allows; `None` when there is no such profile. The time of consent to text
/// messages becomes `now` when there was no consent before, or the number is another.
pub async fn change_profile(
    db: impl PgExecutor<'_>,
    id: UserId,
    patch: &ProfilePatch,
    if_match: &IfMatch,
    now: Timestamp,
) -> Result<Option<Profile>, sqlx::Error> {
    let change = concat!(
        "UPDATE users SET name = COALESCE($2, name),
                phone = CASE WHEN $3 THEN $4 ELSE phone END,
                notify_by = COALESCE($7, notify_by),
                sms_consent_at = CASE WHEN NOT 'sms' = ANY (COALESCE($7, notify_by)) THEN NULL
                                      WHEN sms_consent_at IS NULL OR $3 AND phone IS DISTINCT FROM $4
                                      THEN GREATEST($5, created_at) ELSE sms_consent_at END,
                version = version + 1, updated_at = GREATEST($5, created_at)
         WHERE id = $1 AND ($6::bigint[] IS NULL OR version = ANY ($6))
         RETURNING ",
        profile_columns!()
    );
    let phone = match &patch.phone {
        Patch::Set(phone) => Some(phone.as_str()),
        Patch::Keep | Patch::Remove => None,
    };
    let row: Option<ProfileRow> = sqlx::query_as(change)
        .bind(id.uuid())
        .bind(patch.name.as_ref().map(PersonName::as_str))
        .bind(patch.phone != Patch::Keep)
        .bind(phone)
        .bind(now.to_offset())
        .bind(if_match.versions_of(id.uuid()))
        .bind(patch.channels().map(Channels::names))
        .fetch_optional(db)
        .await?;
    Ok(row.map(Profile::from))
}

/// The fields of an account that the admin command needs.
#[derive(Debug, FromRow)]
pub struct ExistingAccount {
    /// The account's id.
    #[sqlx(try_from = "Uuid")]
    pub id: UserId,
    /// The account's role.
    #[sqlx(try_from = "String")]
    pub role: Role,
}

/// Finds the account with an e-mail address.
pub async fn by_email(db: impl PgExecutor<'_>, email: &Email) -> Result<Option<ExistingAccount>, sqlx::Error> {
    sqlx::query_as("SELECT id, role FROM users WHERE email_key = $1").bind(email.key()).fetch_optional(db).await
}

/// Sets a user's password, and ends all sessions of the user.
pub async fn reset_password(db: &Database, id: UserId, password_hash: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let reset = "UPDATE users SET password_hash = $2, version = version + 1, updated_at = GREATEST($3, created_at)
                 WHERE id = $1";
    sqlx::query(reset).bind(id.uuid()).bind(password_hash).bind(now.to_offset()).execute(&mut *tx).await?;
    // A statement of its own, after the row lock: it sees the sessions of logins that the first statement waited for.
    sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(id.uuid()).execute(&mut *tx).await?;
    tx.commit().await
}
