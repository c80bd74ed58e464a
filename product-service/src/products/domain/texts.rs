//! OpenAPI schemas of the texts of a product that an attribute on a field cannot describe.

use serde_json::json;
use utoipa::openapi::{
    RefOr, Schema,
    schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type},
};

use super::limits::{MAX_OPTION_VALUES, MAX_OPTIONS, MAX_TAGS};

/// Not blank, and without control characters except white space around it.
const LINE: &str = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$";

pub(super) fn line(most: usize) -> Object {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(most)).pattern(Some(LINE)).build()
}

pub(super) fn tags() -> Array {
    ArrayBuilder::new()
        .items(line(50))
        .max_items(Some(MAX_TAGS))
        .description(Some("Tags, by which products are found together."))
        .build()
}

pub(super) fn nullable_tags() -> Array {
    let mut tags = tags();
    tags.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    tags.description = Some("All tags; `null` removes them.".into());
    tags
}

pub(super) fn option_values() -> Array {
    ArrayBuilder::new()
        .items(line(50))
        .min_items(Some(1))
        .max_items(Some(MAX_OPTION_VALUES))
        .unique_items(true)
        .description(Some("Values of the option, each once, in the order to show them."))
        .examples([json!(["S", "M", "L"])])
        .build()
}

pub(super) fn options() -> Object {
    ObjectBuilder::new()
        .property_names(Some(line(50)))
        .additional_properties(Some(RefOr::T(Schema::from(line(50)))))
        .max_properties(Some(MAX_OPTIONS))
        .description(Some("A value for each of the product's options, by name."))
        .examples([json!({"Size": "M"})])
        .build()
}
