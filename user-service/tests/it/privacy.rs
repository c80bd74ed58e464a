use platform::Service;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row};
use testkit::logs::Captured;

use crate::{Home, PASSWORD, Shopper, payment_methods::CardFixture};

/// Every row of every table, as text.
async fn everything_stored(home: &Home) -> String {
    let mut connection = home.postgres.connect().await;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() >= 7, "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let rows = format!("SELECT t::text FROM \"{table}\" t");
        for row in sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut connection).await.unwrap() {
            text.push_str(row.get::<&str, _>(0));
            text.push('\n');
        }
    }
    text
}

#[tokio::test]
async fn no_secret_is_stored_in_clear() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let refreshed = Shopper::of(&home.refresh(&ada.refresh).await.expect(200));
    let command = json!({"command": "create_service_client", "name": "transaction-service", "scopes": ["carts:clear"]});
    let client = home.app.admin(command).await.unwrap();
    let stored = everything_stored(&home).await;
    let secrets = [PASSWORD, &ada.refresh, &refreshed.refresh, client["client_secret"].as_str().unwrap(), &ada.access];
    for secret in secrets {
        assert!(!stored.contains(secret), "{secret}");
        assert!(!stored.contains(&hex::encode(secret)), "{secret} in hexadecimal");
    }
    assert!(stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn of_saved_cards_neither_secrets_nor_numbers_are_stored_or_logged() {
    let fixture = CardFixture::open().await;
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("user-service", "debug", captured.writer());
    let _guard = tracing::subscriber::set_default(subscriber);

    let ada = fixture.home.customer("ada@example.com").await;
    let setup = fixture.setup(&ada).await.expect(201).json();
    let saved = fixture.save(&ada, "pm_card_visa").await;
    fixture.fault("POST", "/v1/setup_intents", json!({"kind": "error", "status": 500, "after_effect": true})).await;
    fixture.setup(&ada).await.expect(503);

    let (logged, stored) = (captured.text(), everything_stored(&fixture.home).await);
    let card = saved["items"][0].clone();
    let last4 = card["card"]["last4"].as_str().unwrap();
    for secret in [setup["client_secret"].as_str().unwrap(), fixture.stripe.secret_key()] {
        assert!(!logged.contains(secret), "{secret} is logged: {logged}");
        assert!(!stored.contains(secret), "{secret} is stored: {stored}");
    }
    for of_the_card in [card["id"].as_str().unwrap(), &format!("\"{last4}\""), "visa"] {
        assert!(!stored.contains(of_the_card), "{of_the_card} is stored: {stored}");
    }
    assert!(logged.contains("no clear answer"), "the cause of the 503 is logged: {logged}");
}

#[tokio::test]
async fn addresses_that_were_tried_in_vain_are_not_kept() {
    let home = Home::open().await;
    home.login("typo@example.com", "a wrong guess").await.expect(401);
    assert!(!everything_stored(&home).await.contains("typo@"));
}

#[tokio::test]
async fn logs_name_ids_and_neither_addresses_nor_secrets() {
    let home = Home::open().await;
    let captured = Captured::default();
    let subscriber = platform::telemetry::subscriber("user-service", "debug", captured.writer());
    let _guard = tracing::subscriber::set_default(subscriber);

    let ada = home.customer("ada@example.com").await;
    home.client.get("/users/me").token(&ada.access).send().await.expect(200);
    home.login("ada@example.com", "a wrong guess that is long").await.expect(401);
    home.refresh(&ada.refresh).await.expect(200);
    home.let_pass(11).await;
    home.refresh(&ada.refresh).await.expect(401);
    let body = json!({"email": "bad@", "password": "a bad password", "name": "Ada", "phone": "+14155550123"});
    home.client.post("/auth/register").json(&body).send().await.expect(422);
    home.sql("ALTER TABLE users ADD CONSTRAINT nobody_new CHECK (false) NOT VALID").await;
    home.register("late@example.com").await.expect(500);
    home.app.after_response().await;
    home.network.cut();
    home.login("cut@example.com", PASSWORD).await.expect(503);

    let logged = captured.text();
    for secret in ["ada@", "late@", "cut@", "bad@", PASSWORD, "a wrong guess", "a bad password", "+1415", "Lovelace"] {
        assert!(!logged.contains(secret), "{secret} is logged: {logged}");
    }
    for token in [&ada.access, &ada.refresh] {
        assert!(!logged.contains(token.as_str()), "a token is logged: {logged}");
    }
    assert!(logged.contains(&format!("user:{}", ada.id)), "{logged}");
    assert!(logged.contains("refresh token used again; session ended"), "{logged}");
    assert!(logged.contains("nobody_new"), "the cause of the 500 is logged: {logged}");
}
