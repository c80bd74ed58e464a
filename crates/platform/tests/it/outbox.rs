use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::timestamp::Timestamp;
use futures_util::future::join_all;
use platform::{
    metrics::Metrics,
    outbox::{Compensation, Message, Outbox, RejectedMessage, Relayed, no_compensation},
    postgres::Database,
    telemetry::with_metrics,
};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection, query, query_scalar, raw_sql};
use testkit::{
    Proxy,
    postgres::{self, Postgres},
    proxy::Protocol,
};
use time::OffsetDateTime;

use crate::{
    IN_TIME,
    gateway::{Gateway, Reply, Seen},
    secret, until,
};

const TABLE: &str = "CREATE TABLE outbox (id uuid PRIMARY KEY, path text NOT NULL, body jsonb NOT NULL,
                     attempts int NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(),
                     due_at timestamptz NOT NULL DEFAULT now(), failed text)";

/// An outbox in a database of the test, with the receiver of its messages.
struct OutboxFixture {
    outbox: Outbox,
    database: Database,
    gateway: Gateway,
    connection: PgConnection,
    postgres: Postgres,
}

impl OutboxFixture {
    /// Receivers answer what `script` says, or else take every message.
    async fn open(script: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let (postgres, gateway) = (postgres::empty().await, Gateway::start(script).await);
        let mut connection = postgres.connect().await;
        connection.execute(raw_sql(TABLE)).await.unwrap();
        let database = Database::new(secret(&postgres.url));
        let outbox = Outbox::new(database.clone(), gateway.client());
        Self { outbox, database, gateway, connection, postgres }
    }

    /// Commits messages to these paths, in one transaction.
    async fn commit(&self, paths: impl IntoIterator<Item = &'static str>) -> Vec<Message> {
        let mut transaction = self.database.begin().await.unwrap();
        let mut messages = Vec::new();
        for path in paths {
            let message = Message::new(path, Timestamp::now(), &json!({"to": path})).unwrap();
            self.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.unwrap();
            messages.push(message);
        }
        transaction.commit().await.unwrap();
        messages
    }

    async fn relay(&self) -> Relayed {
        self.outbox.relay(no_compensation).await.unwrap()
    }

    async fn waiting(&mut self) -> i64 {
        query_scalar("SELECT count(*) FROM outbox").fetch_one(&mut self.connection).await.unwrap()
    }

    /// Makes all messages due.
    async fn age(&mut self) {
        query("UPDATE outbox SET due_at = now() WHERE failed IS NULL").execute(&mut self.connection).await.unwrap();
    }

    /// The database's clock.
    async fn now(&mut self) -> OffsetDateTime {
        query_scalar("SELECT clock_timestamp()").fetch_one(&mut self.connection).await.unwrap()
    }

    /// When the one message is due, and how often it was tried.
    async fn due(&mut self) -> (OffsetDateTime, i32) {
        sqlx::query_as("SELECT due_at, attempts FROM outbox").fetch_one(&mut self.connection).await.unwrap()
    }

    /// The keys of what came to `POST path`.
    fn keys(&self, path: &str) -> Vec<String> {
        let seen = self.gateway.seen_at(&format!("POST {path}"));
        seen.iter().map(|seen| seen.header("idempotency-key").to_owned()).collect()
    }
}

#[tokio::test]
async fn a_message_that_is_written_twice_exists_once_and_fails_neither_writer() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    let message = Message::new("/a", Timestamp::now(), &json!({})).unwrap();
    for _ in 0..2 {
        let mut transaction = fixture.database.begin().await.unwrap();
        fixture.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let count: i64 = query_scalar("SELECT count(*) FROM outbox").fetch_one(&mut fixture.connection).await.unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn what_is_rolled_back_leaves_no_message() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    let mut transaction = fixture.database.begin().await.unwrap();
    let message = Message::new("/mail", Timestamp::now(), &json!({})).unwrap();
    fixture.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.unwrap();
    transaction.rollback().await.unwrap();
    fixture.outbox.relay_written(no_compensation).await;
    assert_eq!((fixture.waiting().await, fixture.gateway.seen().len()), (0, 0));
}

#[tokio::test]
async fn nothing_leaves_before_it_is_committed() {
    let fixture = OutboxFixture::open(|_| None).await;
    let mut transaction = fixture.database.begin().await.unwrap();
    let message = Message::new("/mail", Timestamp::now(), &json!({})).unwrap();
    fixture.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.unwrap();
    assert_eq!(fixture.relay().await, Relayed::default());
    transaction.commit().await.unwrap();
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 0 });
}

