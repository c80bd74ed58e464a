use platform::{Service, config::Env, trigger::Direction};
use transaction_service::App;

use crate::Shop;

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let mut env = Env::from_pairs([
        ("TAX_RATE", "8,25"),
        ("CHECKOUT_DEADLINE_SECONDS", "soon"),
        ("OPEN_ORDERS_PER_OWNER", "0"),
        ("DECLINES_PER_SOURCE", "many"),
        ("DECLINE_WINDOW_MINUTES", "1441"),
        ("PAYMENT_WINDOW_MINUTES", "721"),
    ]);
    assert!(App::configure(&mut env).is_none());
    let report = env.report();
    for name in [
        "ISSUER",
        "JWKS_URL",
        "API_BASE_URL",
        "TRANSACTION_DATABASE_URL",
        "TRANSACTION_SERVICE_CLIENT_SECRET",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "SHIPPING_RATES is missing",
        "TAX_RATE must be a percentage",
        "FINGERPRINT_KEY is missing",
        "OPEN_ORDERS_PER_OWNER must be a whole number from 1 to 1000000",
        "DECLINES_PER_SOURCE must be a whole number from 1 to 1000000",
        "DECLINE_WINDOW_MINUTES must be a whole number from 1 to 1440",
        "CHECKOUT_DEADLINE_SECONDS must be a whole number from 1 to 25",
        "PAYMENT_WINDOW_MINUTES must be a whole number from 1 to 720",
    ] {
        assert!(report.contains(name), "{name} is not in: {report}");
    }
}

#[tokio::test]
async fn the_schema_goes_back_to_nothing_and_forward_again() {
    let shop = Shop::open().await;
    let back = shop.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    assert_eq!(back["applied"], serde_json::json!([]));
    let forward = shop.app.migrate(Direction::Up).await.unwrap();
    let all = transaction_service::MIGRATOR.iter().filter(|migration| migration.migration_type.is_up_migration());
    let all: Vec<i64> = all.map(|migration| migration.version).collect();
    assert_eq!(forward["applied"], serde_json::json!(all));
    assert_eq!(shop.app.migrate(Direction::Up).await.unwrap(), forward, "migrating twice changes nothing");
}
