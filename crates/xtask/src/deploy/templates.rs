//! Differences of two templates.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Types of resources that hold data: once deleted, it is lost.
const HOLDS_DATA: [&str; 10] = [
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::Logs::LogGroup",
    // Its records stand in the DNS of the shop's domain, and an identity that is made anew has others.
    "AWS::SES::EmailIdentity",
];
/// Resources of these types are made anew with each version, and the old ones are kept.
const PER_VERSION: &str = "AWS::Lambda::Version";
/// Of CloudFormation: what else is there is replaced or deleted with its data.
const KEPT: [&str; 2] = ["Retain", "RetainExceptOnCreate"];

/// A resource, by its logical id and type.
pub(crate) type Named = (String, String);

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Named>,
    pub(crate) changed: Vec<Named>,
    pub(crate) removed: Vec<Named>,
    /// Of those removed, what holds data and is not kept by its deletion policy, or would be left behind unused.
    pub(crate) lost: Vec<Named>,
}

/// A template of an assembly.
pub(crate) fn read(folder: &Path, stack: &str) -> Result<Value> {
    let file = folder.join(format!("{stack}.template.json"));
    let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no template", file.display()))
}

pub(crate) fn resources(template: &Value) -> BTreeMap<&str, &Value> {
    template["Resources"].as_object().into_iter().flatten().map(|(id, resource)| (id.as_str(), resource)).collect()
}

/// The sum of reserved concurrency of its functions.
pub(crate) fn reserved(template: &Value) -> u64 {
    let all = resources(template).into_values();
    all.filter_map(|resource| resource["Properties"]["ReservedConcurrentExecutions"].as_u64()).sum()
}

/// A frontend that browsers may call an API of it from.
pub(crate) fn origin(template: &Value) -> Option<String> {
    let apis = resources(template).into_values().filter(|resource| kind(resource) == "AWS::ApiGatewayV2::Api");
    let mut first = apis.map(|api| &api["Properties"]["CorsConfiguration"]["AllowOrigins"][0]);
    first.find_map(Value::as_str).map(str::to_owned)
}

/// The number of resources of each type.
pub(crate) fn count(template: &Value) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for resource in resources(template).values() {
        *count.entry(kind(resource)).or_default() += 1;
    }
    count
}

pub(crate) fn compare(before: &Value, after: &Value) -> Changes {
    let (before, after) = (resources(before), resources(after));
    let named = |id: &str, resource: &Value| (id.to_owned(), kind(resource).to_owned());
    let mut changes = Changes::default();
    for (id, resource) in &after {
        match before.get(id) {
            None => changes.added.push(named(id, resource)),
            Some(known) if meaning(known) != meaning(resource) => changes.changed.push(named(id, resource)),
            Some(_) => {}
        }
    }
    for (id, resource) in &before {
        let stays = after.get(id).is_some_and(|known| kind(known) == kind(resource));
        if stays {
            continue;
        }
        changes.removed.push(named(id, resource));
        if HOLDS_DATA.contains(&kind(resource)) {
            changes.lost.push(named(id, resource));
        }
    }
    changes.removed.retain(|(_, kind)| kind != PER_VERSION);
    changes
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Where its data stays somewhere, though no stack has it any more.
pub(crate) fn is_kept(template: &Value, id: &str) -> bool {
    template["Resources"][id]["DeletionPolicy"]
        .as_str()
        .is_some_and(|policy| KEPT.contains(&policy) || policy == "Snapshot")
}

fn kind(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}

/// Metadata says where a resource is in the code, and which file was uploaded for it.
fn meaning(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Some(members) = resource.as_object_mut() {
        members.remove("Metadata");
    }
    resource
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(resources: impl Into<Value>) -> Value {
        json!({ "Resources": resources.into() })
    }

    fn table() -> Value {
        json!({ "Type": "AWS::DynamoDB::GlobalTable", "DeletionPolicy": "Retain", "Properties": { "TableName": "t" } })
    }

    #[test]
    fn equal_templates_have_no_changes_wherever_the_code_of_a_resource_has_moved() {
        let mut moved = table();
        moved["Metadata"] = json!({ "aws:cdk:path": "elsewhere" });
        assert!(compare(&template(json!({ "Table": table() })), &template(json!({ "Table": moved }))).is_empty());
    }

    #[test]
    fn a_table_under_another_name_is_a_table_lost() {
        let changes = compare(&template(json!({ "Table": table() })), &template(json!({ "Other": table() })));
        let kind = "AWS::DynamoDB::GlobalTable".to_owned();
        assert_eq!(changes.lost, [("Table".to_owned(), kind.clone())]);
        assert_eq!(changes.added, [("Other".to_owned(), kind)]);
    }

    #[test]
    fn a_role_that_goes_is_a_change_and_no_loss_and_an_old_version_is_neither() {
        let before = template(json!({ "Role": { "Type": "AWS::IAM::Role" }, "V1": { "Type": PER_VERSION } }));
        let changes = compare(&before, &template(json!({ "V2": { "Type": PER_VERSION } })));
        assert_eq!(changes.removed, [("Role".to_owned(), "AWS::IAM::Role".to_owned())]);
        assert!(changes.lost.is_empty());
    }

    #[test]
    fn a_changed_property_is_named() {
        let mut other = table();
        other["Properties"]["TableName"] = json!("u");
        let changes = compare(&template(json!({ "Table": table() })), &template(json!({ "Table": other })));
        assert_eq!(changes.changed, [("Table".to_owned(), "AWS::DynamoDB::GlobalTable".to_owned())]);
    }
}
