use std::{str::FromStr, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use common::{
    auth::{Caller, Verifier, scopes::Profile},
    extract::{Path, Query},
    http::{REQUEST_ID, with_middleware},
    input::{Fields, FromFields, Json, Refusal, line},
    page::{List, PageQuery},
    problem::Problem,
};
use http::{HeaderName, header};
use platform::telemetry::subscriber;
use serde_json::{Value, json};
use testkit::{Client, logs::Captured, tokens};
use tracing::subscriber::DefaultGuard;
use uuid::Uuid;

use crate::PATIENCE;

struct Text;

impl FromStr for Text {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=12).map(|_| Self)
    }
}

/// An account, of which nothing is kept.
struct NewAccount;

impl FromFields for NewAccount {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let email: Option<Text> = fields.text("email");
        let password: Option<Text> = fields.text("password");
        let age = fields.integer("age", 0..=150);
        (email.is_some() && password.is_some() && age.is_some()).then_some(Self)
    }
}

async fn create_account(_: Caller<Profile>, Path(_): Path<String>, Json(_): Json<NewAccount>) -> Json<Value> {
    Json(json!({"email": "answered@example.com"}))
}

async fn list_accounts(Query(page): Query<PageQuery>) -> Result<Json<Value>, Problem> {
    List::<u32>::new("/accounts").read(&page)?;
    Ok(Json(json!([])))
}

async fn breaks() -> Problem {
    Problem::internal(std::io::Error::other("swordfish"))
}

async fn hangs() -> Json<Value> {
    std::future::pending().await
}

/// A router and what is logged of its requests while the guard lives.
fn logging(level: &str, deadline: Duration) -> (Client, Captured, DefaultGuard) {
    let captured = Captured::default();
    let guard = tracing::subscriber::set_default(subscriber("sample-service", level, captured.writer()));
    let routes = Router::<Verifier>::new()
        .route("/accounts", get(list_accounts))
        .route("/accounts/{name}/sessions", post(create_account))
        .route("/breaks", get(breaks))
        .route("/hangs", get(hangs));
    (Client::new(with_middleware(routes.with_state(tokens::verifier()), deadline)), captured, guard)
}

