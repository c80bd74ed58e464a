//! What only the gateway knows of a request, and what it puts in front of its path.

use lambda_double::{from_source, http_event, in_stage};
use serde_json::{Value, json};

use crate::function::{AWAKE, Sample};

const SECRETS: (&str, &str) = ("ORIGIN_SECRET", "hunter2-old, hunter2-new");
const VIEWER: (&str, &str) = ("CloudFront-Viewer-Address", "2001:db8::7:46532");

/// The source address that a handler sees of a request from 198.51.100.9 with these headers.
async fn source(sample: &Sample, headers: &[(&str, &str)]) -> Value {
    let answer = sample.send(from_source(http_event("GET", "/seen", headers, ""), "198.51.100.9")).await.json();
    let names = answer["headers"].to_string();
    assert!(!names.contains("x-origin-secret") && !names.contains("cloudfront-viewer-address"), "{names}");
    answer["source"].clone()
}

#[tokio::test]
async fn the_source_address_is_the_gateways_word_or_that_of_our_own_cdn() {
    let sample = Sample::start(&[SECRETS]).await;
    for secret in ["hunter2-old", "hunter2-new"] {
        assert_eq!(source(&sample, &[("X-Origin-Secret", secret), VIEWER]).await, "2001:db8::7");
    }
    let forged = [("x-origin-secret", "hunter2"), ("X-Forwarded-For", "192.0.2.1"), VIEWER];
    for headers in [&forged[..], &forged[1..], &[VIEWER], &[("x-origin-secret", "hunter2-old,hunter2-new"), VIEWER]] {
        assert_eq!(source(&sample, headers).await, "198.51.100.9", "{headers:?}");
    }
    let shown = sample.log_text() + &sample.err_text();
    assert!(!shown.contains("hunter2") && !shown.contains("198.51.100.9") && !shown.contains("db8"), "{shown}");
}

#[tokio::test]
async fn the_way_around_the_cdn_is_closed_by_a_setting_and_leads_to_no_route() {
    let sample = Sample::start(&[SECRETS, ("ORIGIN_REQUIRED", "true")]).await;
    let around = [&[][..], &[("x-origin-secret", "hunter2")]];
    for headers in around {
        let answer = sample.send(from_source(http_event("GET", "/seen", headers, ""), "198.51.100.9")).await;
        assert_eq!((answer.status, &answer.json()["type"]), (403, &json!("origin_required")), "{headers:?}");
    }
    // What asks whether the process answers comes to the routes: this service has none of that name.
    for (method, status) in [("GET", 404), ("POST", 403)] {
        let live = sample.send(http_event(method, "/health/sample-service/live", &[], "")).await;
        assert_eq!(live.status, status, "{method}");
    }
    assert_eq!(source(&sample, &[("x-origin-secret", "hunter2-old"), VIEWER]).await, "2001:db8::7");
    crate::until("each is logged", async || sample.log().len() >= 5).await;
    let told: Vec<_> = sample.log().iter().map(|line| (line["status"].clone(), line["route"].clone())).collect();
    assert_eq!(told[0], (json!(403), json!("GET /seen")), "{told:?}");
}

#[tokio::test]
async fn without_an_origin_secret_no_header_changes_the_source_address() {
    let sample = Sample::start(&[("ORIGIN_SECRET", "")]).await;
    for secret in ["", "hunter2"] {
        assert_eq!(source(&sample, &[("x-origin-secret", secret), VIEWER]).await, "198.51.100.9");
    }
}

#[tokio::test]
async fn an_origin_secret_that_cannot_be_fetched_costs_no_more_than_the_deadline() {
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let aws = format!("http://{}", silent.local_addr().unwrap());
    let settings = [
        ("ORIGIN_SECRET", "ssm:/shop/origin"),
        ("AWS_ENDPOINT_URL", &aws),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let sample = Sample::start(&settings).await;
    let started = std::time::Instant::now();
    // It may be the CDN, whose address is that of all shoppers of a location: none is better.
    assert_eq!(source(&sample, &[("x-origin-secret", "hunter2"), VIEWER]).await, Value::Null);
    assert!(started.elapsed() < crate::IN_TIME, "{:?}", started.elapsed());
    assert!(sample.log_text().contains("origin secret not available"), "{}", sample.log_text());
    // A request that did not come through the CDN does not wait for the secret.
    let started = std::time::Instant::now();
    assert_eq!(source(&sample, &[]).await, "198.51.100.9");
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stage_in_front_of_the_path_is_cut_off_by_a_setting_and_put_before_locations() {
    let sample = Sample::start(&[("BASE_PATH", "/prod")]).await;
    for event in [
        in_stage(http_event("GET", "/ping/1?x=1", &[("host", "api.shop.example")], ""), "prod"),
        // A base path that the CDN has put there, and an event that has none.
        http_event("GET", "/prod/ping/1", &[], ""),
        http_event("GET", "/ping/1", &[], ""),
    ] {
        assert_eq!(sample.send(event).await.status, 200);
    }
    assert!(sample.log().iter().all(|line| line["route"] == "GET /ping/{name}"), "{}", sample.log_text());
    let made = |event: Value| async { sample.send(event).await.header("location").map(str::to_owned) };
    assert_eq!(made(in_stage(http_event("POST", "/seen", &[], ""), "prod")).await.as_deref(), Some("/prod/seen/1"));
    assert_eq!(made(http_event("POST", "/seen", &[], "")).await.as_deref(), Some("/seen/1"));
    let unknown = sample.send(in_stage(http_event("GET", "/pin", &[], ""), "prod")).await;
    assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!("unknown_route")));
}

#[tokio::test]
async fn an_event_that_is_no_http_request_keeps_the_instance_awake_for_no_longer_than_its_answer() {
    let sample = Sample::start(&[]).await;
    for event in [json!({"Records": [{"body": "{}"}]}), json!({}), json!(null)] {
        let started = std::time::Instant::now();
        let error = sample.invoke(event.clone()).await.unwrap_err();
        assert!(error.to_string().contains("API Gateway"), "{error}");
        assert_eq!(sample.request("GET", "/ping/1", &Value::Null).await.status, 200);
        assert!(started.elapsed() < AWAKE, "{event}: {:?}", started.elapsed());
    }
}
