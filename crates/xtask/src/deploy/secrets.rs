//! Which secrets a deployment's functions read, and whether their owner has set them. No value is read for it: the role that
//! deploys may not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::Stage;
use super::command::put_secret;
use super::plan::{self, Stack, Wanted};
use super::templates::{self, resources};

/// What the stack of the data makes a secret of that its owner sets: `UNSET` in `infra/lib/secrets.ts`, which a test compares.
pub(crate) const UNSET: &str = "to-be-set";
/// How a function's setting names a secret.
const REFERENCE: &str = "secretsmanager:";
/// The label that Secrets Manager moves to the value that another one replaced.
const REPLACED: &str = "AWSPREVIOUS";

/// The secrets that an owner sets and that functions of the deployed services read, by the services that need them.
pub(crate) type Needed = BTreeMap<String, BTreeSet<String>>;

/// Reads the templates of an assembly.
pub(crate) fn needed(wanted: &Wanted, assembly: &Path) -> Result<Needed> {
    let owned = owned(wanted.stage, assembly)?;
    let mut needed = Needed::new();
    for stack in plan::stacks(wanted) {
        let (Stack::Migrate(service) | Stack::Service(service)) = stack else { continue };
        let template = templates::read(assembly, &stack.name(wanted.stage))?;
        for id in read_by(&template).filter(|id| owned.contains(*id)) {
            needed.entry(id.to_owned()).or_default().insert(service.to_owned());
        }
    }
    Ok(needed)
}

/// The secrets of this shop that have no value until their owner sets one.
pub(crate) fn owned(stage: Stage, assembly: &Path) -> Result<BTreeSet<String>> {
    let data = templates::read(assembly, &Stack::Data.name(stage))?;
    let secrets = resources(&data).into_values().filter(|resource| resource["Type"] == "AWS::SecretsManager::Secret");
    let unset = secrets.map(|secret| &secret["Properties"]).filter(|secret| secret["SecretString"] == UNSET);
    Ok(unset.filter_map(|secret| secret["Name"].as_str()).map(str::to_owned).collect())
}

fn read_by(template: &Value) -> impl Iterator<Item = &str> {
    let functions = resources(template).into_values();
    let settings = functions.filter_map(|function| function["Properties"]["Environment"]["Variables"].as_object());
    let values = settings.flat_map(|settings| settings.values()).filter_map(Value::as_str);
    values.filter_map(|value| value.strip_prefix(REFERENCE))
}

/// Whether a secret has another value than the one it was made with, by the labels of its versions.
pub(crate) fn is_set(stages: &Value) -> bool {
    let labels = stages.as_object().into_iter().flat_map(|versions| versions.values());
    labels.filter_map(Value::as_array).flatten().any(|label| label == REPLACED)
}

/// The message for an operator, with the command for each secret.
pub(crate) fn complaint(wanted: &Wanted, unset: &Needed) -> String {
    let mut text = String::from("these secrets were never set, each with the services that refuse to work without it:");
    for (id, services) in unset {
        let services = services.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let _ = write!(text, "\n  {id} ({services}): {}", put_secret(wanted, id, "file://<file with the value>"));
    }
    text.push_str("\ndocs/deploying.md, \"Secrets\", says where each value comes from");
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use tempfile::TempDir;

    use super::super::plan::tests::wanted;
    use super::*;

    fn secret(name: &str, value: &str) -> Value {
        json!({ "Type": "AWS::SecretsManager::Secret", "Properties": { "Name": name, value: UNSET } })
    }

    fn function(settings: &Value) -> Value {
        json!({ "Type": "AWS::Lambda::Function", "Properties": { "Environment": { "Variables": settings } } })
    }

    fn assembly(stacks: &[(&str, Value)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for stack in plan::stacks(&wanted()) {
            let name = stack.name(Stage::Dev);
            let found = stacks.iter().find(|(known, _)| name == format!("bodega-dev-{known}"));
            let resources = found.map_or(json!({}), |(_, resources)| resources.clone());
            let file = folder.path().join(format!("{name}.template.json"));
            fs::write(file, json!({ "Resources": resources }).to_string()).unwrap();
        }
        folder
    }

    #[test]
    fn a_secret_is_needed_where_its_owner_sets_it_and_a_function_of_a_deployed_service_reads_it() {
        let reads =
            |name: &str| function(&json!({ "OTHER": "x", "SECRET": format!("secretsmanager:bodega/dev/{name}") }));
        let data = json!({
            "A": secret("bodega/dev/STRIPE_SECRET_KEY", "SecretString"),
            "B": secret("bodega/dev/FINGERPRINT_KEY", "GenerateSecretString"),
            "C": secret("bodega/dev/MONGODB_URI", "SecretString"),
        });
        let users = json!({ "F": reads("STRIPE_SECRET_KEY"), "G": reads("FINGERPRINT_KEY") });
        let folder = assembly(&[
            ("data", data),
            ("user-service", users),
            ("product-service-migrate", json!({ "F": reads("MONGODB_URI") })),
            ("transaction-service", json!({ "F": reads("STRIPE_SECRET_KEY") })),
        ]);
        let services = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let all = needed(&wanted(), folder.path()).unwrap();
        assert_eq!(
            all,
            Needed::from([
                ("bodega/dev/MONGODB_URI".to_owned(), services(&["product-service"])),
                ("bodega/dev/STRIPE_SECRET_KEY".to_owned(), services(&["transaction-service", "user-service"])),
            ])
        );
        let one = needed(&Wanted { only: Some("product-service"), ..wanted() }, folder.path()).unwrap();
        assert_eq!(one.keys().collect::<Vec<_>>(), ["bodega/dev/MONGODB_URI"]);
    }

    #[test]
    fn a_secret_is_set_when_its_first_value_was_replaced() {
        assert!(!is_set(&json!({ "v1": ["AWSCURRENT"] })));
        assert!(!is_set(&json!({ "v1": ["AWSCURRENT"], "v2": ["AWSPENDING"] })));
        assert!(is_set(&json!({ "v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"] })));
        assert!(!is_set(&Value::Null));
    }

    #[test]
    fn what_an_unset_secret_is_called_is_the_same_in_the_stacks() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/lib/secrets.ts");
        let text = fs::read_to_string(file).unwrap();
        assert!(
            text.contains(&format!("export const UNSET = \"{UNSET}\";")),
            "infra/lib/secrets.ts says something else"
        );
    }
}
