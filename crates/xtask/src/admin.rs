//! What operators ask of user-service (the first admin, and clients for services) and of notification-service (its dead
//! letters).

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

/// Moves the dead letters that are there now back to the queue of notification-service. One call moves what it has time for.
pub(crate) async fn redrive(home: &Home, settings: &Settings) -> Result<Value> {
    let mut moved = 0;
    loop {
        let command = json!({ "command": "redrive" });
        let answer = trigger::once(home, settings, "notification-service", "admin", command).await?;
        moved += answer["moved"].as_u64().context("notification-service answered without a number")?;
        if answer["is_done"] == true {
            return Ok(json!({ "moved": moved }));
        }
    }
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
