//! The PostgreSQL outbox: messages to sibling services, written in the transaction that makes them true, sent after
//! commit, at least once. Receivers recognise a message they know by its id.
//!
//! A row is due from `due_at`. A relay moves that into the future in the same statement that picks the row (with
//! `SKIP LOCKED`), so that no other relay sends it meanwhile, and so that it comes back by itself if the sender dies.
//! A sent row is deleted. One that is not taken is tried again, ever more rarely: `docs/operations.md` says how to look at
//! what is stuck. Where a refusal calls for more than waiting (the stock of a paid order is gone), the service hands its
//! relay what it does about refused messages. One that its receiver refuses for good is given up: the row stays, with its
//! reason, and is not sent again (`docs/decisions/0061-outboxes-give-up.md`).

use std::{
    borrow::Cow,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use common::{id::Id, timestamp::Timestamp};
use futures_util::future::join_all;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    client::{Call, CallError, Refused, ServiceClient},
    metrics::{self, Metric},
    postgres::Database,
};

/// How long a picked message is left to its sender, in seconds. Far above the time a delivery may take.
const LEASE_SECONDS: i32 = 30;
/// How many messages are sent at once; one that hangs holds up none of the others.
const BATCH: i64 = 10;
/// How long one delivery may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Problems that no time mends: at its receiver, the message's id stands for another message.
const FINAL: [&str; 2] = ["event_id_reused", "idempotency_key_reused"];
/// How long a message is tried that is refused otherwise, in hours since it was written: a release of the receiver may
/// take what the one before refuses.
const KEEP_TRYING_HOURS: i32 = 72;

/// A message to a sibling service: `POST path` with `body`, and the id as `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Message {
    /// Names the event for ever; what receivers deduplicate by.
    pub id: Id<Message>,
    /// A path on the one domain of all services, such as `/notifications`.
    pub path: Cow<'static, str>,
    /// What the receiver needs and nothing more.
    pub body: Value,
}

impl Message {
    /// A message about something that happens `now`.
    pub fn new(
        path: impl Into<Cow<'static, str>>,
        now: Timestamp,
        body: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self { id: Id::new(now), path: path.into(), body: serde_json::to_value(body)? })
    }
}

/// A message that its receiver refused.
#[derive(Debug, Clone)]
pub struct RejectedMessage {
    /// The message's id.
    pub id: Uuid,
    /// Where it was sent.
    pub path: String,
    /// What it said.
    pub body: Value,
    /// Why it was refused.
    pub refused: Refused,
}

/// What a service did about a refused message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compensation {
    /// It is taken care of, so that the message may go.
    Done,
    /// It could not be taken care of just now. The message is tried again, however old it is.
    Later,
    /// The service has no remedy for it.
    Unknown,
}

/// For a service that does nothing about refused messages but wait.
pub fn no_compensation(_: RejectedMessage) -> Ready<Compensation> {
    ready(Compensation::Unknown)
}

/// What one relay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Relayed {
    /// Sent and deleted.
    pub delivered: usize,
    /// Not taken by the receiver; due again later.
    pub deferred: usize,
    /// Refused by the receiver for good; kept, and not sent again.
    pub given_up: usize,
}

impl Relayed {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.given_up += other.given_up;
    }
}

/// What became of one message.
enum Outcome {
    Delivered,
    Deferred,
    GivenUp,
}

/// The outbox of one service.
#[derive(Debug, Clone)]
pub struct Outbox {
    database: Database,
    client: ServiceClient,
    written: Arc<AtomicBool>,
}

impl Outbox {
    /// The outbox in `database`, sending through `client`.
    pub fn new(database: Database, client: ServiceClient) -> Self {
        Self { database, client, written: Arc::default() }
    }

