//! Attributes: what a shop says of a product beyond the members that all products have, such as `Material: wool`.

use std::collections::BTreeMap;

use common::input::{Refusal, line};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::{
    Schema,
    schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type},
};

use super::{texts, words::Line};

/// Most attributes a product may have.
pub(super) const MAX_ATTRIBUTES: usize = 30;
const MAX_ITEMS: usize = 50;

/// An attribute's name.
pub(super) type AttributeName = Line<50>;
/// The attributes of a product, by name.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// The value of an attribute; its type is that of its JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Decimal(f64),
    /// One line, of at most 200 characters.
    Text(String),
    /// Up to 50 of such lines, each once.
    List(Vec<String>),
}

impl AttributeValue {
    /// Reads a value, or says what is wrong with it.
    pub fn read(value: Value) -> Result<Self, Refusal> {
        match value {
            Value::Bool(value) => Ok(Self::Bool(value)),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Ok(Self::Integer(number)),
                (None, Some(decimal)) if !number.is_u64() => Ok(Self::Decimal(decimal)),
                _ => Err(Refusal::new("out_of_range", "must be below 2^63")),
            },
            Value::String(text) => line(&text, 1..=200).map(Self::Text),
            Value::Array(items) => items_of(items).map(Self::List),
            Value::Null | Value::Object(_) => {
                Err(Refusal::new("wrong_type", "must be text, a number, true, false or a list of texts"))
            }
        }
    }

    /// The values as search terms: `true`, `12.5`, `wool`.
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::Bool(value) => vec![value.to_string()],
            Self::Integer(number) => vec![number.to_string()],
            Self::Decimal(number) => vec![number.to_string()],
            Self::Text(text) => vec![text.clone()],
            Self::List(items) => items.clone(),
        }
    }
}

pub(crate) fn schema() -> Schema {
    let description =
        "Attributes by name, such as `Material`: text, a number, true, false, or a list of texts; at most 30.";
    map_of(values_schema(), MAX_ATTRIBUTES).description(Some(description)).into()
}

/// The schema of attributes in a merge patch.
pub(super) fn patch_schema() -> Schema {
    let value = values_schema().item(ObjectBuilder::new().schema_type(Type::Null));
    map_of(value, MAX_ATTRIBUTES * 2).description(Some("Attributes to change; `null` removes one.")).into()
}

/// Written by hand: the derived `oneOf` would refuse whole numbers, because they match both number types; this is an `anyOf`.
fn values_schema() -> AnyOfBuilder {
    AnyOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Boolean))
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(texts::line(200))
        .item(ArrayBuilder::new().items(texts::line(200)).max_items(Some(MAX_ITEMS)).unique_items(true))
}

fn map_of(value: AnyOfBuilder, most: usize) -> ObjectBuilder {
    let map = ObjectBuilder::new().property_names(Some(texts::line(50))).max_properties(Some(most));
    map.additional_properties(Some(Schema::from(value)))
}

fn items_of(items: Vec<Value>) -> Result<Vec<String>, Refusal> {
    if items.len() > MAX_ITEMS {
        return Err(Refusal::new("too_many", format!("must have at most {MAX_ITEMS} items")));
    }
    let mut lines: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Value::String(text) = item else { return Err(Refusal::new("wrong_type", "must be a list of texts")) };
        let line = line(&text, 1..=200)?;
        if lines.contains(&line) {
            return Err(Refusal::new("not_distinct", "must have each item once"));
        }
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_text_a_number_a_bool_or_a_list_of_texts_and_stays_of_its_type() {
        for value in [json!("wool"), json!(12), json!(12.5), json!(true), json!(["a", "b"]), json!([])] {
            let read = AttributeValue::read(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
        for (refused, code) in [
            (json!(u64::MAX), "out_of_range"),
            (json!(null), "wrong_type"),
            (json!({"$gt": ""}), "wrong_type"),
            (json!([1]), "wrong_type"),
            (json!(["a", "a"]), "not_distinct"),
            (json!(""), "too_short"),
            (json!("x".repeat(201)), "too_long"),
            (json!(vec!["x"; 51]), "too_many"),
        ] {
            assert_eq!(AttributeValue::read(refused.clone()).unwrap_err().code, code, "{refused}");
        }
    }

    #[test]
    fn a_product_is_found_by_every_value_of_a_list() {
        let values = |value| AttributeValue::read(value).unwrap().values();
        assert_eq!(values(json!(["red", "blue"])), ["red", "blue"]);
        assert_eq!((values(json!(true)), values(json!(12.5))), (vec!["true".into()], vec!["12.5".into()]));
    }
}