#[tokio::test]
async fn a_message_is_delivered_once_under_its_id_and_deleted() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    let sent = fixture.commit(["/mail"]).await;
    fixture.outbox.relay_written(no_compensation).await;
    let seen = fixture.gateway.seen_at("POST /mail");
    assert_eq!((seen.len(), &seen[0].body), (1, &json!({"to": "/mail"})));
    assert_eq!(fixture.keys("/mail"), [sent[0].id.to_string()]);
    assert_eq!(fixture.waiting().await, 0);
    fixture.outbox.relay_written(no_compensation).await;
    assert_eq!(fixture.relay().await, Relayed::default());
    assert_eq!(fixture.gateway.seen().len(), 1);
}

#[tokio::test]
async fn after_requests_that_write_no_message_the_database_is_not_asked() {
    let fixture = OutboxFixture::open(|_| None).await;
    let network = Proxy::start(&fixture.postgres.address(), Protocol::Postgres).await;
    let database = Database::new(secret(&fixture.postgres.url_through(&network.address)));
    let outbox = Outbox::new(database.clone(), fixture.gateway.client());
    database.ping().await.unwrap();
    assert!(!network.take_commands().is_empty());
    outbox.relay_written(no_compensation).await;
    assert_eq!(network.take_commands(), Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_fails_is_counted_and_tried_ever_later_until_it_is_taken() {
    let failing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let script = std::sync::Arc::clone(&failing);
    let mut fixture = OutboxFixture::open(move |seen| {
        (seen.line == "POST /mail" && script.load(std::sync::atomic::Ordering::Relaxed)).then_some(Reply::Status(500))
    })
    .await;
    let sent = fixture.commit(["/mail"]).await;
    for (attempt, pause) in [(1, 2), (2, 4), (3, 8)] {
        let before = fixture.now().await;
        assert_eq!(fixture.relay().await, Relayed { delivered: 0, deferred: 1, given_up: 0 });
        let after = fixture.now().await;
        let ((due, attempts), pause) = (fixture.due().await, time::Duration::seconds(pause));
        assert_eq!(attempts, attempt);
        assert!(
            (before + pause..=after + pause).contains(&due),
            "attempt {attempt}: {due} is not {pause} from {before}"
        );
        fixture.age().await;
    }
    failing.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 0 });
    assert_eq!(fixture.waiting().await, 0);
    assert!(fixture.keys("/mail").iter().all(|key| *key == sent[0].id.to_string()));
}

#[tokio::test]
async fn a_message_that_is_not_due_is_left_alone() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    fixture.commit(["/mail"]).await;
    query("UPDATE outbox SET due_at = now() + interval '1 hour'").execute(&mut fixture.connection).await.unwrap();
    assert_eq!(fixture.relay().await, Relayed::default());
    fixture.age().await;
    assert_eq!(fixture.relay().await.delivered, 1);
}

#[tokio::test]
async fn a_message_that_is_refused_is_never_dropped() {
    let refusal = json!({"type": "invalid_input"});
    let mut fixture =
        OutboxFixture::open(move |seen| (seen.line == "POST /mail").then(|| Reply::Json(422, refusal.clone()))).await;
    fixture.commit(["/mail"]).await;
    for attempt in 1..=3 {
        assert_eq!(fixture.relay().await, Relayed { delivered: 0, deferred: 1, given_up: 0 });
        assert_eq!(fixture.keys("/mail").len(), attempt, "a refusal is not repeated at once");
        fixture.age().await;
    }
    query("UPDATE outbox SET attempts = 1000").execute(&mut fixture.connection).await.unwrap();
    let before = fixture.now().await;
    assert_eq!(fixture.relay().await.deferred, 1);
    let (due, attempts) = fixture.due().await;
    assert_eq!(attempts, 1_001);
    assert!(
        due - before < time::Duration::minutes(61),
        "however often it failed, it is tried hourly: {}",
        due - before
    );
}

