//! Sessions: opened by a login or for a guest, and continued with refresh tokens that change with every use.

pub mod domain;
pub mod store;

use common::{problem::Problem, timestamp::Timestamp};
use platform::postgres::Database;

use self::{
    domain::{Decision, Principal, SessionId},
    store::{NewSession, VerifiedLogin},
};
use crate::{error::Error, opaque::OpaqueToken};

/// How often a refresh is tried when another refresh of the session came first. A second attempt is rare already.
const MAX_ATTEMPTS: usize = 5;

/// Opens a session; returns its first refresh token. Fails with `InvalidCredentials` when the account was closed or its
/// password changed since the `login` was verified.
pub async fn open(
    db: &Database,
    principal: Principal,
    login: Option<VerifiedLogin<'_>>,
    now: Timestamp,
) -> Result<OpaqueToken, Error> {
    let token = OpaqueToken::random()?;
    let session = NewSession {
        id: SessionId::new(now),
        principal,
        token: token.hashed(),
        login,
        created_at: now,
        expires_at: domain::expiry(now, now),
    };
    if store::open(db, &session).await? { Ok(token) } else { Err(Error::InvalidCredentials) }
}

/// Exchanges a refresh token for another. A token that was used before, outside of its grace period, ends the session.
pub async fn renew(db: &Database, presented: &OpaqueToken, now: Timestamp) -> Result<(Principal, OpaqueToken), Error> {
    let mut connection = db.acquire().await?;
    for _ in 0..MAX_ATTEMPTS {
        let known = store::find(&mut *connection, presented.hashed()).await?.ok_or(Error::InvalidRefreshToken)?;
        match known.decide(now) {
            Decision::Refuse => return Err(Error::InvalidRefreshToken),
            Decision::Revoke => {
                store::end(&mut *connection, known.session_id).await?;
                let (session, principal) = (known.session_id, known.principal.subject());
                tracing::warn!(%session, %principal, "refresh token used again; session ended");
                return Err(Error::InvalidRefreshToken);
            }
            Decision::Renew(step) => {
                let token = OpaqueToken::random()?;
                if store::advance(&mut *connection, known.session_id, step, token.hashed(), now).await? {
                    return Ok((known.principal, token));
                }
            }
        }
    }
    Err(Problem::unavailable("the session was refreshed by other requests at the same time").into())
}
