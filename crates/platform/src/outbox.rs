//! The PostgreSQL outbox: messages to other services, written in the transaction of the change that they announce, and
//! sent after its commit, at least once. Receivers recognise a repeated message by its id.
//!
//! A row is due from `due_at`. A relay leases the rows that it picks: the same statement (with `SKIP LOCKED`) moves
//! `due_at` into the future, so that no other relay sends them meanwhile, and they are due again if the sender dies. A
//! delivered row is deleted. An undelivered one is tried again at growing intervals: `docs/operations.md` says how to
//! find stuck ones. When a rejection needs a compensation (the stock of a paid order is gone), the service passes it to
//! its relay. A message that its receiver rejects finally is given up: the row stays, with the reason, and is not sent
//! again (`docs/decisions/0061-outboxes-give-up.md`).

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

/// The lease on a picked message, in seconds. Far longer than a delivery may take.
const LEASE_SECONDS: i32 = 30;
/// How many messages are sent concurrently; a slow receiver does not delay the others.
const BATCH: i64 = 10;
/// How long one delivery may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Problem types that are final: the receiver knows the id as that of another message.
const FINAL: [&str; 2] = ["event_id_reused", "idempotency_key_reused"];
/// How long a message is tried that is rejected for other reasons, in hours since it was written: a later release of
/// the receiver may accept it.
const KEEP_TRYING_HOURS: i32 = 72;

/// A message to another service: `POST path` with `body`, and the id as `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Message {
    /// The id of the event, by which receivers deduplicate.
    pub id: Id<Message>,
    /// The path of the request, such as `/notifications`.
    pub path: Cow<'static, str>,
    /// The body of the request; only data that the receiver needs.
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

/// A message that its receiver rejected.
#[derive(Debug, Clone)]
pub struct RejectedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The path that it was sent to.
    pub path: String,
    /// The body that was sent.
    pub body: Value,
    /// The refusal of the receiver.
    pub refused: Refused,
}

/// The outcome of compensating a rejected message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compensation {
    /// The rejection is compensated; the message is deleted.
    Done,
    /// The compensation failed for now. The message is tried again, however old it is.
    Later,
    /// The service has no compensation for this rejection.
    Unknown,
}

/// For a service without compensations: rejected messages wait, or are given up.
pub fn no_compensation(_: RejectedMessage) -> Ready<Compensation> {
    ready(Compensation::Unknown)
}

/// The counts of one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Relayed {
    /// Messages that were delivered, or whose rejection was compensated, and deleted.
    pub delivered: usize,
    /// Messages that were not delivered and are due again later.
    pub deferred: usize,
    /// Messages that were finally rejected; they are kept and not sent again.
    pub given_up: usize,
}

impl Relayed {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.given_up += other.given_up;
    }
}

/// The outcome of one delivery.
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

    /// Writes messages in the caller's transaction, in one statement. A message whose id exists is skipped.
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

    /// Relays if this instance wrote messages since the last call; otherwise it does nothing.
    pub async fn relay_written<F: Future<Output = Compensation>>(&self, on_refused: impl Fn(RejectedMessage) -> F) {
        if self.written.swap(false, Ordering::AcqRel)
            && let Err(error) = self.relay(on_refused).await
        {
            tracing::warn!(%error, "outbox relay after the response failed; the sweep will send the messages");
        }
    }

    /// Sends one batch of due messages. `on_refused` compensates a rejected message ([`no_compensation`]: does
    /// nothing). It can be called again for the same message, after a crash or by two relays at once.
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

    /// Sends batches until nothing is due; undelivered messages are due again only later. After `until` no further
    /// batch begins, except the first.
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

    /// Records the age of the oldest undelivered message. Messages that were given up do not count.
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
            match on_refused(row.rejected(refused)).await {
                Compensation::Done => {
                    tracing::warn!(message_id = %row.id, path = row.path, kind = refused.kind, "rejected message compensated");
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

/// Whether a rejection is final. Missing credentials or scopes are fixed in the settings, and timeouts and limits pass,
/// so these are never final.
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

/// The pause before the next attempt, in seconds: 2, 4, 8 ... up to an hour.
fn backoff(attempts: i32) -> i32 {
    2_i32.saturating_pow(attempts.clamp(1, 30).unsigned_abs()).min(3_600)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    path: String,
    body: Value,
    attempts: i32,
    /// Whether it was written so long ago that a rejection is final.
    is_old: bool,
}

impl Row {
    fn rejected(&self, refused: &Refused) -> RejectedMessage {
        let (path, body) = (self.path.clone(), self.body.clone());
        RejectedMessage { id: self.id, path, body, refused: refused.clone() }
    }
}

async fn pick(db: &Database) -> Result<Vec<Row>, sqlx::Error> {
    // An array is computed once. `IN (SELECT ...)` may be planned as a join that runs again for every row, and then
    // picks all due rows, each time skipping those that it has locked itself.
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

/// Keeps a message for operators, with the reason. It is due again only when an operator resets it.
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
