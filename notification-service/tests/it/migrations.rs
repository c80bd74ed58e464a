use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
    TimeToLiveStatus,
};
use common::timestamp::Timestamp;
use notification_service::{App, listing::PROJECTED, schema::TableOwner};
use platform::{Service, trigger::Direction};
use serde_json::json;
use uuid::Uuid;

use crate::{Fixture, PATIENT, app, event};

#[tokio::test]
async fn the_table_is_paid_for_by_the_request_and_forgets_what_expired() {
    let fixture = Fixture::open().await;
    let (client, table) = (fixture.app.db.aws().dynamodb().await, fixture.app.db.table());
    let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
    let billing = described.billing_mode_summary.unwrap().billing_mode;
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
    let ttl = client.describe_time_to_live().table_name(table).send().await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
    assert_eq!(ttl.attribute_name.as_deref(), Some("expires_at"));
}

#[tokio::test]
async fn migrating_again_or_twice_at_once_changes_nothing() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    assert_eq!(fixture.status(&body).await, "sent");
    let (one, other) = tokio::join!(fixture.app.migrate(Direction::Up), fixture.app.migrate(Direction::Up));
    let done = json!({"table": fixture.app.db.table(), "direction": "up"});
    assert_eq!((one.unwrap(), other.unwrap()), (done.clone(), done));
    assert_eq!(fixture.status(&body).await, "sent");
}

#[tokio::test]
async fn going_back_removes_the_table_and_may_be_repeated() {
    let fixture = Fixture::open().await;
    for _ in 0..2 {
        let done = fixture.app.migrate(Direction::Down { to: 0 }).await.unwrap();
        assert_eq!(done["direction"], "down");
    }
    fixture.send(&event("account_created")).await.expect(500);
    fixture.app.migrate(Direction::Up).await.unwrap();
    assert_eq!(fixture.status(&event("account_created")).await, "sent");
    assert!(fixture.app.migrate(Direction::Down { to: 3 }).await.is_err());
}

/// The same office, whose table belongs to the CDK stack.
fn of_cdk(fixture: &Fixture) -> App {
    App { table_owner: TableOwner::Cdk, ..fixture.app.clone() }
}

#[tokio::test]
async fn a_table_of_the_cdk_stack_is_checked_and_neither_made_nor_changed_nor_removed() {
    let fixture = Fixture::open().await;
    let calls = || {
        let seen = fixture.network.seen().into_iter().map(|seen| seen.operation);
        seen.filter(|operation| !operation.starts_with("Describe")).collect::<Vec<_>>()
    };
    let before = calls();
    let table = fixture.app.db.table();
    let checked = of_cdk(&fixture).migrate(Direction::Up).await.unwrap();
    assert_eq!(checked, json!({"table": table, "direction": "up", "is_checked_only": true}));
    for to in [0, 1, 2] {
        let error = of_cdk(&fixture).migrate(Direction::Down { to }).await.unwrap_err();
        assert!(error.to_string().contains("TABLE_OWNER=cdk"), "{error}");
    }
    assert_eq!(calls(), before, "nothing but descriptions were asked for");
    fixture.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    let before = calls();
    let error = of_cdk(&fixture).migrate(Direction::Up).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the table {table} is missing"));
    assert_eq!(calls(), before, "it is not made");
}

