//! Checks that a table of the CDK stack is as this service needs it. Changes nothing.

use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    types::{
        AttributeDefinition, GlobalSecondaryIndexDescription, IndexStatus, KeySchemaElement, KeyType,
        ScalarAttributeType, TableDescription, TableStatus, TimeToLiveDescription, TimeToLiveStatus,
    },
};
use platform::TriggerError;

use super::{failed, is_projected};
use crate::{
    aws::Failure,
    listing::{LISTED, PROJECTED},
};

/// Fails with the list of all differences.
pub(super) async fn check(client: &Client, table: &str) -> Result<(), TriggerError> {
    let described = match client.describe_table().table_name(table).send().await {
        Ok(described) => described.table,
        Err(error) if error.code() == Some("ResourceNotFoundException") => None,
        Err(error) => return Err(failed(table, &Failure::of(&error))),
    };
    let Some(described) = described else { return Err(format!("the table {table} is missing").into()) };
    let expiry = client.describe_time_to_live().table_name(table).send().await;
    let expiry = expiry.map_err(|error| failed(table, &Failure::of(&error)))?.time_to_live_description;
    let faults = faults(&described, expiry.as_ref());
    if faults.is_empty() { Ok(()) } else { Err(format!("the table {table}: {}", faults.join("; ")).into()) }
}

fn faults(table: &TableDescription, expiry: Option<&TimeToLiveDescription>) -> Vec<String> {
    let mut faults = Vec::new();
    let attributes = table.attribute_definitions();
    if !matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating)) {
        faults.push("it is not active".to_owned());
    }
    if !is_keyed_by(table.key_schema(), attributes, "event_id", None) {
        faults.push("its key must be the partition key event_id, a string, alone".to_owned());
    }
    match table.global_secondary_indexes().iter().find(|index| index.index_name() == Some(LISTED)) {
        None => faults.push(format!(
            "the index {LISTED} is missing: partition key listed, sort key listed_at, both strings, with the attributes {}",
            PROJECTED.join(", ")
        )),
        Some(index) => faults.extend(faults_of(index, attributes)),
    }
    let expires = expiry.is_some_and(|expiry| {
        expiry.attribute_name() == Some("expires_at")
            && matches!(expiry.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    if !expires {
        faults.push("time to live must be on, by the attribute expires_at".to_owned());
    }
    faults
}

fn faults_of(index: &GlobalSecondaryIndexDescription, attributes: &[AttributeDefinition]) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_keyed_by(index.key_schema(), attributes, "listed", Some("listed_at")) {
        faults.push(format!(
            "the index {LISTED} must have the partition key listed and the sort key listed_at, both strings"
        ));
    }
    if !is_projected(index) {
        faults.push(format!(
            "the index {LISTED} must have the attributes {}, and no others; an index cannot change them: the stack has to \
             remove it in one deployment and to add it in the next",
            PROJECTED.join(", ")
        ));
    }
    if !matches!(index.index_status(), None | Some(IndexStatus::Active | IndexStatus::Updating)) {
        faults.push(format!("the index {LISTED} is not active"));
    }
    faults
}

/// Whether a key schema consists of exactly these attributes, which are strings.
fn is_keyed_by(
    schema: &[KeySchemaElement],
    attributes: &[AttributeDefinition],
    partition: &str,
    sort: Option<&str>,
) -> bool {
    let wanted = [Some((partition, KeyType::Hash)), sort.map(|sort| (sort, KeyType::Range))];
    let wanted: Vec<_> = wanted.into_iter().flatten().collect();
    let is_text = |name: &str| {
        let of = attributes.iter().find(|attribute| attribute.attribute_name() == name);
        of.is_some_and(|attribute| *attribute.attribute_type() == ScalarAttributeType::S)
    };
    let found = |(name, kind): &(&str, KeyType)| {
        is_text(name) && schema.iter().any(|key| key.attribute_name() == *name && key.key_type() == kind)
    };
    schema.len() == wanted.len() && wanted.iter().all(found)
}
