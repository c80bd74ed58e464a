//! What operators ask of user-service: the first admin, and clients for services.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::home::Home;
use crate::settings::Settings;
use crate::trigger;

/// The admin of a machine at home. The password is random.
pub(crate) const EMAIL: &str = "admin@bodega.example";

/// The services that call others: the setting of their secret, and what they may do (their calls, and no more).
pub(crate) const SERVICE_CLIENTS: [(&str, &str, &[&str]); 2] = [
    (
        "TRANSACTION_SERVICE_CLIENT_SECRET",
        "transaction-service",
        &["inventory:reserve", "checkout:read", "carts:clear", "notifications:send"],
    ),
    ("PRODUCT_SERVICE_CLIENT_SECRET", "product-service", &["notifications:send"]),
];

/// Sends one command to user-service's `admin` trigger.
pub(crate) async fn command(home: &Home, settings: &Settings, command: Value) -> Result<Value> {
    trigger::once(home, settings, "user-service", "admin", command).await
}

/// Makes an admin, or gives the one there is that password.
pub(crate) async fn create_admin(home: &Home, settings: &Settings, email: &str, password: &str) -> Result<Value> {
    let admin = json!({ "command": "create_admin", "email": email, "password": password, "reset_password": true });
    command(home, settings, admin).await
}

/// Registers a service. Each call issues a new secret, since the one before is stored as a hash only.
pub(crate) async fn create_service_client(
    home: &Home,
    settings: &Settings,
    name: &str,
    scopes: &[impl AsRef<str>],
) -> Result<Value> {
    let scopes: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
    command(home, settings, json!({ "command": "create_service_client", "name": name, "scopes": scopes })).await
}

/// The secret that a service gets its tokens with.
pub(crate) async fn client_secret(home: &Home, settings: &Settings, name: &str, scopes: &[&str]) -> Result<String> {
    let answer = create_service_client(home, settings, name, scopes).await?;
    let secret = answer["client_secret"].as_str().context("user-service answered without a client_secret")?;
    Ok(secret.to_owned())
}