#[tokio::test]
async fn a_message_whose_id_stands_for_another_at_its_receiver_is_given_up_at_once_and_kept_with_the_reason() {
    let captured = testkit::logs::Captured::default();
    let subscriber = with_metrics("user-service", "info", Metrics::Emf, captured.writer());
    let _logging = tracing::subscriber::set_default(subscriber);
    // As in `Measured`: a line that another test comes to first must not be taken for one that no subscriber wants.
    let _second = tracing::Dispatch::new(with_metrics("user-service", "debug", Metrics::Emf, std::io::sink));
    let reused = json!({"type": "event_id_reused"});
    let script = move |seen: &Seen| (seen.line == "POST /mail").then(|| Reply::Json(409, reused.clone()));
    let mut fixture = OutboxFixture::open(script).await;
    let sent = fixture.commit(["/mail", "/stock"]).await;
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 1 });
    for _ in 0..2 {
        fixture.age().await;
        assert_eq!(fixture.relay().await, Relayed::default(), "it is not sent again");
    }
    assert_eq!(fixture.keys("/mail"), [sent[0].id.to_string()]);
    let kept = "SELECT id, failed, body FROM outbox WHERE due_at = 'infinity'";
    let kept: (uuid::Uuid, String, Value) = sqlx::query_as(kept).fetch_one(&mut fixture.connection).await.unwrap();
    assert_eq!(kept, (sent[0].id.uuid(), "409 event_id_reused".to_owned(), json!({"to": "/mail"})));

    let lines = captured.lines();
    let given_up: Vec<&Value> = lines.iter().filter(|line| line["message"] == "message given up").collect();
    assert_eq!(given_up.len(), 1, "{lines:?}");
    assert_eq!((&given_up[0]["level"], &given_up[0]["reason"]), (&json!("ERROR"), &json!("409 event_id_reused")));
    assert_eq!(given_up[0]["message_id"], sent[0].id.to_string());
    let counted: Vec<_> =
        lines.iter().flat_map(testkit::emf::data).filter(|datum| datum.name == "DeadLetters").collect();
    assert_eq!(counted.len(), 1, "{lines:?}");

    captured.take_lines();
    fixture.outbox.measure().await.unwrap();
    let age = captured.lines().iter().flat_map(testkit::emf::data).map(|datum| datum.value).sum::<f64>();
    assert!(age.abs() < f64::EPSILON, "what was given up does not wait: {age}");
}

#[tokio::test]
async fn what_operators_say_is_tried_again_is_sent() {
    let mended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let script = Arc::clone(&mended);
    let mut fixture = OutboxFixture::open(move |seen| {
        let is_refused = seen.line == "POST /mail" && !script.load(std::sync::atomic::Ordering::Relaxed);
        is_refused.then(|| Reply::Json(409, json!({"type": "event_id_reused"})))
    })
    .await;
    fixture.commit(["/mail"]).await;
    assert_eq!(fixture.relay().await.given_up, 1);
    mended.store(true, std::sync::atomic::Ordering::Relaxed);
    query("UPDATE outbox SET due_at = now(), failed = NULL").execute(&mut fixture.connection).await.unwrap();
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 0 });
    assert_eq!(fixture.waiting().await, 0);
}

#[tokio::test]
async fn a_message_that_is_refused_for_three_days_is_given_up_and_one_that_may_pass_is_not() {
    let replies = [("/invalid", 422), ("/gone", 404), ("/forbidden", 403), ("/unsigned", 401), ("/down", 503)];
    let mut fixture = OutboxFixture::open(move |seen| {
        let reply = replies.iter().find(|(path, _)| seen.line == format!("POST {path}"));
        reply.map(|(_, status)| Reply::Json(*status, json!({"type": "refused"})))
    })
    .await;
    fixture.commit(replies.map(|(path, _)| path)).await;
    let (young, old) = ("interval '71 hours'", "interval '73 hours'");
    for (age, expected) in [(young, (5, 0)), (old, (3, 2))] {
        let written = sqlx::AssertSqlSafe(format!("UPDATE outbox SET created_at = now() - {age}, due_at = now()"));
        query(written).execute(&mut fixture.connection).await.unwrap();
        let Relayed { delivered, deferred, given_up } = fixture.relay().await;
        assert_eq!((delivered, (deferred, given_up)), (0, expected), "{age}");
    }
    let failed = "SELECT path FROM outbox WHERE failed IS NOT NULL ORDER BY path";
    let failed: Vec<String> = query_scalar(failed).fetch_all(&mut fixture.connection).await.unwrap();
    assert_eq!(failed, ["/gone", "/invalid"]);
}

#[tokio::test]
async fn a_message_whose_remedy_fails_is_tried_again_however_old_it_is() {
    let mut fixture =
        OutboxFixture::open(|seen| (seen.line == "POST /stock").then(|| Reply::Json(409, json!({"type": "gone"}))))
            .await;
    fixture.commit(["/stock"]).await;
    let old = "UPDATE outbox SET created_at = now() - interval '99 days'";
    query(old).execute(&mut fixture.connection).await.unwrap();
    let relayed = fixture.outbox.relay(async |_| Compensation::Later).await.unwrap();
    assert_eq!(relayed, Relayed { delivered: 0, deferred: 1, given_up: 0 });
}

