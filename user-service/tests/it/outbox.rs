use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use http::{HeaderMap, StatusCode};
use platform::Service;
use serde_json::{Value, json};
use testkit::{Client, contract, tokens};
use user_service::router;

use crate::{Home, PASSWORD, claims};

/// What notification-service is sent.
#[derive(Debug, Clone)]
struct Received {
    token: String,
    key: String,
    body: Value,
}

type Kept = Arc<Mutex<Vec<Received>>>;

/// A stand-in for the gateway with notification-service behind it, which answers with `status`.
async fn receiver(status: StatusCode) -> (String, Kept) {
    let kept = Kept::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/notifications", post(take)).with_state((status, Arc::clone(&kept)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, kept)
}

async fn take(
    State((status, kept)): State<(StatusCode, Kept)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (token, key) = (header("authorization").replace("Bearer ", ""), header("idempotency-key"));
    kept.lock().unwrap().push(Received { token, key, body });
    (status, Json(json!({"type": if status == StatusCode::CONFLICT { "event_id_reused" } else { "about:blank" }})))
}

async fn register(client: &Client, email: &str) {
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
    client.post("/auth/register").json(&body).send().await.expect(202);
}

#[tokio::test]
async fn a_registration_writes_one_mail_that_says_what_the_receiver_needs_and_no_more() {
    let home = Home::open().await;
    home.register("Ada@example.com").await.expect(202);
    home.register("ada@example.com").await.expect(202);
    let mut connection = home.postgres.connect().await;
    let rows: Vec<(uuid::Uuid, String, Value)> =
        sqlx::query_as("SELECT id, path, body FROM outbox ORDER BY id").fetch_all(&mut connection).await.unwrap();
    let mail = |template: &str, email: &str, id| json!({"event_id": id, "template": template, "recipient": {"email": email}, "channels": ["email"]});
    assert_eq!(rows.len(), 2);
    for (row, (template, email)) in
        rows.iter().zip([("account_created", "Ada@example.com"), ("account_exists", "ada@example.com")])
    {
        assert_eq!((row.1.as_str(), &row.2), ("/notifications", &mail(template, email, row.0)));
        let description = contract::committed("notification-service");
        assert_eq!(contract::request_breaches(&description, "/notifications", "post", &row.2), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_account_without_its_mail_is_not_made() {
    let home = Home::open().await;
    home.sql("ALTER TABLE outbox ADD CONSTRAINT no_mail_today CHECK (false)").await;
    assert_eq!(home.register("ada@example.com").await.expect(500).problem(), "internal");
    assert_eq!(home.number("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_neither_account_nor_mail() {
    let home = Home::open().await;
    home.register("first@example.com").await.expect(202);
    for steps in 0..3 {
        home.network.heal();
        home.client.get("/health/user-service/ready").send().await;
        home.network.cut_after(steps);
        home.register("ada@example.com").await.expect(503);
        assert_eq!(home.number("SELECT count(*) FROM users").await, 1, "after {steps} steps");
        assert_eq!(home.number("SELECT count(*) FROM outbox").await, 1, "after {steps} steps");
    }
}

#[tokio::test]
async fn mail_leaves_after_the_answer_with_a_token_of_the_service_itself() {
    let home = Home::open().await;
    let (api, received) = receiver(StatusCode::ACCEPTED).await;
    let app = home.instance(&tokens::signing_key_base64(), &api);
    register(&Client::new(router(app.clone())), "ada@example.com").await;
    app.after_response().await;
    let received = received.lock().unwrap().clone();
    assert_eq!(received.len(), 1);
    let said = claims(&received[0].token);
    assert_eq!((&said["sub"], &said["scope"]), (&json!("service:user-service"), &json!("notifications:send")));
    assert_eq!(received[0].body["event_id"], received[0].key);
    assert_eq!(home.number("SELECT count(*) FROM outbox").await, 0);
}

#[tokio::test]
async fn mail_that_cannot_be_sent_for_want_of_a_key_waits_like_any_other() {
    let home = Home::open().await;
    let app = home.instance("no key", "http://127.0.0.1:9");
    register(&Client::new(router(app.clone())), "ada@example.com").await;
    app.after_response().await;
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE attempts = 1 AND due_at > now()").await, 1);
    home.sql("UPDATE outbox SET due_at = now()").await;
    assert_eq!(app.sweep().await.unwrap()["deferred"], 1);
}

#[tokio::test]
async fn mail_whose_id_was_used_for_another_is_given_up_and_kept_with_the_reason() {
    let home = Home::open().await;
    let (api, received) = receiver(StatusCode::CONFLICT).await;
    let app = home.instance(&tokens::signing_key_base64(), &api);
    register(&Client::new(router(app.clone())), "ada@example.com").await;
    let swept = app.sweep().await.unwrap();
    assert_eq!((&swept["deferred"], &swept["given_up"]), (&json!(0), &json!(1)), "{swept}");
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE failed = '409 event_id_reused'").await, 1);
    assert_eq!(app.sweep().await.unwrap()["given_up"], 0);
    assert_eq!(received.lock().unwrap().len(), 1, "it is not sent again");
}

#[tokio::test]
async fn one_sweep_sends_all_that_is_due_however_many_batches_that_takes() {
    let home = Home::open().await;
    let (api, received) = receiver(StatusCode::ACCEPTED).await;
    let app = home.instance(&tokens::signing_key_base64(), &api);
    home.sql(
        "INSERT INTO outbox (id, path, body) SELECT gen_random_uuid(), '/notifications', '{}' FROM generate_series(1, 215)",
    )
    .await;
    assert_eq!(app.sweep().await.unwrap()["delivered"], 215);
    assert_eq!(received.lock().unwrap().len(), 215);
}

#[tokio::test]
async fn mail_that_is_not_delivered_stays_and_the_sweep_sends_it_later() {
    let home = Home::open().await;
    let (closed, refused) = receiver(StatusCode::SERVICE_UNAVAILABLE).await;
    let app = home.instance(&tokens::signing_key_base64(), &closed);
    register(&Client::new(router(app.clone())), "ada@example.com").await;
    app.after_response().await;
    assert!(!refused.lock().unwrap().is_empty());
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE attempts = 1 AND due_at > now()").await, 1);

    let (open, received) = receiver(StatusCode::ACCEPTED).await;
    let app = home.instance(&tokens::signing_key_base64(), &open);
    assert_eq!(app.sweep().await.unwrap()["delivered"], 0);
    home.sql("UPDATE outbox SET due_at = now()").await;
    assert_eq!(app.sweep().await.unwrap()["delivered"], 1);
    assert_eq!(received.lock().unwrap().len(), 1);
}