    /// Writes messages in the caller's transaction, in one statement. One that is there already is not written again.
    pub async fn enqueue(&self, connection: &mut PgConnection, messages: &[Message]) -> Result<(), sqlx::Error> {
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id.uuid()).collect();
        let paths: Vec<&str> = messages.iter().map(|message| &*message.path).collect();
        let bodies: Vec<&Value> = messages.iter().map(|message| &message.body).collect();
        sqlx::query(
            "INSERT INTO outbox (id, path, body) SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[])
                     ON CONFLICT (id) DO NOTHING",
        )
        .bind(ids)
        .bind(paths)
        .bind(bodies)
        .execute(connection)
        .await?;
        self.written.store(true, Ordering::Release);
        Ok(())
    }

    /// Sends what this instance wrote since it last looked, as [`Self::relay`] does. After reads this costs nothing.
    pub async fn relay_written<F: Future<Output = Compensation>>(&self, on_refused: impl Fn(RejectedMessage) -> F) {
        if self.written.swap(false, Ordering::AcqRel)
            && let Err(error) = self.relay(on_refused).await
        {
            tracing::warn!(%error, "outbox not relayed after the answer; the sweep will");
        }
    }

    /// Sends one batch of what is due. `on_refused` is what the service does about a message that its receiver refuses
    /// ([`no_compensation`]: nothing); it may be called again for the same message, after a crash or by two relays at once.
    pub async fn relay<F: Future<Output = Compensation>>(
        &self,
        on_refused: impl Fn(RejectedMessage) -> F,
    ) -> Result<Relayed, sqlx::Error> {
        let due = pick(&self.database).await?;
        let deliveries = due.into_iter().map(|row| self.deliver(row, &on_refused));
        let mut relayed = Relayed::default();
        for outcome in join_all(deliveries).await {
            match outcome? {
                Outcome::Delivered => relayed.delivered += 1,
                Outcome::Deferred => relayed.deferred += 1,
                Outcome::GivenUp => relayed.given_up += 1,
            }
        }
        Ok(relayed)
    }

    /// Sends batch after batch until nothing is due, since what could not be sent is due again only later. After `until`
    /// no batch is begun but the first.
    pub async fn drain<F: Future<Output = Compensation>>(
        &self,
        until: Instant,
        on_refused: impl Fn(RejectedMessage) -> F,
    ) -> Result<Relayed, sqlx::Error> {
        let mut total = Relayed::default();
        loop {
            let batch = self.relay(&on_refused).await?;
            total.add(batch);
            if batch == Relayed::default() || Instant::now() >= until {
                return Ok(total);
            }
        }
    }

    /// Measures how old the oldest message is that was not taken yet. Those that were given up do not count.
    pub async fn measure(&self) -> Result<(), sqlx::Error> {
        let oldest = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM outbox
                      WHERE failed IS NULL";
        let seconds: i64 = sqlx::query_scalar(oldest).fetch_one(&self.database).await?;
        metrics::record(Metric::OutboxAge, seconds.max(0));
        Ok(())
    }

    async fn deliver<F: Future<Output = Compensation>>(
        &self,
        row: Row,
        on_refused: impl Fn(RejectedMessage) -> F,
    ) -> Result<Outcome, sqlx::Error> {
        let call = Call::post(&row.path, row.body.clone()).with_key(&row.id).within(DELIVERY_TIMEOUT);
        let Err(error) = self.client.send(call).await else {
            return delete(&self.database, row.id).await.map(|()| Outcome::Delivered);
        };
        if let CallError::Refused(refused) = &error {
            match on_refused(row.undelivered(refused)).await {
                Compensation::Done => {
                    tracing::warn!(message_id = %row.id, path = row.path, kind = refused.kind, "refused message remedied");
                    return delete(&self.database, row.id).await.map(|()| Outcome::Delivered);
                }
                Compensation::Unknown if is_final(refused, row.is_old) => {
                    return give_up(&self.database, &row, refused).await.map(|()| Outcome::GivenUp);
                }
                Compensation::Later | Compensation::Unknown => {}
            }
        }
        tracing::warn!(%error, message_id = %row.id, path = row.path, attempts = row.attempts, "message deferred");
        defer(&self.database, row.id, backoff(row.attempts)).await.map(|()| Outcome::Deferred)
    }
}

