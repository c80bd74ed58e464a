//! The table and its index, created and removed by the `migrate` trigger. Safe to repeat and to run concurrently.
//!
//! | version | what it has |
//! | --- | --- |
//! | 1 | the table, by `event_id`; `expires_at` lets DynamoDB delete what has expired |
//! | 2 | the index `listed`, by which staff list notifications and suppressions: `listed` and, in order, `listed_at`, with the attributes that lists show |
//!
//! Where the table belongs to the CDK stack that deploys the service (`TABLE_OWNER=cdk`), the trigger changes nothing: it checks
//! the table, and fails with the list of differences.
//!
//! The index can be added to a table in use: DynamoDB fills it from the items that have both attributes. Items of an older
//! release have neither, and are not listed.
//!
//! DynamoDB cannot change the attributes of an index. Where a table has the index of an earlier release, which had all attributes,
//! the trigger changes nothing and says how to create it anew: `down` to 1, then `up`. In between lists fail, and nothing else
//! does. A stack removes the index in one deployment and adds it in the next.

mod check;

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
        GlobalSecondaryIndexDescription, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
        TimeToLiveStatus,
    },
};
use common::input::Refusal;
use platform::{TriggerError, trigger::Direction};
use serde_json::{Value, json};

use crate::{
    aws::Failure,
    dynamo::Dynamo,
    listing::{LISTED, PROJECTED},
};

/// Time limit of one call; an operator waits for it.
const CALL: Duration = Duration::from_secs(10);
/// How often, and at which interval, DynamoDB is polled until a change is complete.
const ASKED: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// The newest version.
const NEWEST: i64 = 2;

/// The owner of the table, who creates and changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableOwner {
    /// The service, by its `migrate` trigger.
    Service,
    /// The stack of the AWS CDK that deploys it.
    Cdk,
}

impl FromStr for TableOwner {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "service" => Ok(Self::Service),
            "cdk" => Ok(Self::Cdk),
            _ => Err(Refusal::new("unknown_owner", "must be service or cdk")),
        }
    }
}

/// Migrates the table, or checks it where the stack owns it.
pub(crate) async fn migrate(db: &Dynamo, owner: TableOwner, direction: Direction) -> Result<Value, TriggerError> {
    match (owner, direction) {
        (TableOwner::Service, direction) => change(db, direction).await,
        (TableOwner::Cdk, Direction::Up) => {
            check::check(&db.aws().patient_dynamodb(CALL).await, db.table()).await?;
            Ok(json!({ "table": db.table(), "direction": "up", "is_checked_only": true }))
        }
        (TableOwner::Cdk, Direction::Down { .. }) => {
            Err(format!("the table {} belongs to the CDK stack (TABLE_OWNER=cdk): take it back there", db.table())
                .into())
        }
    }
}

/// Creates the table with its index, or goes back: `down` to 1 removes the index, `down` to 0 the table with all records.
async fn change(db: &Dynamo, direction: Direction) -> Result<Value, TriggerError> {
    let (client, table) = (db.aws().patient_dynamodb(CALL).await, db.table());
    let done = match direction {
        Direction::Up => {
            create(&client, table).await?;
            until_active(&client, table).await?;
            let turned_on = expire(&client, table).await;
            turned_on.map_err(|failure| failed(table, &failure))?;
            add_index(&client, table).await?;
            "up"
        }
        Direction::Down { to: 0 } => {
            remove(&client, table).await?;
            "down"
        }
        Direction::Down { to: 1 } => {
            remove_index(&client, table).await?;
            "down"
        }
        Direction::Down { to: NEWEST } => "down",
        Direction::Down { .. } => return Err(format!("the table has {NEWEST} versions: down goes to 2, 1 or 0").into()),
    };
    Ok(json!({ "table": table, "direction": done }))
}

fn failed(table: &str, failure: &Failure) -> TriggerError {
    format!("DynamoDB, table {table}: {failure}").into()
}

/// Succeeds also when the call failed with `code`.
fn done_or<T, E>(result: Result<T, SdkError<E>>, code: &str) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(code) => Ok(()),
        Err(error) => Err(Failure::of(&error)),
    }
}

async fn create(client: &Client, table: &str) -> Result<(), TriggerError> {
    let key = AttributeDefinition::builder().attribute_name("event_id").attribute_type(ScalarAttributeType::S);
    let hash = KeySchemaElement::builder().attribute_name("event_id").key_type(KeyType::Hash);
    let call = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let created = call.attribute_definitions(key.build()?).key_schema(hash.build()?).send().await;
    // The table exists, or is being created.
    done_or(created, "ResourceInUseException").map_err(|failure| failed(table, &failure))
}

