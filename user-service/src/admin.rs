//! The commands of operators, through the `admin` trigger: they create the first admin, and clients for services. There
//! is no default password, and no route that creates an admin.

pub mod domain;

use common::timestamp::Timestamp;
use platform::{TriggerError, trigger::report};
use serde_json::{Value, json};

use self::domain::{Command, NewAdmin};
use crate::{
    app::{App, NAME},
    clients::{domain::ServiceName, store as client_store},
    error::Error,
    ids::UserId,
    opaque::OpaqueToken,
    roles::Role,
    service_scopes::ServiceScope,
    users::store::{self as user_store, NewUser},
};

/// The name of a new admin, until they change it.
const ADMIN_NAME: &str = "Administrator";

/// Carries out a command.
pub async fn run(app: &App, payload: Value) -> Result<Value, TriggerError> {
    let answer = match Command::read(payload)? {
        Command::CreateAdmin(admin) => create_admin(app, admin).await?,
        Command::CreateServiceClient { name, scopes } => create_service_client(app, name, &scopes).await?,
        Command::DeleteServiceClient { name } => delete_service_client(app, name).await?,
    };
    Ok(report(NAME, answer))
}

/// Repeating the command changes nothing, unless it resets the password.
async fn create_admin(app: &App, admin: NewAdmin) -> Result<Value, TriggerError> {
    let NewAdmin { email, password, reset_password } = admin;
    let now = Timestamp::now();
    let password_hash = app.passwords.hash(password).await?;
    let (id, name) = (UserId::new(now), ADMIN_NAME.parse()?);
    let user = NewUser { id, email: &email, password_hash: &password_hash, name: &name, role: Role::Admin };
    let db = &app.database;
    if user_store::insert(db, &user, now).await? {
        return Ok(json!({ "user_id": id, "created": true, "password_reset": false }));
    }
    let known = user_store::by_email(db, &email).await?.ok_or(Error::NotFound)?;
    if known.role != Role::Admin {
        // A customer's password would be an admin's then.
        return Err("the address has an account that is not an admin's; choose another address".into());
    }
    if reset_password {
        user_store::reset_password(db, known.id, &password_hash, now).await?;
    }
    Ok(json!({ "user_id": known.id, "created": false, "password_reset": reset_password }))
}

/// The answer alone shows the secret; another call replaces it.
async fn create_service_client(app: &App, name: ServiceName, scopes: &[ServiceScope]) -> Result<Value, TriggerError> {
    let secret = OpaqueToken::random()?;
    client_store::put(&app.database, name, secret.hashed(), scopes, Timestamp::now()).await?;
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    Ok(json!({ "client_id": name.as_str(), "client_secret": secret.reveal(), "scope": scopes.join(" ") }))
}

async fn delete_service_client(app: &App, name: ServiceName) -> Result<Value, TriggerError> {
    let deleted = client_store::delete(&app.database, name).await?;
    Ok(json!({ "client_id": name.as_str(), "deleted": deleted }))
}
