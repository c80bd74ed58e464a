//! The schemas of templates' data, for the description of the API and each by itself.

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::data::{
    DeliveredData, DirectData, EmailChangedData, GuestLinkData, InvoiceData, LinkData, MomentData, OrderData,
    PaymentActionData, RefundedData, ReturnData, ShippedData, SignInData, StockData, Template, WithdrawalData,
};

/// The prefix of references in the description of the API, and in a schema by itself.
const COMPONENTS: &str = "#/components/schemas/";
const DEFINITIONS: &str = "#/$defs/";

/// Schemas by their names.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

impl Template {
    /// The name of the schema of its `data`, which is added to `schemas` with all that it refers to; `None` where it has
    /// no data.
    pub(crate) fn data_schema(self, schemas: &mut Schemas) -> Option<String> {
        let name = match self {
            Self::OrderConfirmation | Self::PaymentFailed | Self::OrderCancelled => add::<OrderData>(schemas),
            Self::AccountCreated | Self::AccountExists => return None,
            Self::LowStock => add::<StockData>(schemas),
            Self::PaymentActionRequired => add::<PaymentActionData>(schemas),
            Self::OrderShipped => add::<ShippedData>(schemas),
            Self::OrderDelivered => add::<DeliveredData>(schemas),
            Self::OrderRefunded => add::<RefundedData>(schemas),
            Self::ReturnReceived => add::<ReturnData>(schemas),
            Self::WithdrawalReceived => add::<WithdrawalData>(schemas),
            Self::VerifyEmail | Self::PasswordReset | Self::StaffInvited => add::<LinkData>(schemas),
            Self::PasswordChanged => add::<MomentData>(schemas),
            Self::NewSignIn => add::<SignInData>(schemas),
            Self::EmailChanged => add::<EmailChangedData>(schemas),
            Self::GuestOrderLink => add::<GuestLinkData>(schemas),
            Self::Invoice => add::<InvoiceData>(schemas),
            Self::Direct => add::<DirectData>(schemas),
        };
        Some(name)
    }
}

fn add<T: ToSchema>(schemas: &mut Schemas) -> String {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    T::name().into_owned()
}

/// The schema of a template's data by itself (JSON Schema 2020-12), with the schemas that it refers to, as the description of the
/// API has them.
pub(crate) fn of_data(template: Template, api: &Value) -> Value {
    let all = &api["components"]["schemas"];
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": template.as_str(),
        "description": template.about()
    });
    let Some(root) = template.data_schema(&mut Schemas::new()) else {
        schema["type"] = json!("object");
        schema["additionalProperties"] = json!(false);
        return schema;
    };
    let (mut definitions, mut wanted) = (Map::new(), vec![root.clone()]);
    while let Some(name) = wanted.pop() {
        if !definitions.contains_key(&name) {
            wanted.extend(referred(&all[&name]));
            definitions.insert(name.clone(), moved(all[&name].clone()));
        }
    }
    schema["$ref"] = json!(format!("{DEFINITIONS}{root}"));
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// The names of the schemas to which a schema refers.
fn referred(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(COMPONENTS));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(referred)).collect()
        }
        Value::Array(items) => items.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}

/// The schema, with references to its own definitions.
fn moved(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let member =
                |(name, value): (String, Value)| match value.as_str().and_then(|to| to.strip_prefix(COMPONENTS)) {
                    Some(to) if name == "$ref" => (name, json!(format!("{DEFINITIONS}{to}"))),
                    _ => (name, moved(value)),
                };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(moved).collect()),
        other => other,
    }
}
