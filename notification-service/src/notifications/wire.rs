//! The OpenAPI schema of a notification: one named schema for each template, so that generated clients have a type for each.

use common::contact::Channel;
use std::borrow::Cow;

use serde_json::json;
use strum::VariantArray;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, Discriminator, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

use super::domain::{Notification, Recipient};
use crate::{
    event::EventId,
    templates::{Template, sample},
};

impl PartialSchema for Notification {
    fn schema() -> RefOr<Schema> {
        let cases = Template::VARIANTS.iter().map(|&template| (template.as_str(), case_name(template)));
        let cases: Vec<_> = cases.collect();
        let reference = |name: &str| format!("#/components/schemas/{name}");
        let mapping = cases.iter().map(|(value, name)| (*value, reference(name)));
        let one_of = OneOfBuilder::new()
            .description(Some("A request to send a message to a recipient, once on each channel."))
            .discriminator(Some(Discriminator::with_mapping("template", mapping)));
        cases.iter().fold(one_of, |one_of, (_, name)| one_of.item(Ref::from_schema_name(name))).into()
    }
}

impl ToSchema for Notification {
    fn name() -> Cow<'static, str> {
        "Notification".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Recipient::schemas(schemas);
        for (name, schema) in [
            (Recipient::name(), Recipient::schema()),
            (Channel::name(), Channel::schema()),
            (EventId::name(), EventId::schema()),
        ] {
            schemas.push((name.into_owned(), schema));
        }
        for &template in Template::VARIANTS {
            let data = template.data_schema(schemas);
            schemas.push((case_name(template), case(template, data)));
        }
    }
}

/// `OrderConfirmationNotification`
fn case_name(template: Template) -> String {
    let words = template.as_str().split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + "Notification"
}

fn case(template: Template, data: Option<String>) -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([template.as_str()]));
    let channels = ArrayBuilder::new()
        .description(Some("The channels, each once; `email` when absent."))
        .schema_type(SchemaType::Array(vec![Type::Array, Type::Null]))
        .items(Ref::from_schema_name(Channel::name()))
        .min_items(Some(1))
        .max_items(Some(Channel::VARIANTS.len()))
        .unique_items(true)
        .default(Some(json!(["email"])));
    let case = ObjectBuilder::new()
        .property("event_id", Ref::from_schema_name(EventId::name()))
        .required("event_id")
        .property("template", name)
        .required("template")
        .property("recipient", Ref::from_schema_name(Recipient::name()))
        .required("recipient")
        .property("channels", channels);
    let case = match data {
        Some(data) => case.property("data", Ref::from_schema_name(data)).required("data"),
        None => case.property("data", ObjectBuilder::new().schema_type(Type::Object).max_properties(Some(0))),
    };
    case.description(Some(template.about())).examples([sample(template)]).into()
}
