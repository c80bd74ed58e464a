//! The services together, over real connections: one address for all of them, as behind the gateway.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod purchase_so_far;

use std::net::SocketAddr;

use axum::{Router, extract::Request};
use platform::{Service, config::Env, trigger::Direction};
use serde_json::{Value, json};
use testkit::{mongo::Mongo, postgres::Postgres, tokens};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// The whole shop on one address of 127.0.0.1.
struct Shop {
    address: String,
    http: reqwest::Client,
    users: user_service::App,
    _postgres: Postgres,
    _mongo: Mongo,
}

impl Shop {
    async fn open() -> Self {
        let postgres = testkit::postgres::fresh(&user_service::MIGRATOR).await;
        let mongo = testkit::mongo::fresh();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let settings = [
            ("ISSUER", address.clone()),
            ("JWKS_URL", format!("{address}/.well-known/jwks.json")),
            ("API_BASE_URL", address.clone()),
            ("USER_DATABASE_URL", postgres.url.clone()),
            ("SIGNING_KEYS", tokens::signing_key_base64()),
            ("MONGODB_URI", mongo.uri.clone()),
        ];
        let users: user_service::App = configure(&settings);
        let products: product_service::App = configure(&settings);
        products.migrate(Direction::Up).await.unwrap();
        tokio::spawn(serve(listener, gateway(users.clone(), products)));
        Self { address, http: reqwest::Client::new(), users, _postgres: postgres, _mongo: mongo }
    }

    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let (status, body) = self.send(reqwest::Method::GET, path, Some(token), None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    async fn log_in(&self, email: &str, password: &str) -> String {
        let body = json!({"email": email, "password": password});
        let (status, body) = self.send(reqwest::Method::POST, "/auth/login", None, Some(body)).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A token as transaction-service gets it.
    async fn service_token(&self) -> String {
        let command = json!({
            "command": "create_service_client", "name": "transaction-service",
            "scopes": ["inventory:reserve", "checkout:read"]
        });
        let client = self.users.admin(command).await.unwrap();
        let request = self.http.post(format!("{}/oauth/token", self.address));
        let request = request
            .basic_auth("transaction-service", client["client_secret"].as_str())
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }
}

fn configure<S: Service>(settings: &[(&str, String)]) -> S {
    let mut env = Env::from_pairs(settings.iter().map(|(name, value)| (*name, value.clone())));
    S::configure(&mut env).unwrap_or_else(|| panic!("{}", env.report()))
}

/// Sends each prefix to its owner, as the gateway does.
fn gateway(users: user_service::App, products: product_service::App) -> Router {
    let owners = [
        ("product-service", product_service::router(products)),
        ("transaction-service", transaction_service::router(transaction_service::App)),
        ("notification-service", notification_service::router(notification_service::App)),
        ("user-service", user_service::router(users)),
    ];
    Router::new().fallback(async move |request: Request| {
        let owner = owner(request.uri().path());
        let service = owners.into_iter().find_map(|(name, router)| (name == owner).then_some(router));
        service.expect("every path has an owner").oneshot(request).await
    })
}

fn owner(path: &str) -> &str {
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["health", service, ..] => service,
        ["products" | "categories" | "inventory" | "admin", ..] => "product-service",
        ["orders" | "quotes", ..] => "transaction-service",
        ["notifications", ..] => "notification-service",
        _ => "user-service",
    }
}

async fn serve(listener: TcpListener, router: Router) {
    axum::serve(listener, router).await.unwrap();
}
