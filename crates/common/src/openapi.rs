//! The documentation that all operations have in common, added once instead of at every handler.

use std::collections::BTreeSet;

use utoipa::openapi::{
    Components, Content, ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
    Server,
    path::{Operation, Parameter, ParameterIn, PathItem},
    request_body::RequestBody,
    schema::{AdditionalProperties, ArrayItems, Schema, SchemaType, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::problem::{FieldError, ProblemBody};

/// The name of the security scheme: a bearer token of user-service.
pub const TOKEN: &str = "token";

/// The document that a service's routes are added to: it has the schema of problems, which all routes can answer.
pub fn start() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(components(schemas(ProblemBody, FieldError)))]
    struct Problems;
    <Problems as utoipa::OpenApi>::openapi()
}

/// Completes the document that a service's routes produced: title, security scheme, and for every operation the
/// problems that any such operation can answer. An operation's own descriptions take precedence.
pub fn complete(document: OpenApi, title: &str, description: &str) -> OpenApi {
    let mut info = Info::new(title, env!("CARGO_PKG_VERSION"));
    info.description = Some(description.into());
    let mut license = License::new("MIT");
    license.identifier = Some("MIT".into());
    info.license = Some(license);
    let mut document = OpenApiBuilder::from(document).info(info).servers(Some([Server::new("/")])).build();
    let mut needs_token = false;
    for path in document.paths.paths.values_mut() {
        for operation in operations(path) {
            add_problems(operation);
            describe(operation);
            refuse_empty_parameters(operation);
            // An empty list documents that the operation is public on purpose.
            needs_token |= !operation.security.get_or_insert_default().is_empty();
        }
    }
    if needs_token {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Access token of user-service. Each operation names the scope that it needs."))
            .build();
        document.components.get_or_insert_default().add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    }
    refer_to_items(&mut document);
    close_requests(&mut document);
    document
}

/// Marks the schemas of requests as closed: [`crate::input`] refuses unknown fields.
fn close_requests(document: &mut OpenApi) {
    let Some(Components { schemas, .. }) = &mut document.components else { return };
    let bodies = document.paths.paths.values_mut().flat_map(operations).filter_map(|operation| {
        let Some(RefOr::T(body)) = &operation.request_body else { return None };
        let RefOr::T(content) = body.content.get("application/json")? else { return None };
        content.schema.clone()
    });
    let mut sent: Vec<RefOr<Schema>> = bodies.collect();
    let mut closed = BTreeSet::new();
    while let Some(schema) = sent.pop() {
        let RefOr::Ref(to) = schema else {
            sent.extend(below(&schema));
            continue;
        };
        let Some(name) = to.ref_location.strip_prefix("#/components/schemas/") else { continue };
        if !closed.insert(name.to_owned()) {
            continue;
        }
        if let Some(schema) = schemas.get_mut(name) {
            sent.extend(below(schema));
            if let RefOr::T(Schema::Object(object)) = schema
                && !object.properties.is_empty()
            {
                object.additional_properties.get_or_insert_with(|| Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// The schemas that a schema refers to.
fn below(schema: &RefOr<Schema>) -> Vec<RefOr<Schema>> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.values().cloned().collect(),
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(items) => vec![(**items).clone()],
            ArrayItems::False => Vec::new(),
        },
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.clone(),
        RefOr::T(Schema::AllOf(all_of)) => all_of.items.clone(),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.items.clone(),
        _ => Vec::new(),
    }
}

/// Makes a page's items refer to their schema. utoipa copies it into each `Page_X`, so that `X` can be unused, and
/// generated clients have two types for one thing.
fn refer_to_items(document: &mut OpenApi) {
    let Some(Components { schemas, .. }) = &mut document.components else { return };
    let names: Vec<String> = schemas.keys().cloned().collect();
    for name in names {
        if let Some(RefOr::T(Schema::Object(page))) = schemas.get_mut(&format!("Page_{name}"))
            && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
        {
            items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(name).into()));
        }
    }
}

/// Documents that query parameters must not be empty, which [`crate::extract::Query`] refuses. Those with a format or
/// pattern, such as ids, are left as they are.
fn refuse_empty_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter {
            parameter_in: ParameterIn::Query,
            schema: Some(RefOr::T(Schema::Object(text))),
            ..
        }) = parameter
            && is_text(&text.schema_type)
            && text.pattern.is_none()
            && text.enum_values.is_none()
            && text.format.is_none()
        {
            text.min_length.get_or_insert(1);
            text.pattern = Some(r"\S".to_owned());
        }
    }
}

fn is_text(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(one) => *one == Type::String,
        SchemaType::Array(several) => several.contains(&Type::String),
        SchemaType::AnyValue => false,
    }
}

/// Describes responses that have no description of their own by their status.
fn describe(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            response.description = match status.as_str() {
                "201" => "Created; `Location` has its path.",
                "202" => "Accepted; processing continues after the answer.",
                "204" => "Done; the answer has no body.",
                "503" => "A dependency does not answer; `Retry-After` says when to try again.",
                _ => "Done.",
            }
            .into();
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn add_problems(operation: &mut Operation) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |place: ParameterIn| {
        parameters.iter().any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == place))
    };
    let (path, query, body) = (has(ParameterIn::Path), has(ParameterIn::Query), operation.request_body.is_some());
    let mut problems = vec![
        ("500", "Internal error; it is logged with the request id."),
        ("503", "A part of the shop does not answer; `Retry-After` says when to try again."),
    ];
    // A repeated `Authorization` header is 400.
    if path || query || body || operation.security.is_some() {
        problems.push(("400", "The request cannot be read."));
    }
    if body {
        problems.push(("413", "The body is too large."));
        problems.push(("415", "The media type of the body is not supported."));
    }
    if operation.request_body.as_ref().is_some_and(takes_json) {
        problems.push(("422", "Fields of the body are refused; `errors` lists all of them."));
    }
    if path {
        problems.push(("404", "The resource does not exist, or is not the caller's."));
    }
    if operation.security.is_some() {
        problems.push(("401", "The access token is missing or invalid."));
        problems.push(("403", "The access token lacks the scope."));
    }
    for (status, description) in problems {
        let problem = || RefOr::T(problem(description));
        operation.responses.responses.entry(status.into()).or_insert_with(problem);
    }
    let throttled = ResponseBuilder::new()
        .description("Too many requests. The gateway answers this itself, with the body `{\"message\": ...}`.")
        .build();
    operation.responses.responses.entry("429".into()).or_insert(RefOr::T(throttled));
}

fn takes_json(body: &RefOr<RequestBody>) -> bool {
    matches!(body, RefOr::T(body) if body.content.contains_key("application/json"))
}

fn problem(description: &str) -> Response {
    ResponseBuilder::new().description(description).content("application/problem+json", problem_content()).build()
}

fn problem_content() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build()
}
