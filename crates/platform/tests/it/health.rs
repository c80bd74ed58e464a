use std::{future::pending, time::Instant};

use axum::{Router, routing::get};
use common::http::with_middleware;
use futures_util::FutureExt;
use platform::health::{Check, live, ready};
use serde_json::json;
use testkit::Client;

use crate::{IN_TIME, PATIENCE};

fn client(checks: fn() -> Vec<Check<'static>>) -> Client {
    let routes = Router::new()
        .route("/live", get(async || live("sample-service")))
        .route("/ready", get(async move || ready("sample-service", checks()).await));
    Client::new(with_middleware(routes, PATIENCE))
}

fn up() -> Check<'static> {
    ("database", async { Ok(()) }.boxed())
}

fn down() -> Check<'static> {
    ("search", async { Err("connection refused by hunter2".to_owned()) }.boxed())
}

fn hanging() -> Check<'static> {
    ("issuer", pending().boxed())
}

#[tokio::test]
async fn a_service_is_ready_when_all_it_depends_on_answers() {
    let answer = client(|| vec![up()]).get("/ready").send().await.expect(200);
    assert_eq!(
        answer.json(),
        json!({"service": "sample-service", "status": "up", "dependencies": [{"name": "database", "status": "up"}]})
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn whatever_fails_or_hangs_is_named_in_time_and_the_rest_is_not_held_up() {
    let started = Instant::now();
    let client = client(|| vec![up(), down(), hanging(), hanging()]);
    let answer = client.get("/ready").send().await.expect(503);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    let dependency = |name: &str, status: &str| json!({"name": name, "status": status});
    assert_eq!(answer.json()["status"], "down");
    assert_eq!(
        answer.json()["dependencies"],
        json!([
            dependency("database", "up"),
            dependency("search", "down"),
            dependency("issuer", "down"),
            dependency("issuer", "down")
        ])
    );
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(!answer.text().contains("hunter2"), "why is for the log only: {}", answer.text());
}

#[tokio::test]
async fn a_service_is_alive_whatever_it_depends_on() {
    let answer = client(|| vec![hanging()]).get("/live").send().await.expect(200);
    assert_eq!(answer.json(), json!({"service": "sample-service", "status": "up", "dependencies": []}));
}
