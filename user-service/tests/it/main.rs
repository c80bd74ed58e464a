//! user-service through its router, on a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod addresses;
mod admin;
mod cart_clearing;
mod carts;
mod checkout_context;
mod contract;
mod guests;
mod health;
mod keys;
mod limits;
mod login;
mod migrations;
mod outbox;
mod payment_methods;
mod privacy;
mod profile;
mod registration;
mod round_trips;
mod service_tokens;
mod sessions;
mod settings;
mod sweep;
mod unstorable_text;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use platform::{Service, config::Env};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, Row};
use testkit::{Answer, Client, Proxy, postgres::Postgres, proxy::Protocol, tokens};
use user_service::{App, MIGRATOR, limits::domain::Limits, router};
use uuid::Uuid;

/// The password of all accounts, unless a test is about passwords.
const PASSWORD: &str = "a small boat on a green lake";

/// A service for one test.
struct Home {
    app: App,
    client: Client,
    postgres: Postgres,
    /// The network between the service and its database.
    network: Proxy,
}

/// A shopper with a session.
struct Shopper {
    id: Uuid,
    access: String,
    refresh: String,
}

impl Home {
    /// A service with an empty database, behind a network that counts and can fail.
    async fn open() -> Self {
        let postgres = testkit::postgres::fresh(&MIGRATOR).await;
        let network = Proxy::start(&postgres.address(), Protocol::Postgres).await;
        let app = app(&postgres.url_through(&network.address), &tokens::signing_key_base64(), "http://127.0.0.1:9");
        Self { client: Client::new(router(app.clone())), app, postgres, network }
    }

    /// Another instance of the service on the same database.
    fn instance(&self, signing_keys: &str, api: &str) -> App {
        app(&self.postgres.url, signing_keys, api)
    }

    async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        self.client.post("/auth/register").json(&body).send().await
    }

    async fn login(&self, email: &str, password: &str) -> Answer {
        self.client.post("/auth/login").json(&json!({"email": email, "password": password})).send().await
    }

    async fn refresh(&self, token: &str) -> Answer {
        self.client.post("/auth/refresh").json(&json!({ "refresh_token": token })).send().await
    }

    /// Registers with an access token.
    async fn register_as(&self, token: &str, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        self.client.post("/auth/register").token(token).json(&body).send().await
    }

    /// Registers a customer and logs in.
    async fn customer(&self, email: &str) -> Shopper {
        self.register(email).await.expect(202);
        Shopper::of(&self.login(email, PASSWORD).await.expect(200))
    }

    /// Runs statements without the service.
    async fn sql(&self, statements: &str) {
        let mut connection = self.postgres.connect().await;
        connection.execute(AssertSqlSafe(statements.to_owned())).await.unwrap();
    }

    /// The number that a query returns.
    async fn number(&self, query: &str) -> i64 {
        let mut connection = self.postgres.connect().await;
        connection.fetch_one(AssertSqlSafe(query.to_owned())).await.unwrap().get(0)
    }

    /// Returns once a statement waits for another's lock.
    async fn until_one_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..200 {
            if self.number(waiting).await > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing waits for a lock");
    }

    /// Lets this many seconds pass for every session, as far as the service can tell.
    async fn let_pass(&self, seconds: i64) {
        self.sql(&format!(
            "UPDATE sessions SET created_at = created_at - interval '{seconds} s',
                                 expires_at = expires_at - interval '{seconds} s';
             UPDATE refresh_tokens SET created_at = created_at - interval '{seconds} s';"
        ))
        .await;
    }
}

impl Shopper {
    fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        let access = text("access_token");
        let subject = claims(&access)["sub"].as_str().unwrap().to_owned();
        let id = subject.split_once(':').unwrap().1.parse().unwrap();
        Self { id, access, refresh: text("refresh_token") }
    }
}

/// The service with these settings.
fn app(database: &str, signing_keys: &str, api: &str) -> App {
    let mut env = Env::from_pairs([
        ("ISSUER", tokens::ISSUER),
        ("API_BASE_URL", api),
        ("USER_DATABASE_URL", database),
        ("SIGNING_KEYS", signing_keys),
        ("FINGERPRINT_KEY", "a key for tests, of 32 characters and more"),
        ("STRIPE_API_BASE", "http://127.0.0.1:9"),
        ("STRIPE_SECRET_KEY", "sk_test_nobody"),
    ]);
    let app = App::configure(&mut env);
    app.unwrap_or_else(|| panic!("{}", env.report()))
}

/// The same home with other limits.
fn limited(home: Home, limits: Limits) -> Home {
    let mut app: App = home.app.clone();
    app.counting.limits = limits;
    Home { client: Client::new(router(app.clone())), app, ..home }
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A token's header.
fn token_header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Everything by which a client can distinguish two answers, except for the request id.
fn looks(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into())).collect();
    headers.sort();
    let mut body = answer.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status.as_u16(), headers, body)
}
