use common::openapi::complete;
use serde_json::{Value, json};

use crate::sample;

fn completed() -> Value {
    let document = serde_json::from_value(sample::document()).unwrap();
    serde_json::to_value(complete(document, "things", "Things and no others.")).unwrap()
}

#[test]
fn every_operation_is_documented_with_the_problems_it_can_answer() {
    let document = completed();
    let statuses = |path: &str, method: &str| {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        let mut statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
        statuses.sort_unstable();
        statuses.join(" ")
    };
    assert_eq!(statuses("/things", "get"), "400 429 500 503");
    assert_eq!(statuses("/things", "post"), "400 401 403 413 415 422 429 500 503");
    assert_eq!(statuses("/things/{thing_id}", "get"), "400 404 429 500 503");
    assert_eq!(statuses("/things/{thing_id}", "patch"), "400 401 403 404 413 415 422 429 500 503");
}

#[test]
fn the_document_says_how_callers_prove_who_they_are() {
    let scheme = completed()["components"]["securitySchemes"]["token"].clone();
    assert_eq!((scheme["type"].as_str(), scheme["scheme"].as_str()), (Some("http"), Some("bearer")));
}

#[test]
fn what_is_sent_to_us_has_no_other_fields_and_what_we_answer_may_get_more() {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let object = |fields: Value| json!({ "type": "object", "properties": fields });
    let mut document = sample::document();
    document["components"]["schemas"] = json!({
        "New": object(json!({ "parts": { "type": "array", "items": reference("Part") }, "free": { "type": "object" } })),
        "Part": object(json!({ "name": { "type": "string" } })),
        "Answer": object(json!({ "name": { "type": "string" } })),
    });
    let post = &mut document["paths"]["/things"]["post"];
    post["requestBody"] = json!({ "content": { "application/json": { "schema": reference("New") } } });
    let document = serde_json::from_value(document).unwrap();
    let schemas = serde_json::to_value(complete(document, "things", "")).unwrap()["components"]["schemas"].clone();
    for closed in ["New", "Part"] {
        assert_eq!(schemas[closed]["additionalProperties"], json!(false), "{closed}");
    }
    assert_eq!(schemas["Answer"].get("additionalProperties"), None);
    assert_eq!(schemas["New"]["properties"]["free"].get("additionalProperties"), None);
}
