//! What a browser asks before a page of another origin may send its request.

use std::time::Duration;

use http::{HeaderName, Method};
use testkit::{Answer, Client};

use crate::sample::{self, KNOWN};

async fn preflight(client: &Client, path: &str) -> Answer {
    let asked = client
        .request(Method::OPTIONS, path)
        .header(HeaderName::from_static("origin"), "https://shop.example")
        .header(HeaderName::from_static("access-control-request-method"), "POST")
        .header(
            HeaderName::from_static("access-control-request-headers"),
            "authorization,content-type,idempotency-key",
        );
    asked.send().await
}

#[tokio::test]
async fn a_preflight_is_answered_with_nothing_on_every_path_known_or_not() {
    let client = sample::client();
    for path in ["/things", &format!("/things/{KNOWN}"), "/things/%FF", "/things/", "/nothing", "/panics/text", "/"] {
        let answer = preflight(&client, path).await.expect(204);
        assert!(answer.body.is_empty(), "{path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn an_options_request_that_asks_for_nothing_is_answered_as_a_preflight_is() {
    assert!(sample::client().request(Method::OPTIONS, "/things").send().await.expect(204).body.is_empty());
}

#[tokio::test]
async fn whose_pages_may_call_is_left_to_the_gateway() {
    let answer = preflight(&sample::client(), "/things").await;
    let cors: Vec<_> = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(cors.is_empty(), "{cors:?}");
}

#[tokio::test]
async fn a_preflight_waits_for_no_route() {
    preflight(&sample::hurried(Duration::ZERO), "/hangs").await.expect(204);
}
