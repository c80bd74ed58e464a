use std::time::Instant;

use platform::postgres::{Database, problem, violated};
use sqlx::{Executor, query, raw_sql};
use testkit::{Proxy, postgres, proxy::Protocol};

use crate::{IN_TIME, secret};

#[tokio::test]
async fn a_database_is_connected_to_when_it_is_first_used_and_not_before() {
    let postgres = postgres::empty().await;
    let network = Proxy::start(&postgres.address(), Protocol::Postgres).await;
    let database = Database::new(secret(&postgres.url_through(&network.address)));
    assert_eq!(network.take_commands(), Vec::<String>::new());
    database.ping().await.unwrap();
    assert!(!network.take_commands().is_empty());
}

#[tokio::test]
async fn a_database_that_is_dead_or_hangs_is_a_503_in_time_and_works_again_when_it_is_back() {
    let postgres = postgres::empty().await;
    let network = Proxy::start(&postgres.address(), Protocol::Postgres).await;
    for fail in [Proxy::cut, Proxy::hang] {
        fail(&network);
        let database = Database::new(secret(&postgres.url_through(&network.address)));
        let started = Instant::now();
        let refusal = problem(database.ping().await.unwrap_err());
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        assert_eq!((refusal.status().as_u16(), refusal.kind()), (503, "unavailable"));
        network.heal();
        crate::until("the database is back", async || database.ping().await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_database_that_is_paused_is_waited_for_by_what_runs_by_a_schedule() {
    let postgres = postgres::empty().await;
    let network = Proxy::start(&postgres.address(), Protocol::Postgres).await;
    network.hang();
    let database = Database::new(secret(&postgres.url_through(&network.address)));
    // It is back when a request has given up already.
    let resuming = async {
        database.ping().await.unwrap_err();
        network.heal();
    };
    let (woken, ()) = tokio::join!(database.wake(), resuming);
    woken.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_ended_by_the_server_is_a_503_and_replaced() {
    let postgres = postgres::empty().await;
    let database = Database::new(secret(&postgres.url));
    let mut held = database.begin().await.unwrap();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    postgres.connect().await.execute(others).await.unwrap();
    let error = query("SELECT 1").execute(&mut *held).await.unwrap_err();
    assert_eq!(problem(error).status().as_u16(), 503);
    drop(held);
    crate::until("a new connection is made", async || database.ping().await.is_ok()).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_a_503_that_does_not_show_it() {
    let database = Database::new(secret("postgres://jane:hunter2@[nowhere/db"));
    let error = database.ping().await.unwrap_err();
    let shown = format!("{error} {error:?} {database:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(problem(error).status().as_u16(), 503);
}

#[tokio::test]
async fn a_violated_constraint_is_known_by_its_name() {
    let postgres = postgres::empty().await;
    let database = Database::new(secret(&postgres.url));
    database.execute(raw_sql("CREATE TABLE things (n int CONSTRAINT one_digit CHECK (n < 10))")).await.unwrap();
    let error = query("INSERT INTO things VALUES (10)").execute(&database).await.unwrap_err();
    assert_eq!(violated(&error), Some("one_digit"));
    assert_eq!(problem(error).status().as_u16(), 500, "one that the service did not expect is our mistake");
    let error = query("SELEKT").execute(&database).await.unwrap_err();
    assert_eq!(violated(&error), None);
    assert_eq!(problem(error).status().as_u16(), 500);
}

#[tokio::test]
async fn the_password_is_never_shown() {
    let postgres = postgres::empty().await;
    let password = "hunter2-not-the-password";
    let (user, rest) = postgres.url.split_once("://").unwrap();
    let (_, address) = rest.rsplit_once('@').unwrap_or(("", rest));
    let database = Database::new(secret(&format!("{user}://postgres:{password}@{address}")));
    let answer = database.ping().await;
    let shown = format!("{answer:?} {database:?}");
    assert!(!shown.contains(password), "{shown}");
}