#[tokio::test]
async fn a_table_of_the_cdk_stack_that_is_not_as_it_has_to_be_is_refused_with_all_that_is_missing() {
    let fixture = Fixture::open().await;
    let (client, table) = (fixture.app.db.aws().dynamodb().await, fixture.app.db.table());
    let error = async || of_cdk(&fixture).migrate(Direction::Up).await.unwrap_err().to_string();
    fixture.app.migrate(Direction::Down { to: 1 }).await.unwrap();
    let attributes = PROJECTED.join(", ");
    let index =
        "the index listed is missing: partition key listed, sort key listed_at, both strings, with the attributes";
    assert_eq!(error().await, format!("the table {table}: {index} {attributes}"));

    // Another key, an index of the name with other keys and without the attributes, and no expiry.
    client.delete_table().table_name(table).send().await.unwrap();
    let text = |name: &str| {
        let kind = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = GlobalSecondaryIndex::builder()
        .index_name("listed")
        .key_schema(key("listed", KeyType::Hash))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    let create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(text("event_id")).attribute_definitions(text("listed"));
    let create = create.attribute_definitions(text("day")).key_schema(key("event_id", KeyType::Hash));
    let create = create.key_schema(key("day", KeyType::Range)).global_secondary_indexes(index.build().unwrap());
    create.send().await.unwrap();
    let expected = [
        "its key must be the partition key event_id, a string, alone",
        "the index listed must have the partition key listed and the sort key listed_at, both strings",
        &format!(
            "the index listed must have the attributes {attributes}, and no others; an index cannot change them: the stack \
             has to remove it in one deployment and to add it in the next"
        ),
        "time to live must be on, by the attribute expires_at",
    ];
    assert_eq!(error().await, format!("the table {table}: {}", expected.join("; ")));
}

#[tokio::test]
async fn an_index_with_all_attributes_is_refused_with_what_to_do_and_that_mends_it() {
    let fixture = Fixture::open().await;
    let (client, table) = (fixture.app.db.aws().dynamodb().await, fixture.app.db.table());
    fixture.app.migrate(Direction::Down { to: 1 }).await.unwrap();
    // As the release before made it.
    let text = |name: &str| {
        let kind = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = CreateGlobalSecondaryIndexAction::builder()
        .index_name("listed")
        .key_schema(key("listed", KeyType::Hash))
        .key_schema(key("listed_at", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build());
    let change = GlobalSecondaryIndexUpdate::builder().create(index.build().unwrap()).build();
    let update = client.update_table().table_name(table).global_secondary_index_updates(change);
    let update = update.attribute_definitions(text("event_id")).attribute_definitions(text("listed"));
    update.attribute_definitions(text("listed_at")).send().await.unwrap();
    let body = event("order_confirmation");
    assert_eq!(fixture.status(&body).await, "sent");

    let error = fixture.app.migrate(Direction::Up).await.unwrap_err().to_string();
    assert!(error.contains(&format!("the index listed of the table {table}")), "{error}");
    assert!(error.contains("migrate down to 1") && error.contains("and then up"), "{error}");
    fixture.app.migrate(Direction::Down { to: 1 }).await.unwrap();
    fixture.app.migrate(Direction::Up).await.unwrap();
    let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
    let [index] = described.global_secondary_indexes() else { panic!("{described:?}") };
    let projection = index.projection().unwrap();
    assert_eq!(projection.projection_type(), Some(&ProjectionType::Include));
    assert_eq!(projection.non_key_attributes(), PROJECTED);
    let query = client.query().table_name(table).index_name("listed").key_condition_expression("listed = :day");
    let day = AttributeValue::S(format!("notification#{}", &Timestamp::now().to_string()[..10]));
    let found = query.expression_attribute_values(":day", day).send().await.unwrap().items.unwrap();
    let [item] = &found[..] else { panic!("{found:?}") };
    assert!(item.contains_key("is_kept") && !item.contains_key("request"), "{item:?}");
}

#[tokio::test]
async fn a_migration_that_cannot_reach_dynamodb_says_which_table() {
    let table = format!("notifications-{}", Uuid::new_v4());
    let error = app("http://127.0.0.1:9", &table, "ses", PATIENT).migrate(Direction::Up).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("DynamoDB, table {table}: is unavailable")), "{error}");
}

#[tokio::test]
async fn a_table_that_exists_gets_the_index_keeps_what_it_has_and_goes_back() {
    let fixture = Fixture::open().await;
    let store = &fixture.app.db;
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
        let down = fixture.app.migrate(Direction::Down { to: 1 }).await.unwrap();
        assert_eq!((down["direction"].as_str(), indexes().await), (Some("down"), vec![]));
    }
    let body = event("order_confirmation");
    assert_eq!(fixture.status(&body).await, "sent");
    let (one, other) = tokio::join!(fixture.app.migrate(Direction::Up), fixture.app.migrate(Direction::Up));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(indexes().await, ["listed"]);
    fixture.app.migrate(Direction::Down { to: 2 }).await.unwrap();
    assert_eq!(indexes().await, ["listed"], "the newest version is where it is");
    let after = event("account_created");
    assert_eq!(fixture.status(&after).await, "sent");
    let today = Timestamp::now().to_string()[..10].to_owned();
    let found = listed(&today).await;
    let keys: Vec<_> = found.iter().map(|item| item["event_id"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, [body["event_id"].as_str().unwrap(), after["event_id"].as_str().unwrap()], "in their order");
    assert_eq!(fixture.status(&body).await, "sent");
    assert_eq!(fixture.mails(&body), 1);
}
