use common::timestamp::Timestamp;
use platform::Service;
use serde_json::{Value, json};
use sqlx::Connection;
use user_service::{
    opaque::TokenHash,
    roles::Role,
    sessions::{
        domain::{Principal, SessionId, expiry},
        store::{self, NewSession, VerifiedLogin},
    },
};
use uuid::Uuid;

use crate::{Home, PASSWORD, Shopper, claims};

const OTHER_PASSWORD: &str = "an old tree behind the house";

fn create(email: &str, password: &str) -> Value {
    json!({"command": "create_admin", "email": email, "password": password})
}

#[tokio::test]
async fn the_first_admin_is_made_by_a_command_and_may_do_all_that_staff_may() {
    let home = Home::open().await;
    let answer = home.app.admin(create("ops@example.com", PASSWORD)).await.unwrap();
    assert_eq!((&answer["service"], &answer["created"]), (&json!("user-service"), &json!(true)));
    let admin = Shopper::of(&home.login("ops@example.com", PASSWORD).await.expect(200));
    assert_eq!(answer["user_id"], admin.id.to_string());
    let expected = "profile cart orders catalog:write inventory:write orders:manage notifications:manage users:manage";
    assert_eq!(claims(&admin.access)["scope"], expected);
}

#[tokio::test]
async fn repeating_the_command_changes_nothing() {
    let home = Home::open().await;
    let first = home.app.admin(create("ops@example.com", PASSWORD)).await.unwrap();
    let again = home.app.admin(create("OPS@example.com", OTHER_PASSWORD)).await.unwrap();
    assert_eq!(again["user_id"], first["user_id"]);
    assert_eq!((&again["created"], &again["password_reset"]), (&json!(false), &json!(false)));
    home.login("ops@example.com", PASSWORD).await.expect(200);
    home.login("ops@example.com", OTHER_PASSWORD).await.expect(401);
}

#[tokio::test]
async fn an_admins_password_is_reset_only_when_asked_and_ends_their_sessions() {
    let home = Home::open().await;
    home.app.admin(create("ops@example.com", PASSWORD)).await.unwrap();
    let before = Shopper::of(&home.login("ops@example.com", PASSWORD).await.expect(200));
    let mut command = create("ops@example.com", OTHER_PASSWORD);
    command["reset_password"] = json!(true);
    assert_eq!(home.app.admin(command).await.unwrap()["password_reset"], true);
    home.login("ops@example.com", PASSWORD).await.expect(401);
    home.login("ops@example.com", OTHER_PASSWORD).await.expect(200);
    home.refresh(&before.refresh).await.expect(401);
}

#[tokio::test]
async fn resetting_a_password_ends_the_session_of_a_login_that_was_under_way_too() {
    let home = Home::open().await;
    home.app.admin(create("ops@example.com", PASSWORD)).await.unwrap();
    let mut connection = home.postgres.connect().await;
    let (id, hash): (Uuid, String) =
        sqlx::query_as("SELECT id, password_hash FROM users").fetch_one(&mut connection).await.unwrap();
    let now = Timestamp::now();
    let session = NewSession {
        id: SessionId::new(now),
        principal: Principal::User { id, role: Role::Admin },
        token: TokenHash::of("its token"),
        login: Some(VerifiedLogin { counter: None, password_hash: &hash }),
        created_at: now,
        expires_at: expiry(now, now),
    };
    let mut login = connection.begin().await.unwrap();
    assert!(store::open(&mut *login, &session).await.unwrap());
    let mut command = create("ops@example.com", OTHER_PASSWORD);
    command["reset_password"] = json!(true);
    let app = home.app.clone();
    let reset = tokio::spawn(async move { app.admin(command).await.unwrap() });
    home.until_one_waits().await;
    login.commit().await.unwrap();
    assert_eq!(reset.await.unwrap()["password_reset"], true);
    assert_eq!(home.number("SELECT count(*) FROM sessions").await, 0);
    assert!(!store::open(&mut connection, &session).await.unwrap());
}

#[tokio::test]
async fn a_customers_account_is_never_turned_into_an_admins() {
    let home = Home::open().await;
    home.register("ada@example.com").await.expect(202);
    let mut command = create("ada@example.com", OTHER_PASSWORD);
    command["reset_password"] = json!(true);
    let error = home.app.admin(command).await.unwrap_err().to_string();
    assert!(error.contains("not an admin's") && !error.contains("ada@"), "{error}");
    home.login("ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(home.number("SELECT count(*) FROM users WHERE role = 'admin'").await, 0);
}

#[tokio::test]
async fn a_command_that_cannot_be_read_says_everything_that_is_wrong() {
    let home = Home::open().await;
    let error = home.app.admin(create("nobody", "hunter2")).await.unwrap_err().to_string();
    assert!(error.contains("email must be") && error.contains("password must have"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let command = json!({"command": "create_service_client", "name": "cart-service", "scopes": ["users:manage"]});
    let error = home.app.admin(command).await.unwrap_err().to_string();
    assert!(error.contains("name must be one of product-service") && error.contains("scopes/0 must be"), "{error}");
    assert!(home.app.admin(json!({})).await.unwrap_err().to_string().contains("command is required"));
}
