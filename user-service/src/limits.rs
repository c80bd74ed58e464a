//! Rate limits: how often one account, one mailbox or one source address may try something.
//! `docs/decisions/0021-limits-of-accounts.md` says what is limited and why.

pub mod domain;
pub mod settings;
pub mod store;

use std::net::IpAddr;

use common::{contact::Email, timestamp::Timestamp};
use platform::{config::SecretError, fingerprint::Fingerprints};
use sqlx::PgExecutor;
use uuid::Uuid;

use self::domain::{Attempt, Counter, Kind, Limits, admit};
use crate::error::Error;

/// Names the counters of attempts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Counting {
    /// Computes the keys of counters.
    pub fingerprints: Fingerprints,
    /// The limit of each kind of attempt.
    pub limits: Limits,
}

impl Counting {
    /// An attempt to log in with an e-mail address.
    pub async fn login(&self, email: &Email, source: Option<IpAddr>) -> Result<Attempt, SecretError> {
        let source = self.source(Kind::LoginFromSource, source).await?;
        let recipient = self.recipient(Kind::LoginOfRecipient, email).await?;
        Ok(Attempt::new([source, Some(recipient)]))
    }

    /// An attempt to register an e-mail address.
    pub async fn registration(&self, email: &Email, source: Option<IpAddr>) -> Result<Attempt, SecretError> {
        let source = self.source(Kind::RegistrationFromSource, source).await?;
        let recipient = self.recipient(Kind::RegistrationOfRecipient, email).await?;
        Ok(Attempt::new([source, Some(recipient)]))
    }

    /// An attempt to create a guest.
    pub async fn guest(&self, source: Option<IpAddr>) -> Result<Attempt, SecretError> {
        Ok(Attempt::new([self.source(Kind::GuestFromSource, source).await?]))
    }

    /// An attempt to save a card.
    pub async fn setup(&self, account: Uuid, email: &Email, source: Option<IpAddr>) -> Result<Attempt, SecretError> {
        let source = self.source(Kind::SetupFromSource, source).await?;
        let recipient = self.recipient(Kind::SetupOfRecipient, email).await?;
        let account = self.counter(Kind::SetupOfAccount, account.into_bytes());
        Ok(Attempt::new([source, Some(recipient), Some(account)]))
    }

    async fn source(&self, kind: Kind, source: Option<IpAddr>) -> Result<Option<Counter>, SecretError> {
        let Some(source) = source else { return Ok(None) };
        Ok(Some(self.counter(kind, self.fingerprints.source(source).await?)))
    }

    async fn recipient(&self, kind: Kind, email: &Email) -> Result<Counter, SecretError> {
        Ok(self.counter(kind, self.fingerprints.recipient(email).await?))
    }

    fn counter(&self, kind: Kind, key: [u8; 16]) -> Counter {
        Counter { kind, key, most: self.limits.most(kind) }
    }
}

/// Counts an attempt, and refuses it when it exceeds a limit. Counting comes before the work of the attempt, so that
/// simultaneous attempts cannot pass together. An attempt without counters takes no round trip.
pub async fn count(db: impl PgExecutor<'_>, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
    if attempt.is_uncounted() {
        return Ok(());
    }
    let refused_until = store::count(db, attempt, now).await?;
    Ok(admit(refused_until, now)?)
}