/// Whether a message that is refused so, and was tried for long, is not to be sent again. Who we are and what we may is
/// mended by a setting and not by the message; that it is too early or too late passes.
fn is_final(refused: &Refused, is_old: bool) -> bool {
    let may_pass = matches!(
        refused.status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
    );
    refused.status.is_client_error() && !may_pass && (is_old || FINAL.contains(&refused.kind.as_str()))
}

/// 2 s, 4 s, 8 s ... an hour: quick after a hiccup, quiet during an outage. In seconds.
fn backoff(attempts: i32) -> i32 {
    2_i32.saturating_pow(attempts.clamp(1, 30).unsigned_abs()).min(3_600)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    path: String,
    body: Value,
    attempts: i32,
    /// Whether it was written so long ago that a refusal ends it.
    is_old: bool,
}

impl Row {
    fn undelivered(&self, refused: &Refused) -> RejectedMessage {
        let (path, body) = (self.path.clone(), self.body.clone());
        RejectedMessage { id: self.id, path, body, refused: refused.clone() }
    }
}

async fn pick(db: &Database) -> Result<Vec<Row>, sqlx::Error> {
    // An array is made once. `IN (SELECT ...)` may be planned as a join that asks again for every row, and then picks
    // all that is due, each time skipping what it has locked itself.
    let pick = "UPDATE outbox SET due_at = now() + make_interval(secs => $1), attempts = attempts + 1
                WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE due_at <= now()
                                      ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING id, path, body, attempts, created_at <= now() - make_interval(hours => $3) AS is_old";
    sqlx::query_as(pick).bind(f64::from(LEASE_SECONDS)).bind(BATCH).bind(KEEP_TRYING_HOURS).fetch_all(db).await
}

async fn delete(db: &Database, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(db).await.map(|_| ())
}

async fn defer(db: &Database, id: Uuid, seconds: i32) -> Result<(), sqlx::Error> {
    let later = "UPDATE outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1";
    sqlx::query(later).bind(id).bind(f64::from(seconds)).execute(db).await.map(|_| ())
}

/// Keeps a message for operators, with the reason. It is due again only if one of them says so.
async fn give_up(db: &Database, row: &Row, refused: &Refused) -> Result<(), sqlx::Error> {
    let reason = format!("{} {}", refused.status.as_u16(), refused.kind);
    let keep = "UPDATE outbox SET due_at = 'infinity', failed = $2 WHERE id = $1";
    sqlx::query(keep).bind(row.id).bind(&reason).execute(db).await?;
    metrics::count(Metric::DeadLetters);
    tracing::error!(message_id = %row.id, path = row.path, attempts = row.attempts, reason, "message given up");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, kind: &str) -> Refused {
        let status = StatusCode::from_u16(status).unwrap();
        Refused { status, kind: kind.to_owned(), errors: Vec::new(), is_repeated: false }
    }

    #[test]
    fn a_refusal_ends_a_message_once_it_is_old_and_at_once_where_its_id_stands_for_another() {
        for kind in FINAL {
            assert!(is_final(&refused(409, kind), false) && is_final(&refused(422, kind), true), "{kind}");
        }
        for status in [400, 404, 409, 410, 413, 415, 422] {
            assert!(!is_final(&refused(status, "invalid_input"), false), "{status}");
            assert!(is_final(&refused(status, "invalid_input"), true), "{status}");
        }
    }

    #[test]
    fn what_a_setting_or_time_mends_ends_no_message() {
        for status in [401, 403, 408, 425, 429] {
            for kind in ["invalid_input", FINAL[0]] {
                assert!(!is_final(&refused(status, kind), true), "{status} {kind}");
            }
        }
        assert!(!is_final(&refused(503, "unavailable"), true));
    }

    #[test]
    fn a_message_that_is_refused_is_tried_ever_more_rarely_but_at_least_hourly() {
        assert_eq!([1, 2, 3, 12, 30, i32::MAX].map(backoff), [2, 4, 8, 3_600, 3_600, 3_600]);
    }
}
