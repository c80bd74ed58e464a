//! Sessions: begun by a login or a guest, kept up with refresh tokens that change with every use.

pub mod domain;
pub mod store;

use common::{problem::Problem, timestamp::Timestamp};
use platform::postgres::Database;

use self::{
    domain::{Decision, Holder, SessionId},
    store::{NewSession, RightLogin},
};
use crate::{error::Error, opaque::Opaque};

/// How often a refresh starts over because the session moved under it. Once is rare already.
const RACES: usize = 5;

/// Begins a session; its first refresh token. A user's credentials are wrong, too, when they stopped being right since
/// the `login` was judged.
pub async fn open(
    db: &Database,
    holder: Holder,
    login: Option<RightLogin<'_>>,
    now: Timestamp,
) -> Result<Opaque, Error> {
    let token = Opaque::random()?;
    let session = NewSession {
        id: SessionId::new(now),
        holder,
        token: token.hashed(),
        login,
        created_at: now,
        expires_at: domain::expiry(now, now),
    };
    if store::open(db, &session).await? { Ok(token) } else { Err(Error::InvalidCredentials) }
}

/// Exchanges a refresh token for another. Whoever shows one that was used before ends the session.
pub async fn renew(db: &Database, presented: &Opaque, now: Timestamp) -> Result<(Holder, Opaque), Error> {
    let mut connection = db.acquire().await?;
    for _ in 0..RACES {
        let known = store::find(&mut *connection, presented.hashed()).await?.ok_or(Error::InvalidRefreshToken)?;
        match known.decide(now) {
            Decision::Refuse => return Err(Error::InvalidRefreshToken),
            Decision::Revoke => {
                store::end(&mut *connection, known.session_id).await?;
                let (session, holder) = (known.session_id, known.holder.subject());
                tracing::warn!(%session, %holder, "refresh token used again; session ended");
                return Err(Error::InvalidRefreshToken);
            }
            Decision::Renew(step) => {
                let token = Opaque::random()?;
                if store::advance(&mut *connection, known.session_id, step, token.hashed(), now).await? {
                    return Ok((known.holder, token));
                }
            }
        }
    }
    Err(Problem::unavailable("a session kept moving while it was refreshed").into())
}
