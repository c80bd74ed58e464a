//! Every query of sessions and their refresh tokens.

use common::timestamp::Timestamp;
use platform::postgres::Database;
use sqlx::{FromRow, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{PresentedToken, Principal, SessionId, Step};
use crate::{limits::domain::Counter, opaque::TokenHash, roles::Role};

/// How many sessions one sweep deletes at most.
const SESSIONS: i64 = 1_000;
/// How many refresh tokens one sweep deletes at most. A busy session can have thousands after 90 days.
const TOKENS: i64 = 10_000;

/// A login whose password was verified.
#[derive(Debug)]
pub struct VerifiedLogin<'a> {
    /// The counter of failed attempts, which the login resets.
    pub counter: Option<&'a Counter>,
    /// The hash that the password was verified against.
    pub password_hash: &'a str,
}

/// A session to open.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The session's id.
    pub id: SessionId,
    /// The user or guest that the session belongs to.
    pub principal: Principal,
    /// The hash of the first refresh token.
    pub token: TokenHash,
    /// The login that opened it; `None` for a guest.
    pub login: Option<VerifiedLogin<'a>>,
    /// When the session begins.
    pub created_at: Timestamp,
    /// When the session ends unless it is refreshed.
    pub expires_at: Timestamp,
}

/// Opens a session, resets the counter of attempts, and returns true. A user's session opens only while the account is
/// open and has the password that was verified. The row lock makes a change of password that is under way come first,
/// and a later one wait, so that it sees the session and ends it.
pub async fn open(db: impl PgExecutor<'_>, session: &NewSession<'_>) -> Result<bool, sqlx::Error> {
    let open = "WITH account AS (SELECT id FROM users
                                 WHERE id = $2 AND password_hash = $8 AND disabled_at IS NULL FOR SHARE),
                     session AS (INSERT INTO sessions (id, user_id, guest_id, created_at, expires_at)
                                 SELECT $1, $2, $3, $4, $5 WHERE $2 IS NULL OR EXISTS (SELECT FROM account)
                                 RETURNING id, generation, created_at),
                     forgotten AS (DELETE FROM attempts
                                   WHERE kind = $9 AND key = $7 AND EXISTS (SELECT FROM session))
                INSERT INTO refresh_tokens (token_hash, session_id, generation, created_at)
                SELECT $6, id, generation, created_at FROM session";
    let counter = session.login.as_ref().and_then(|login| login.counter);
    let (user_id, guest_id) = match session.principal {
        Principal::User { id, .. } => (Some(id), None),
        Principal::Guest(id) => (None, Some(id)),
    };
    let done = sqlx::query(open)
        .bind(session.id.uuid())
        .bind(user_id)
        .bind(guest_id)
        .bind(session.created_at.to_offset())
        .bind(session.expires_at.to_offset())
        .bind(session.token.to_bytes())
        .bind(counter.map(|counter| counter.key.as_slice()))
        .bind(session.login.as_ref().map(|login| login.password_hash))
        .bind(counter.map(|counter| counter.kind.as_str()))
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds a refresh token, with the state of its session.
pub async fn find(db: impl PgExecutor<'_>, token: TokenHash) -> Result<Option<PresentedToken>, sqlx::Error> {
    let find = "SELECT s.id, s.user_id, s.guest_id, s.generation, s.created_at, s.expires_at,
                       u.role, u.disabled_at IS NOT NULL AS disabled,
                       (SELECT min(n.created_at) FROM refresh_tokens n
                        WHERE n.session_id = s.id AND n.generation = t.generation + 1) AS superseded_at
                FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id LEFT JOIN users u ON u.id = s.user_id
                WHERE t.token_hash = $1";
    let row: Option<PresentedTokenRow> = sqlx::query_as(find).bind(token.to_bytes()).fetch_optional(db).await?;
    row.map(PresentedToken::try_from).transpose()
}

#[derive(FromRow)]
struct PresentedTokenRow {
    id: Uuid,
    user_id: Option<Uuid>,
    guest_id: Option<Uuid>,
    generation: i32,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    role: Option<String>,
    disabled: bool,
    superseded_at: Option<OffsetDateTime>,
}

impl TryFrom<PresentedTokenRow> for PresentedToken {
    type Error = sqlx::Error;

    fn try_from(row: PresentedTokenRow) -> Result<Self, sqlx::Error> {
        let principal = match (row.user_id, row.role, row.guest_id) {
            (Some(id), Some(role), None) => {
                Principal::User { id, role: Role::try_from(role).map_err(|error| sqlx::Error::Decode(error.into()))? }
            }
            (None, None, Some(id)) => Principal::Guest(id),
            // The constraint sessions_one_holder and the foreign key exclude all others.
            _ => return Err(sqlx::Error::Decode("a session has no principal, or two".into())),
        };
        Ok(Self {
            session_id: row.id.into(),
            principal,
            disabled: row.disabled,
            newest: row.generation,
            superseded_at: row.superseded_at.map(Timestamp::from),
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
        })
    }
}

/// Takes a step, saves its token and returns true, unless the session's generation changed since the step was decided.
pub async fn advance(
    db: impl PgExecutor<'_>,
    session: SessionId,
    step: Step,
    token: TokenHash,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let advance = "WITH moved AS (UPDATE sessions SET generation = $3, expires_at = $4
                                  WHERE id = $1 AND generation = $2 RETURNING id, generation)
                   INSERT INTO refresh_tokens (token_hash, session_id, generation, created_at)
                   SELECT $5, id, generation, $6 FROM moved";
    let done = sqlx::query(advance)
        .bind(session.uuid())
        .bind(step.from)
        .bind(step.to)
        .bind(step.expires_at.to_offset())
        .bind(token.to_bytes())
        .bind(now.to_offset())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a session with all its tokens.
pub async fn end(db: impl PgExecutor<'_>, session: SessionId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE id = $1").bind(session.uuid()).execute(db).await.map(|_| ())
}

/// Ends the session that a token belongs to, if there is one.
pub async fn end_of_token(db: impl PgExecutor<'_>, token: TokenHash) -> Result<(), sqlx::Error> {
    let end = "DELETE FROM sessions USING refresh_tokens t WHERE t.session_id = sessions.id AND t.token_hash = $1";
    sqlx::query(end).bind(token.to_bytes()).execute(db).await.map(|_| ())
}

/// Deletes expired sessions; returns how many. Their tokens are deleted first, in a batch of their own, because a
/// cascade from the sessions would have no limit. A session that still has tokens waits for the next sweep.
pub async fn delete_expired(db: &Database, now: Timestamp) -> Result<u64, sqlx::Error> {
    // An array is computed once; `IN (SELECT ...)` may be planned to run again for every row, past the limit.
    let tokens = "DELETE FROM refresh_tokens WHERE token_hash = ANY (ARRAY(
                      SELECT t.token_hash FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id
                      WHERE s.expires_at <= $1 ORDER BY s.expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    sqlx::query(tokens).bind(now.to_offset()).bind(TOKENS).execute(db).await?;
    let sessions = "DELETE FROM sessions WHERE id = ANY (ARRAY(
                        SELECT id FROM sessions s
                        WHERE expires_at <= $1 AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.session_id = s.id)
                        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let done = sqlx::query(sessions).bind(now.to_offset()).bind(SESSIONS).execute(db).await?;
    Ok(done.rows_affected())
}
