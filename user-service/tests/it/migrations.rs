use platform::{Service, trigger::Direction};
use serde_json::json;
use sqlx::PgConnection;
use testkit::tokens;

use crate::{Home, app};

/// Every column and constraint, in order.
async fn schema(connection: &mut PgConnection) -> Vec<String> {
    let all = "SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
               FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
               UNION ALL
               SELECT format('%s: %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '_sqlx_migrations'
               UNION ALL
               SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'
               ORDER BY 1";
    sqlx::query_scalar(all).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn migrations_go_back_to_nothing_and_forth_to_the_same() {
    let postgres = testkit::postgres::empty().await;
    let app = app(&postgres.url, &tokens::signing_key_base64(), "http://127.0.0.1:9");
    let mut connection = postgres.connect().await;
    let up = app.migrate(Direction::Up).await.unwrap();
    assert_eq!(up, json!({"applied": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}));
    let first = schema(&mut connection).await;
    assert!(first.len() > 60, "{first:#?}");
    assert_eq!(app.migrate(Direction::Down { to: 2 }).await.unwrap(), json!({"applied": [1, 2]}));
    assert_eq!(app.migrate(Direction::Down { to: 0 }).await.unwrap(), json!({"applied": []}));
    assert_eq!(schema(&mut connection).await, Vec::<String>::new());
    app.migrate(Direction::Up).await.unwrap();
    assert_eq!(schema(&mut connection).await, first);
}

#[tokio::test]
async fn going_back_makes_what_the_outbox_gave_up_due_again() {
    let home = Home::open().await;
    home.sql(
        "INSERT INTO outbox (id, path, body, failed, due_at)
              VALUES (gen_random_uuid(), '/notifications', '{}', '409 event_id_reused', 'infinity')",
    )
    .await;
    home.app.migrate(Direction::Down { to: 10 }).await.unwrap();
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE due_at <= now()").await, 1);
    home.app.migrate(Direction::Up).await.unwrap();
}

#[tokio::test]
async fn migrating_twice_at_once_is_migrating_once() {
    let postgres = testkit::postgres::empty().await;
    let one = app(&postgres.url, &tokens::signing_key_base64(), "http://127.0.0.1:9");
    let two = app(&postgres.url, &tokens::signing_key_base64(), "http://127.0.0.1:9");
    let (one, two) = tokio::join!(one.migrate(Direction::Up), two.migrate(Direction::Up));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn migrating_again_keeps_everything() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    home.app.migrate(Direction::Up).await.unwrap();
    home.client.get("/users/me").token(&ada.access).send().await.expect(200);
}

#[tokio::test]
async fn the_database_states_every_invariant_of_its_own() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let guest = "INSERT INTO sessions (id, guest_id, created_at, expires_at) VALUES (gen_random_uuid(), gen_random_uuid(), now(), ";
    let outbox = "INSERT INTO outbox (id, path, body, failed, due_at)";
    let cart = |items: &str| format!("UPDATE carts SET items = '{items}'");
    home.sql(
        "INSERT INTO carts (guest_id, items, created_at, updated_at) VALUES (gen_random_uuid(), '{}', now(), now())",
    )
    .await;
    let full: Vec<_> = (0..101).map(|n| format!("\"S{n}\": 1")).collect();
    let refused = [
        ("UPDATE users SET role = 'owner'".to_owned(), "users_role"),
        ("UPDATE users SET name = ''".to_owned(), "users_name_length"),
        ("UPDATE users SET phone = '555'".to_owned(), "users_phone_is_e164"),
        ("UPDATE users SET phone = '+14155550123;ext=a'".to_owned(), "users_phone_is_e164"),
        ("UPDATE users SET notify_by = '{sms,email}'".to_owned(), "users_notify_by"),
        ("UPDATE users SET notify_by = '{}'".to_owned(), "users_notify_by"),
        ("UPDATE users SET notify_by = '{email,sms}'".to_owned(), "users_sms_needs_consent"),
        ("UPDATE users SET sms_consent_at = now()".to_owned(), "users_sms_needs_consent"),
        ("UPDATE users SET notify_by = '{sms}', sms_consent_at = now()".to_owned(), "users_sms_needs_phone"),
        ("UPDATE users SET version = 0".to_owned(), "users_version"),
        ("UPDATE users SET password_hash = 'hunter2'".to_owned(), "users_password_is_argon2id"),
        ("UPDATE users SET email = 'ädä@example.com'".to_owned(), "users_email_ascii"),
        ("UPDATE users SET address_count = 51".to_owned(), "users_address_limit"),
        (format!("{guest} now())"), "sessions_expire_after_creation"),
        (format!("{guest} now() + interval '91 days')"), "sessions_end_after_90_days"),
        (format!("UPDATE sessions SET guest_id = '{}'", ada.id), "sessions_one_holder"),
        (format!("UPDATE carts SET user_id = '{}'", ada.id), "carts_one_owner"),
        ("UPDATE carts SET user_id = gen_random_uuid(), guest_id = NULL".to_owned(), "carts_of_user"),
        (cart("[]"), "carts_items_are_an_object"),
        (cart(&format!("{{{}}}", full.join(","))), "carts_item_limit"),
        (cart(r#"{"mug": 1}"#), "carts_skus"),
        (cart(&format!("{{\"{}\": 1}}", "A".repeat(41))), "carts_skus"),
        (cart(r#"{"MUG": 0}"#), "carts_quantities"),
        (cart(r#"{"MUG": 1000}"#), "carts_quantities"),
        (cart(r#"{"MUG": 1.5}"#), "carts_quantities"),
        (cart(r#"{"MUG": "1"}"#), "carts_quantities"),
        ("UPDATE carts SET version = 0".to_owned(), "carts_version"),
        ("UPDATE users SET stripe_customer_id = 'pm_1'".to_owned(), "users_stripe_customer_form"),
        ("UPDATE attempts SET kind = 'guess'".to_owned(), "attempts_kind"),
        ("UPDATE attempts SET key = 'short'".to_owned(), "attempts_key_length"),
        ("UPDATE attempts SET count = 0".to_owned(), "attempts_counted"),
        ("INSERT INTO cart_versions VALUES (false)".to_owned(), "cart_versions_only_row"),
        (format!("{outbox} VALUES (gen_random_uuid(), '/a', '{{}}', 'refused', now())"), "outbox_failed_is_never_due"),
        (format!("{outbox} VALUES (gen_random_uuid(), '/a', '{{}}', NULL, 'infinity')"), "outbox_failed_is_never_due"),
        ("INSERT INTO cart_versions DEFAULT VALUES".to_owned(), "cart_versions_pkey"),
        ("UPDATE refresh_tokens SET token_hash = 'short'".to_owned(), "refresh_tokens_hash_length"),
    ];
    let mut connection = home.postgres.connect().await;
    for (statement, constraint) in refused {
        let result = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut connection).await;
        let error = result.expect_err(&statement);
        assert_eq!(platform::postgres::violated(&error), Some(constraint), "{statement}");
    }
}
