use std::time::Instant;

use lambda_double::http_event;
use platform::after_response::BUDGET;
use serde_json::{Value, json};
use sqlx::{PgConnection, query_scalar};
use testkit::postgres::{self, Postgres};

use crate::{
    function::{AWAKE, Sample, migrate},
    gateway::{Gateway, Reply},
    until,
};

/// The sample service with a store of its own, behind a gateway that hangs for messages to `/slow`.
async fn start() -> (Sample, Gateway, Postgres) {
    let postgres = postgres::empty().await;
    migrate(&postgres).await;
    let gateway = Gateway::start(|seen| (seen.line == "POST /slow").then_some(Reply::Hang)).await;
    let sample = Sample::start(&[("GATEWAY_URL", &gateway.url), ("DATABASE_URL", &postgres.url)]).await;
    (sample, gateway, postgres)
}

async fn waiting(connection: &mut PgConnection) -> i64 {
    query_scalar("SELECT count(*) FROM outbox").fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_message_is_delivered_right_after_the_answer() {
    let (sample, gateway, postgres) = start().await;
    sample.message("/quick").await;
    sample.request("GET", "/ping/1", &Value::Null).await;
    assert_eq!(gateway.seen_at("POST /quick").len(), 1, "the next request comes only after the delivery");
    assert_eq!(waiting(&mut postgres.connect().await).await, 0);
}

#[tokio::test]
async fn the_answer_arrives_while_the_receiver_hangs_and_the_next_request_waits_for_the_work() {
    let (sample, gateway, postgres) = start().await;
    let mut connection = postgres.connect().await;
    sample.message("/quick").await;
    sample.request("GET", "/ping/1", &Value::Null).await;

    let started = Instant::now();
    sample.message("/slow").await;
    let answered = started.elapsed();
    assert_eq!(gateway.hung_up(), 0, "the answer waited for the receiver");
    assert!(answered < BUDGET, "{answered:?}");
    until("the message is on its way", async || gateway.seen_at("POST /slow").len() == 1).await;

    sample.request("GET", "/ping/2", &Value::Null).await;
    let next = started.elapsed();
    assert!(gateway.hung_up() >= 1, "the next request was handed out while the last one's work was under way");
    assert!(next < AWAKE, "{next:?}");
    let deferred = "SELECT attempts = 1 AND due_at < now() + interval '10 s' FROM outbox WHERE path = '/slow'";
    let deferred: bool = query_scalar(deferred).fetch_one(&mut connection).await.unwrap();
    assert!(deferred, "the message is kept, and due again before its lease would have ended");
}

#[tokio::test]
async fn work_that_hangs_is_ended_after_its_budget() {
    let (sample, ..) = start().await;
    let started = Instant::now();
    assert_eq!(sample.request("POST", "/hang-later", &Value::Null).await.status, 202);
    assert!(started.elapsed() < BUDGET, "the answer waited for the work: {:?}", started.elapsed());
    sample.request("GET", "/ping/1", &Value::Null).await;
    assert!((BUDGET..AWAKE).contains(&started.elapsed()), "{:?}", started.elapsed());
    let ended =
        |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("work after the response timed out"));
    assert_eq!(sample.log().iter().filter(|line| ended(line)).count(), 1, "{}", sample.log_text());
}

#[tokio::test]
async fn work_that_panics_does_not_stop_the_work_of_later_requests() {
    let (sample, gateway, _postgres) = start().await;
    for _ in 0..2 {
        let started = Instant::now();
        assert_eq!(sample.request("POST", "/panic-later", &Value::Null).await.status, 202);
        sample.request("GET", "/ping/1", &Value::Null).await;
        assert!(started.elapsed() < AWAKE, "{:?}", started.elapsed());
    }
    sample.message("/quick").await;
    sample.request("GET", "/ping/2", &Value::Null).await;
    assert_eq!(gateway.seen_at("POST /quick").len(), 1);
    assert_eq!(sample.log_text().matches("swordfish").count(), 2, "{}", sample.log_text());
    assert_eq!(sample.err_text(), "");
}

#[tokio::test]
async fn requests_that_write_nothing_keep_no_instance_awake() {
    let (sample, gateway, _postgres) = start().await;
    for n in 0..5 {
        assert_eq!(sample.request("GET", &format!("/ping/{n}"), &Value::Null).await.status, 200);
    }
    assert_eq!((gateway.seen().len(), gateway.tokens()), (0, 0));
}

#[tokio::test]
async fn a_panicking_handler_answers_500_and_is_logged_once_in_lines_of_json() {
    let (sample, ..) = start().await;
    let answer = sample.request("POST", "/panic", &Value::Null).await;
    assert_eq!((answer.status, answer.json()["type"].as_str()), (500, Some("internal")));
    assert!(!answer.text().contains("swordfish"), "{}", answer.text());
    assert_eq!(sample.request("GET", "/ping/1", &Value::Null).await.status, 200);
    assert_eq!(sample.err_text(), "", "whatever is said is said in the log");
    let lines = sample.log();
    let told: Vec<&Value> = lines.iter().filter(|line| line.to_string().contains("swordfish")).collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert_eq!(told[0]["request_id"].as_str(), answer.header("x-request-id"));
    assert!(told[0]["location"].as_str().unwrap().contains("sample-service.rs"), "{told:?}");
}

#[tokio::test]
async fn a_request_has_the_gateways_id_unless_it_brings_its_own() {
    let (sample, ..) = start().await;
    let event = http_event("GET", "/ping/1", &[], "");
    let id = event["requestContext"]["requestId"].as_str().unwrap().to_owned();
    assert_eq!(sample.send(event).await.header("x-request-id"), Some(id.as_str()));
    let event = http_event("GET", "/ping/1", &[("x-request-id", "brought-along-1")], "");
    assert_eq!(sample.send(event).await.header("x-request-id"), Some("brought-along-1"));
}

#[tokio::test]
async fn only_the_first_request_of_a_process_is_a_cold_start() {
    let (sample, ..) = start().await;
    for n in 0..3 {
        sample.request("GET", &format!("/ping/{n}"), &Value::Null).await;
    }
    let lines = sample.log();
    let cold: Vec<&Value> = lines.iter().map(|line| &line["cold_start"]).collect();
    assert_eq!(cold, [&json!(true), &json!(false), &json!(false)]);
    assert!(lines.iter().all(|line| line["route"] == "GET /ping/{name}"), "{lines:?}");
}
