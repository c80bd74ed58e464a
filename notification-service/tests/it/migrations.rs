use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, TimeToLiveStatus};
use common::timestamp::Timestamp;
use platform::{Service, trigger::Direction};
use serde_json::json;
use uuid::Uuid;

use crate::{Office, PATIENT, app, event};

#[tokio::test]
async fn the_table_is_paid_for_by_the_request_and_forgets_what_expired() {
    let office = Office::open().await;
    let (client, table) = (office.app.store.aws().dynamodb().await, office.app.store.table());
    let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
    let billing = described.billing_mode_summary.unwrap().billing_mode;
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
    let ttl = client.describe_time_to_live().table_name(table).send().await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
    assert_eq!(ttl.attribute_name.as_deref(), Some("expires_at"));
}

#[tokio::test]
async fn migrating_again_or_twice_at_once_changes_nothing() {
    let office = Office::open().await;
    let body = event("account_created");
    assert_eq!(office.status(&body).await, "sent");
    let (one, other) = tokio::join!(office.app.migrate(Direction::Up), office.app.migrate(Direction::Up));
    let done = json!({"table": office.app.store.table(), "direction": "up"});
    assert_eq!((one.unwrap(), other.unwrap()), (done.clone(), done));
    assert_eq!(office.status(&body).await, "sent");
}

#[tokio::test]
async fn going_back_removes_the_table_and_may_be_repeated() {
    let office = Office::open().await;
    for _ in 0..2 {
        let done = office.app.migrate(Direction::Down { to: 0 }).await.unwrap();
        assert_eq!(done["direction"], "down");
    }
    office.send(&event("account_created")).await.expect(500);
    office.app.migrate(Direction::Up).await.unwrap();
    assert_eq!(office.status(&event("account_created")).await, "sent");
    assert!(office.app.migrate(Direction::Down { to: 3 }).await.is_err());
}

#[tokio::test]
async fn a_migration_that_cannot_reach_dynamodb_says_which_table() {
    let table = format!("notifications-{}", Uuid::new_v4());
    let error = app("http://127.0.0.1:9", &table, "ses", PATIENT).migrate(Direction::Up).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("DynamoDB, table {table}: is unavailable")), "{error}");
}

#[tokio::test]
async fn a_table_that_exists_gets_the_index_keeps_what_it_has_and_goes_back() {
    let office = Office::open().await;
    let store = &office.app.store;
    let (client, table) = (store.aws().dynamodb().await, store.table());
    let indexes = async || {
        let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
        let names = described.global_secondary_indexes.unwrap_or_default().into_iter();
        names.filter_map(|index| index.index_name).collect::<Vec<_>>()
    };
    let listed = async |day: &str| {
        let query = client.query().table_name(table).index_name("listed").key_condition_expression("listed = :day");
        let value = AttributeValue::S(format!("notification#{day}"));
        query.expression_attribute_values(":day", value).send().await.unwrap().items.unwrap()
    };
    // As the release before left it: no index.
    for _ in 0..2 {
        let down = office.app.migrate(Direction::Down { to: 1 }).await.unwrap();
        assert_eq!((down["direction"].as_str(), indexes().await), (Some("down"), vec![]));
    }
    let body = event("order_confirmation");
    assert_eq!(office.status(&body).await, "sent");
    let (one, other) = tokio::join!(office.app.migrate(Direction::Up), office.app.migrate(Direction::Up));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(indexes().await, ["listed"]);
    office.app.migrate(Direction::Down { to: 2 }).await.unwrap();
    assert_eq!(indexes().await, ["listed"], "the newest version is where it is");
    let after = event("account_created");
    assert_eq!(office.status(&after).await, "sent");
    let today = Timestamp::now().to_string()[..10].to_owned();
    let found = listed(&today).await;
    let keys: Vec<_> = found.iter().map(|item| item["event_id"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, [body["event_id"].as_str().unwrap(), after["event_id"].as_str().unwrap()], "in their order");
    assert_eq!(office.status(&body).await, "sent");
    assert_eq!(office.mails(&body), 1);
}
