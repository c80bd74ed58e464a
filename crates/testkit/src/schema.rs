//! Checks JSON against an OpenAPI schema, with the keywords that our own descriptions use: for requests between services.

use serde_json::{Map, Value};

/// The differences between a request's body and its description; empty where it fits. `path` and `method` name the operation, such
/// as `/notifications` and `post`.
pub fn request_breaches(document: &Value, path: &str, method: &str, body: &Value) -> Vec<String> {
    let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
    assert!(!schema.is_null(), "no body of {method} {path} is described");
    breaches(document, schema, body, "")
}

fn breaches(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let found = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document"));
        return breaches(document, found, value, at);
    }
    if let Some(cases) = schema["oneOf"].as_array() {
        return one_of(document, schema, cases, value, at);
    }
    let mut wrong = Vec::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        wrong.extend(breaches(document, part, value, at));
    }
    if !has_type(&schema["type"], value) {
        wrong.push(format!("{at}: is no {}", schema["type"]));
        return wrong;
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        wrong.push(format!("{at}: is none of {}", schema["enum"]));
    }
    match value {
        Value::Object(members) => wrong.extend(object(document, schema, members, at)),
        Value::Array(items) => {
            let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
            let count = items.len() as u64;
            if least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most) {
                wrong.push(format!("{at}: has {count} items"));
            }
            for (index, item) in items.iter().enumerate() {
                wrong.extend(breaches(document, &schema["items"], item, &format!("{at}/{index}")));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    wrong
}

/// With a discriminator, the breaches of the case that it names; else a breach unless exactly one case fits.
fn one_of(document: &Value, schema: &Value, cases: &[Value], value: &Value, at: &str) -> Vec<String> {
    let discriminator = &schema["discriminator"];
    if let Some(member) = discriminator["propertyName"].as_str() {
        let case = value[member].as_str().and_then(|name| discriminator["mapping"][name].as_str());
        return match case {
            Some(reference) => breaches(document, &serde_json::json!({ "$ref": reference }), value, at),
            None => vec![format!("{at}/{member}: {} is no case", value[member])],
        };
    }
    let fitting = cases.iter().filter(|case| breaches(document, case, value, at).is_empty()).count();
    if fitting == 1 { Vec::new() } else { vec![format!("{at}: fits {fitting} of {} cases", cases.len())] }
}

/// Our services refuse unknown members, so a member that is not described is wrong.
fn object(document: &Value, schema: &Value, members: &Map<String, Value>, at: &str) -> Vec<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| !members.contains_key(*name)).map(|name| format!("{at}/{name}: is missing"));
    let mut wrong: Vec<String> = missing.collect();
    for (name, value) in members {
        let at = format!("{at}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, other @ Value::Object(_)) => wrong.extend(breaches(document, other, value, &at)),
            (Value::Null, _) if schema["properties"].is_object() => wrong.push(format!("{at}: is not described")),
            (Value::Null, _) => {}
            (described, _) => wrong.extend(breaches(document, described, value, &at)),
        }
    }
    wrong
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": {
                "oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}],
                "discriminator": {"propertyName": "kind", "mapping": {
                    "a": "#/components/schemas/A", "b": "#/components/schemas/B"
                }}
            }}}}}}},
            "components": {"schemas": {
                "A": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string", "enum": ["a"]}}},
                "B": {"type": "object", "required": ["kind", "of"], "properties": {
                    "kind": {"type": "string"},
                    "of": {"type": ["array", "null"], "minItems": 1, "items": {"type": "integer"}},
                    "words": {"type": "object", "additionalProperties": {"type": "string"}}
                }}
            }}
        })
    }

    #[test]
    fn what_fits_has_no_breaches_and_what_does_not_names_each() {
        let found = |body: Value| request_breaches(&document(), "/x", "post", &body);
        for body in [
            json!({"kind": "a"}),
            json!({"kind": "b", "of": [1], "words": {"x": "y"}}),
            json!({"kind": "b", "of": null}),
        ] {
            assert_eq!(found(body.clone()), Vec::<String>::new(), "{body}");
        }
        for (body, breach) in [
            (json!({"kind": "c"}), "/kind: \"c\" is no case"),
            (json!({"kind": "a", "of": [1]}), "/of: is not described"),
            (json!({"kind": "b"}), "/of: is missing"),
            (json!({"kind": "b", "of": []}), "/of: has 0 items"),
            (json!({"kind": "b", "of": ["1"]}), "/of/0: is no \"integer\""),
            (json!({"kind": "b", "of": [1], "words": {"x": 1}}), "/words/x: is no \"string\""),
        ] {
            assert_eq!(found(body), [breach]);
        }
    }
}