#[tokio::test]
async fn draining_sends_all_that_is_due_and_after_its_time_one_batch() {
    let mut fixture = OutboxFixture::open(|seen| (seen.line == "POST /down").then_some(Reply::Status(503))).await;
    fixture.commit(["/mail"; 34]).await;
    fixture.commit(["/down"]).await;
    let (over, later) = (Instant::now(), Instant::now() + Duration::from_mins(10));
    assert_eq!(
        fixture.outbox.drain(over, no_compensation).await.unwrap(),
        Relayed { delivered: 10, deferred: 0, given_up: 0 }
    );
    assert_eq!(
        fixture.outbox.drain(later, no_compensation).await.unwrap(),
        Relayed { delivered: 24, deferred: 1, given_up: 0 }
    );
    assert_eq!(fixture.waiting().await, 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other_message() {
    let mut fixture = OutboxFixture::open(|seen| (seen.line == "POST /slow").then_some(Reply::Hang)).await;
    fixture.commit(["/mail", "/mail", "/slow", "/mail", "/mail", "/slow", "/mail", "/mail", "/mail", "/mail"]).await;
    let started = Instant::now();
    let relaying = async {
        let relayed = fixture.outbox.relay(no_compensation).await.unwrap();
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        relayed
    };
    let others = async {
        until("the other messages are delivered", async || fixture.gateway.seen_at("POST /mail").len() == 8).await;
        assert_eq!(fixture.gateway.hung_up(), 0, "the others waited for the one that hangs");
    };
    let (relayed, ()) = tokio::join!(relaying, others);
    assert_eq!(relayed, Relayed { delivered: 8, deferred: 2, given_up: 0 });
    assert_eq!(fixture.waiting().await, 2);
}

#[tokio::test]
async fn without_a_token_messages_are_kept() {
    let mut fixture = OutboxFixture::open(|seen| (seen.line == "POST /oauth/token").then_some(Reply::Hang)).await;
    fixture.commit(["/mail"; 5]).await;
    let started = Instant::now();
    assert_eq!(fixture.relay().await, Relayed { delivered: 0, deferred: 5, given_up: 0 });
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!((fixture.waiting().await, fixture.gateway.seen().len()), (5, 0));
}

#[tokio::test]
async fn eight_relays_at_once_deliver_each_of_a_hundred_messages_exactly_once() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    let sent = fixture.commit(["/mail"; 100]).await;
    let relays = (0..8).map(|_| {
        let outbox = Outbox::new(Database::new(secret(&fixture.postgres.url)), fixture.gateway.client());
        tokio::spawn(async move {
            let mut delivered = 0;
            loop {
                match outbox.relay(no_compensation).await.unwrap() {
                    Relayed { delivered: 0, deferred: 0, given_up: 0 } => return delivered,
                    Relayed { delivered: batch, deferred: 0, given_up: 0 } => delivered += batch,
                    relayed => panic!("{relayed:?}"),
                }
            }
        })
    });
    let delivered: usize = join_all(relays).await.into_iter().map(Result::unwrap).sum();
    let (mut came, mut expected) =
        (fixture.keys("/mail"), sent.iter().map(|sent| sent.id.to_string()).collect::<Vec<_>>());
    came.sort();
    expected.sort();
    assert_eq!((delivered, came), (100, expected));
    assert_eq!(fixture.waiting().await, 0);
}

#[tokio::test]
async fn a_batch_is_ten_messages_whatever_the_database_expects_of_the_table() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    // Statistics of a table with one row make the planner join in ways it would not for sixty.
    fixture.commit(["/mail"]).await;
    fixture.connection.execute("VACUUM ANALYZE outbox").await.unwrap();
    fixture.commit(["/mail"; 59]).await;
    assert_eq!(fixture.relay().await, Relayed { delivered: 10, deferred: 0, given_up: 0 });
    assert_eq!(fixture.waiting().await, 50);
}

