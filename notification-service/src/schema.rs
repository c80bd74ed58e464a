//! The table, made and removed by the `migrate` trigger. Safe to repeat and to run twice at once.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
        TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use platform::{TriggerError, trigger::Direction};
use serde_json::{Value, json};

use crate::{aws::Failure, notifications::store::Store};

/// How long one call may take: an operator waits.
const CALL: Duration = Duration::from_secs(10);
/// How often, and how long apart, DynamoDB is asked whether it is done.
const ASKED: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Makes the table, or removes it with all that it remembers (`down` to 0).
pub(crate) async fn migrate(store: &Store, direction: Direction) -> Result<Value, TriggerError> {
    let (client, table) = (store.aws().patient_dynamodb(CALL).await, store.table());
    let done = match direction {
        Direction::Up => {
            create(&client, table).await?;
            until_active(&client, table).await?;
            let turned_on = expire(&client, table).await;
            turned_on.map_err(|failure| failed(table, &failure))?;
            "up"
        }
        Direction::Down { to: 0 } => {
            remove(&client, table).await?;
            "down"
        }
        Direction::Down { .. } => return Err("the table has one version: down goes to 0".into()),
    };
    Ok(json!({ "table": table, "direction": done }))
}

fn failed(table: &str, failure: &Failure) -> TriggerError {
    format!("DynamoDB, table {table}: {failure}").into()
}

/// Whether a call succeeded; `code` is as good as success.
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
    // Somebody made it before, or is making it now.
    done_or(created, "ResourceInUseException").map_err(|failure| failed(table, &failure))
}

async fn until_active(client: &Client, table: &str) -> Result<(), TriggerError> {
    for _ in 0..ASKED {
        let described = client.describe_table().table_name(table).send().await;
        let described = described.map_err(|error| failed(table, &Failure::of(&error)))?;
        if described.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("DynamoDB has not finished making the table {table}; run this again").into())
}

/// Lets DynamoDB delete what has expired. It refuses to be told twice.
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
    // Of two at once, the second is told that it is on.
    done_or(updated, "ValidationException")
}

async fn remove(client: &Client, table: &str) -> Result<(), TriggerError> {
    let removed = client.delete_table().table_name(table).send().await;
    done_or(removed, "ResourceNotFoundException").map_err(|failure| failed(table, &failure))
}
