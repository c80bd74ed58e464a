//! A whole service for this crate's tests: an outbox, secrets, and handlers that misbehave.

use std::{
    collections::BTreeMap,
    future::pending,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::State,
    routing::{get, post},
};
use common::{
    extract::Created,
    http::{RequestContext, with_middleware},
    input::{Fields, FromFields, Json, Refusal},
    problem::Problem,
    timestamp::Timestamp,
};
use http::{HeaderMap, HeaderName, StatusCode};
use platform::{
    Service, TriggerError,
    client::{Credentials, ServiceClient},
    config::{Env, Secret},
    outbox::{Message, Outbox, no_compensation},
    postgres::{Database, problem},
    trigger::{Direction, report},
};
use serde_json::{Value, json};
use sqlx::{Executor, raw_sql};
use utoipa::openapi::{Info, OpenApi, Paths};

const TABLE: &str = "CREATE TABLE outbox (id uuid PRIMARY KEY, path text NOT NULL, body jsonb NOT NULL,
                     attempts int NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(),
                     due_at timestamptz NOT NULL DEFAULT now(), failed text)";

#[derive(Clone)]
struct Sample {
    database: Database,
    outbox: Outbox,
    secrets: BTreeMap<String, Secret>,
    later: Arc<AtomicU8>,
}

/// What the last request asks the work after its answer to do wrong.
const PANIC: u8 = 1;
const HANG: u8 = 2;

impl Service for Sample {
    const NAME: &'static str = "sample-service";

    fn configure(env: &mut Env) -> Option<Self> {
        let gateway = env.url("GATEWAY_URL");
        let database = env.secret("DATABASE_URL");
        let secret = env.secret("CLIENT_SECRET");
        let retries = env.parsed_or("RETRIES", 3_u8);
        let more = env.optional("SECRET_NAMES").unwrap_or_default();
        let more: Vec<_> = more.split_terminator(',').map(|name| (name.to_owned(), env.secret(name))).collect();
        let (gateway, database, secret, _) = (gateway?, database?, secret?, retries?);
        let mut secrets = BTreeMap::from([("DATABASE_URL".to_owned(), database.clone())]);
        secrets.insert("CLIENT_SECRET".to_owned(), secret.clone());
        for (name, secret) in more {
            secrets.insert(name, secret?);
        }
        let database = Database::new(database);
        let client = ServiceClient::new(gateway, Credentials::Client { id: Self::NAME, secret });
        let outbox = Outbox::new(database.clone(), client);
        Some(Self { database, outbox, secrets, later: Arc::default() })
    }

    fn router(self) -> Router {
        let routes = Router::new()
            .route("/messages", post(create_message))
            .route("/ping/{name}", get(ping))
            .route("/seen", get(seen).post(seen_later))
            .route("/panic", post(panics))
            .route("/panic-later", post(panics_later))
            .route("/hang-later", post(hangs_later));
        with_middleware(routes.with_state(self), Duration::from_millis(2_800))
    }

    fn openapi() -> OpenApi {
        OpenApi::new(Info::new("sample-service", "1"), Paths::new())
    }

    async fn after_response(&self) {
        match self.later.swap(0, Ordering::Relaxed) {
            PANIC => panic!("swordfish after the answer"),
            HANG => pending().await,
            _ => self.outbox.relay_written(no_compensation).await,
        }
    }

    async fn migrate(&self, direction: Direction) -> Result<Value, TriggerError> {
        let statement = match direction {
            Direction::Up => TABLE,
            Direction::Down { .. } => "DROP TABLE outbox",
        };
        self.database.execute(raw_sql(statement)).await?;
        Ok(report(Self::NAME, json!({ "direction": format!("{direction:?}") })))
    }

    async fn sweep(&self) -> Result<Value, TriggerError> {
        let relayed = self.outbox.relay(no_compensation).await?;
        Ok(report(Self::NAME, serde_json::to_value(relayed)?))
    }

    async fn admin(&self, command: Value) -> Result<Value, TriggerError> {
        let names = command["read"].as_array().ok_or("send {\"read\": [names of settings]}")?;
        let mut values = BTreeMap::new();
        for name in names.iter().filter_map(Value::as_str) {
            let secret = self.secrets.get(name).ok_or("no such secret")?;
            values.insert(name, secret.get().await?);
        }
        Ok(json!(values))
    }
}

struct NewMessage {
    path: &'static str,
}

impl FromFields for NewMessage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let path: Path = fields.text("path")?;
        Some(Self { path: path.0 })
    }
}

struct Path(&'static str);

impl std::str::FromStr for Path {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "/quick" => Ok(Self("/quick")),
            "/slow" => Ok(Self("/slow")),
            _ => Err(Refusal::new("unknown_path", "must be /quick or /slow")),
        }
    }
}

async fn create_message(State(app): State<Sample>, Json(new): Json<NewMessage>) -> Result<StatusCode, Problem> {
    let message = Message::new(new.path, Timestamp::now(), &json!({})).map_err(Problem::internal)?;
    let mut transaction = app.database.begin().await.map_err(problem)?;
    app.outbox.enqueue(&mut transaction, std::slice::from_ref(&message)).await.map_err(problem)?;
    transaction.commit().await.map_err(problem)?;
    Ok(StatusCode::ACCEPTED)
}

async fn ping() -> Json<Value> {
    Json(json!({}))
}

/// What a handler can know of a request's origin.
async fn seen(Extension(context): Extension<RequestContext>, headers: HeaderMap) -> Json<Value> {
    let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    Json(json!({ "source": context.source(), "headers": names }))
}

async fn seen_later() -> Created<Value> {
    Created { location: "/seen/1".to_owned(), body: json!({}) }
}

async fn panics() -> Json<Value> {
    panic!("swordfish in the handler")
}

async fn panics_later(State(app): State<Sample>) -> StatusCode {
    app.later.store(PANIC, Ordering::Relaxed);
    StatusCode::ACCEPTED
}

async fn hangs_later(State(app): State<Sample>) -> StatusCode {
    app.later.store(HANG, Ordering::Relaxed);
    StatusCode::ACCEPTED
}

fn main() -> ExitCode {
    platform::run::<Sample>()
}