#[tokio::test]
async fn after_a_crash_between_delivery_and_deletion_the_message_comes_again_under_the_same_id() {
    let hang_once = |seen: &Seen| (seen.line == "POST /mail" && seen.nth == 1).then_some(Reply::Hang);
    let mut fixture = OutboxFixture::open(hang_once).await;
    let sent = fixture.commit(["/mail"]).await;
    let outbox = fixture.outbox.clone();
    let before = fixture.now().await;
    let crashing = tokio::spawn(async move { outbox.relay(no_compensation).await });
    until("the receiver has the message", async || fixture.gateway.seen_at("POST /mail").len() == 1).await;
    crashing.abort();
    assert!(crashing.await.unwrap_err().is_cancelled());

    let (due, attempts) = fixture.due().await;
    assert!(attempts == 1 && due - before >= time::Duration::seconds(30), "{attempts} {due}");
    assert_eq!(fixture.relay().await, Relayed::default(), "no other relay sends it during the lease");
    fixture.age().await;
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 0 });
    assert_eq!(fixture.keys("/mail"), [sent[0].id.to_string(), sent[0].id.to_string()]);
    assert_eq!(fixture.waiting().await, 0);
}

#[tokio::test]
async fn a_database_that_dies_after_the_delivery_leaves_the_message_to_come_again() {
    let mut fixture = OutboxFixture::open(|_| None).await;
    let network = Proxy::start(&fixture.postgres.address(), Protocol::Postgres).await;
    let database = Database::new(secret(&fixture.postgres.url_through(&network.address)));
    let outbox = Outbox::new(database.clone(), fixture.gateway.client());
    database.ping().await.unwrap();
    fixture.commit(["/mail"]).await;
    network.take_commands();
    outbox.relay(no_compensation).await.unwrap();
    let commands = network.take_commands().len();
    assert!(commands >= 2, "one to pick and one to delete: {commands}");

    fixture.commit(["/mail"]).await;
    network.cut_after(commands - 1);
    outbox.relay(no_compensation).await.unwrap_err();
    assert_eq!((fixture.waiting().await, fixture.keys("/mail").len()), (1, 2));
    fixture.age().await;
    assert_eq!(fixture.relay().await, Relayed { delivered: 1, deferred: 0, given_up: 0 }, "another instance finds it");
    let keys = fixture.keys("/mail");
    assert_eq!((keys.len(), &keys[1]), (3, &keys[2]));
}

#[tokio::test]
async fn a_refused_message_that_the_service_takes_care_of_goes_and_one_it_does_not_stays() {
    let mut fixture = OutboxFixture::open(|seen| {
        seen.line.starts_with("POST /stock").then(|| Reply::Json(409, json!({"type": "gone"})))
    })
    .await;
    let compensate = async |rejected: RejectedMessage| {
        let is_ours = rejected.path == "/stock/1" && rejected.refused.kind == "gone";
        assert_eq!(rejected.body, json!({"to": rejected.path}));
        if is_ours { Compensation::Done } else { Compensation::Unknown }
    };
    fixture.commit(["/stock/1", "/stock/2"]).await;
    let relayed = fixture.outbox.relay(compensate).await.unwrap();
    assert_eq!(relayed, Relayed { delivered: 1, deferred: 1, given_up: 0 });
    assert_eq!(fixture.waiting().await, 1);
}

#[tokio::test]
async fn a_deferred_message_is_logged_without_its_body() {
    let captured = testkit::logs::Captured::default();
    let subscriber = platform::telemetry::subscriber("sample-service", "debug", captured.writer());
    let _logging = tracing::subscriber::set_default(subscriber);
    let fixture = OutboxFixture::open(|seen| (seen.line == "POST /mail").then_some(Reply::Status(422))).await;
    let mut transaction = fixture.database.begin().await.unwrap();
    let message = Message::new("/mail", Timestamp::now(), &json!({"to": "jane@example.com"})).unwrap();
    fixture.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.unwrap();
    transaction.commit().await.unwrap();
    fixture.outbox.relay_written(no_compensation).await;
    let lines = captured.lines();
    let deferred: Vec<&Value> = lines.iter().filter(|line| line["message"] == "message deferred").collect();
    assert_eq!(deferred.len(), 1, "{lines:?}");
    assert_eq!((&deferred[0]["message_id"], &deferred[0]["attempts"]), (&json!(message.id.to_string()), &json!(1)));
    assert!(!captured.text().contains("jane"), "{}", captured.text());
}

/// Not a test of speed: a relay that hung would be one that never ends.
#[tokio::test]
async fn a_database_that_hangs_ends_the_work_after_the_answer_within_its_budget() {
    let fixture = OutboxFixture::open(|_| None).await;
    let network = Proxy::start(&fixture.postgres.address(), Protocol::Postgres).await;
    network.hang();
    let database = Database::new(secret(&fixture.postgres.url_through(&network.address)));
    let outbox = Outbox::new(database, fixture.gateway.client());
    let relayed = tokio::time::timeout(Duration::from_secs(5), outbox.relay(no_compensation)).await;
    assert!(relayed.expect("the relay gives up by itself").is_err());
}