/// The one line that was logged.
fn only(captured: &Captured) -> Value {
    let lines = captured.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[tokio::test]
async fn a_request_is_one_line_with_everything_an_operator_asks_for() {
    let (client, captured, _guard) = logging("info", PATIENCE);
    let id = Uuid::from_u128(7);
    let request = client.post("/accounts/jane/sessions?trace=1").token(&tokens::user(id, "profile"));
    let request = request.header(REQUEST_ID, "gateway-id-1");
    request.json(&json!({"email": "a@b.c", "password": "p", "age": 3})).send().await.expect(200);
    let mut line = only(&captured);
    let line = line.as_object_mut().unwrap();
    for measured in ["timestamp", "latency_ms", "cold_start"] {
        assert!(line.remove(measured).is_some(), "{measured} is missing");
    }
    let expected = json!({
        "level": "INFO", "service": "sample-service", "message": "request", "request_id": "gateway-id-1",
        "route": "POST /accounts/{name}/sessions", "method": "POST", "caller": format!("user:{id}"), "status": 200
    });
    assert_eq!(Value::Object(line.clone()), expected);
}

#[tokio::test]
async fn measures_are_numbers_and_truths() {
    let (client, captured, _guard) = logging("info", PATIENCE);
    client.get("/accounts").send().await.expect(200);
    let line = only(&captured);
    assert!(line["latency_ms"].is_u64() && line["cold_start"].is_boolean() && line["status"].is_u64(), "{line}");
    assert_eq!(line.get("caller"), None, "the request has no token");
}

#[tokio::test]
async fn callers_are_logged_by_their_ids_whether_they_are_allowed_or_not() {
    let id = Uuid::from_u128(7);
    let callers = [
        (tokens::user(id, "profile"), format!("user:{id}"), 422),
        (tokens::guest(id, "cart"), format!("guest:{id}"), 403),
        (tokens::service("user-service", ""), "service:user-service".to_owned(), 403),
    ];
    for (token, caller, status) in callers {
        let (client, captured, _guard) = logging("info", PATIENCE);
        client.post("/accounts/jane/sessions").token(&token).json(&json!({})).send().await.expect(status);
        let line = only(&captured);
        assert_eq!((&line["caller"], &line["status"]), (&json!(caller), &json!(status)));
    }
}

#[tokio::test]
async fn a_cause_is_logged_once_with_the_request() {
    for (path, status, cause) in [("/breaks", 500, "swordfish"), ("/hangs", 503, "no answer after 50 ms")] {
        let (client, captured, _guard) = logging("debug", Duration::from_millis(50));
        let answer = client.get(path).send().await.expect(status);
        let line = only(&captured);
        assert_eq!(captured.text().matches(cause).count(), 1, "{}", captured.text());
        assert_eq!((&line["error"], &line["level"]), (&json!(cause), &json!("ERROR")));
        assert_eq!(line["request_id"], answer.json()["request_id"]);
        assert!(!answer.text().contains(cause), "{}", answer.text());
    }
}

/// A request with personal data and secrets in every place that can carry them.
#[tokio::test]
async fn nothing_personal_is_logged_or_repeated_whatever_becomes_of_the_request() {
    let (client, captured, _guard) = logging("trace", PATIENCE);
    let secrets = ["jane", "example.com", "correct", "horse", "1984", "eyJ", "answered"];
    let token = tokens::user(Uuid::from_u128(7), "profile");
    let good = json!({"email": "jane@ex", "password": "horse", "age": 3});
    let refused = json!({
        "email": "jane@example.com-and-more", "password": "correct horse battery", "age": 1984,
        "card": "correct horse", "nested": {"password": "horse"}
    });
    let sessions = "/accounts/jane@example.com/sessions?email=jane@example.com&token=correct-horse";
    let text = |body: &str| body.as_bytes().to_vec();
    let bearer = |value: &str| client.post(sessions).header(header::AUTHORIZATION, value).json(&good);
    let requests = [
        client.post(sessions).token(&token).json(&good),
        client.post(sessions).token(&token).json(&refused),
        client.post(sessions).token(&token).json(&json!("correct horse")),
        client.post(sessions).token(&token).body("application/json", text("{\"password\": correct horse")),
        client.post(sessions).token(&token).body("application/json", text("{\"password\": \"correct horse")),
        client.post(sessions).token(&token).body("text/jane", text("correct horse")),
        client.post(sessions).json(&good),
        bearer("Bearer eyJjane.correct.horse"),
        bearer("Basic jane:horse"),
        bearer(&format!("Bearer {token}x")),
        client.post(sessions).token(&tokens::user(Uuid::from_u128(7), "jane")).json(&good),
        client.put(sessions).token(&token).json(&good),
        client.get("/jane@example.com/correct/horse?password=horse"),
        client.get("/accounts?limit=correct"),
        client.get("/accounts?limit=1984"),
        client.get("/accounts?cursor=jane"),
        client.get("/accounts").header(REQUEST_ID, "jane@example.com"),
        client.get("/accounts").header(HeaderName::from_static("traceparent"), "jane@example.com"),
        client.get("/accounts").header(header::COOKIE, "session=horse").header(header::USER_AGENT, "jane"),
    ];
    let count = requests.len();
    for request in requests {
        let answer = request.send().await;
        if answer.status.is_success() {
            continue;
        }
        let told = format!("{:?} {}", answer.headers, answer.text());
        for secret in secrets {
            assert!(!told.contains(secret), "{secret} is repeated: {told}");
        }
    }
    let text = captured.text();
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is logged: {text}");
    }
    assert_eq!(captured.lines().len(), count, "{text}");
}

#[tokio::test]
async fn an_unknown_route_is_logged_without_its_path() {
    let (client, captured, _guard) = logging("info", PATIENCE);
    client.get("/reset/jane@example.com").send().await.expect(404);
    assert_eq!(only(&captured)["route"], "unmatched");
}
