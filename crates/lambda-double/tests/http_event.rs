//! API Gateway's wrapping of requests and answers.

use lambda_double::{HttpAnswer, from_source, http_event, in_stage};
use serde_json::json;

#[test]
fn a_request_becomes_a_payload_v2_event() {
    let headers = [("Accept", "a"), ("accept", "b"), ("Cookie", "x=1; y=2")];
    let event = http_event("POST", "/products?tag=a%20b&tag=c", &headers, r#"{"title":"Mug"}"#);
    assert_eq!((&event["version"], &event["routeKey"]), (&json!("2.0"), &json!("$default")));
    assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/products"), &json!("tag=a%20b&tag=c")));
    assert_eq!(event["queryStringParameters"], json!({ "tag": "a b,c" }));
    assert_eq!(event["headers"], json!({ "accept": "a,b" }));
    assert_eq!(event["cookies"], json!(["x=1", "y=2"]));
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(r#"{"title":"Mug"}"#), &json!(false)));
}

#[test]
fn what_a_request_does_not_have_is_left_out() {
    let event = http_event("GET", "/products", &[], "");
    for absent in ["queryStringParameters", "cookies", "body"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_body_that_is_not_text_travels_as_base64() {
    let event = http_event("PUT", "/uploads", &[], [0xff_u8, 0x00]);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
}

#[test]
fn an_answer_is_unwrapped() {
    let answer = HttpAnswer::from(json!({
        "statusCode": 201, "headers": { "Content-Type": "application/json" }, "cookies": ["a=b"],
        "body": "eyJuIjoxfQ==", "isBase64Encoded": true,
    }));
    assert_eq!((answer.status, answer.json()), (201, json!({ "n": 1 })));
    assert_eq!((answer.header("content-type"), answer.header("Set-Cookie")), (Some("application/json"), Some("a=b")));
}

#[test]
fn an_event_names_its_source_address_and_its_stage() {
    let event = in_stage(from_source(http_event("GET", "/products?q=a", &[], ""), "203.0.113.7"), "prod");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "203.0.113.7");
    assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/prod/products"), &json!("q=a")));
    let context = &event["requestContext"];
    assert_eq!((&context["stage"], &context["http"]["path"]), (&json!("prod"), &json!("/prod/products")));
}