async fn describe(client: &Client, table: &str) -> Result<TableDescription, TriggerError> {
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| failed(table, &Failure::of(&error)))?;
    described.table.ok_or_else(|| format!("DynamoDB says nothing of the table {table}").into())
}

/// Polls until `is_done` holds for the table; fails after [`ASKED`] tries.
async fn until(client: &Client, table: &str, is_done: impl Fn(&TableDescription) -> bool) -> Result<(), TriggerError> {
    for _ in 0..ASKED {
        if is_done(&describe(client, table).await?) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("DynamoDB has not finished changing the table {table}; run this again").into())
}

fn is_active(table: &TableDescription) -> bool {
    table.table_status == Some(TableStatus::Active)
}

async fn until_active(client: &Client, table: &str) -> Result<(), TriggerError> {
    until(client, table, is_active).await
}

/// The state of the index; `None` where there is none. A new index may be listed before it has a state.
fn index(table: &TableDescription) -> Option<IndexStatus> {
    let index = table.global_secondary_indexes().iter().find(|index| index.index_name() == Some(LISTED))?;
    Some(index.index_status().cloned().unwrap_or(IndexStatus::Active))
}

/// Whether an index has the attributes of lists and no others.
fn is_projected(index: &GlobalSecondaryIndexDescription) -> bool {
    let Some(projection) = index.projection() else { return false };
    let has: BTreeSet<&str> = projection.non_key_attributes().iter().map(String::as_str).collect();
    projection.projection_type() == Some(&ProjectionType::Include) && has == BTreeSet::from(PROJECTED)
}

async fn add_index(client: &Client, table: &str) -> Result<(), TriggerError> {
    let described = describe(client, table).await?;
    let before = described.global_secondary_indexes().iter().find(|index| index.index_name() == Some(LISTED));
    if before.is_some_and(|index| index.index_status() != Some(&IndexStatus::Deleting) && !is_projected(index)) {
        return Err(format!(
            "the index {LISTED} of the table {table} has other attributes than this release reads, and DynamoDB cannot change \
             them: migrate down to 1, which removes the index and nothing else, and then up"
        )
        .into());
    }
    if before.is_none() {
        let of =
            |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let projection = Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(PROJECTED.map(str::to_owned).to_vec()))
            .build();
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(LISTED)
            .key_schema(key("listed", KeyType::Hash)?)
            .key_schema(key("listed_at", KeyType::Range)?)
            .projection(projection)
            .build()?;
        let call = client.update_table().table_name(table);
        let call = call
            .attribute_definitions(of("event_id").build()?)
            .attribute_definitions(of("listed").build()?)
            .attribute_definitions(of("listed_at").build()?)
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build());
        let added = call.send().await.map(drop).map_err(|error| Failure::of(&error));
        or_else_where(client, table, added, |table| index(table).is_some()).await?;
    }
    until(client, table, |table| index(table) == Some(IndexStatus::Active) && is_active(table)).await
}

async fn remove_index(client: &Client, table: &str) -> Result<(), TriggerError> {
    if index(&describe(client, table).await?).is_some() {
        let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(LISTED).build()?;
        let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
        let removed = client.update_table().table_name(table).global_secondary_index_updates(update).send().await;
        let removed = removed.map(drop).map_err(|error| Failure::of(&error));
        let is_going = |table: &TableDescription| index(table).is_none_or(|status| status == IndexStatus::Deleting);
        or_else_where(client, table, removed, is_going).await?;
    }
    until(client, table, |table| index(table).is_none() && is_active(table)).await
}

/// Succeeds also when the change failed because a concurrent migration made it.
async fn or_else_where(
    client: &Client,
    table: &str,
    changed: Result<(), Failure>,
    is_made: impl Fn(&TableDescription) -> bool,
) -> Result<(), TriggerError> {
    match changed {
        Ok(()) => Ok(()),
        Err(_) if is_made(&describe(client, table).await?) => Ok(()),
        Err(failure) => Err(failed(table, &failure)),
    }
}

/// Turns on time to live, by which DynamoDB deletes expired items.
async fn expire(client: &Client, table: &str) -> Result<(), Failure> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described = described.map_err(|error| Failure::of(&error))?.time_to_live_description;
    let status = described.and_then(|description| description.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build();
    let ttl = ttl.map_err(|error| Failure::Refused(error.to_string()))?;
    let updated = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    // A concurrent migration has turned it on: DynamoDB refuses to do so twice.
    done_or(updated, "ValidationException")
}

async fn remove(client: &Client, table: &str) -> Result<(), TriggerError> {
    let removed = client.delete_table().table_name(table).send().await;
    done_or(removed, "ResourceNotFoundException").map_err(|failure| failed(table, &failure))
}
