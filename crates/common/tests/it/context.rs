use common::http::{REQUEST_ID, TRACEPARENT};
use uuid::Uuid;

use crate::sample;

#[tokio::test]
async fn a_well_formed_request_id_is_taken_over() {
    for id in ["JKJaXmPLvHcESHA=", "0b0f2c9e-6c1f-4a52-9d0a-1f0d3d0f6d11", "12345678", &"x".repeat(64)] {
        let answer = sample::client().get("/context").header(REQUEST_ID, id).send().await.expect(200);
        assert_eq!(answer.header("x-request-id"), id);
        assert_eq!(answer.json()["request_id"], id);
    }
}

#[tokio::test]
async fn a_request_id_that_is_missing_or_strange_is_replaced_by_a_new_one() {
    let strange = ["", "1234567", &"x".repeat(65), "jane@example.com", "two words", "{\"level\":\"ERROR\"}"];
    for id in strange {
        let request = sample::client().get("/context");
        let answer = if id.is_empty() { request } else { request.header(REQUEST_ID, id) }.send().await.expect(200);
        let given = answer.header("x-request-id");
        assert_ne!(given, id);
        assert!(given.parse::<Uuid>().is_ok(), "{given}");
        assert_eq!(answer.json()["request_id"], given);
    }
}

#[tokio::test]
async fn a_failure_carries_the_request_id_in_its_header_and_body() {
    let answer = sample::client().get("/breaks").header(REQUEST_ID, "gateway-id-1").send().await.expect(500);
    assert_eq!(answer.header("x-request-id"), "gateway-id-1");
    assert_eq!(answer.json()["request_id"], "gateway-id-1");
}

#[tokio::test]
async fn the_trace_context_is_kept_unchanged() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = sample::client().get("/context").header(TRACEPARENT, trace).send().await.expect(200);
    assert_eq!(answer.json()["traceparent"], trace);
    let answer = sample::client().get("/context").send().await.expect(200);
    assert_eq!(answer.json()["traceparent"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_request_id_or_trace_context_that_is_sent_twice_is_not_taken_over() {
    let (id, trace) = ("12345678", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let twice = |name: http::HeaderName, value: &str| {
        sample::client().get("/context").header(name.clone(), value).and_header(name, value)
    };
    let joined = |name, value: &str| sample::client().get("/context").header(name, &format!("{value},{value}"));
    for request in [twice(REQUEST_ID, id), joined(REQUEST_ID, id)] {
        assert!(request.send().await.expect(200).header("x-request-id").parse::<Uuid>().is_ok());
    }
    for request in [twice(TRACEPARENT, trace), joined(TRACEPARENT, trace)] {
        assert_eq!(request.send().await.expect(200).json()["traceparent"], serde_json::Value::Null);
    }
}
