//! notification-service through its router.

use notification_service::{App, openapi, router};
use testkit::{Client, contract};

#[tokio::test]
async fn every_route_answers_every_bad_request_with_our_problems() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::violations(&Client::new(router(App)), &document).await, Vec::<String>::new());
}

#[test]
fn every_operation_is_documented_with_examples() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::undocumented(&document), Vec::<String>::new());
}

#[tokio::test]
async fn it_is_live_and_ready() {
    let client = Client::new(router(App));
    for path in ["/health/notification-service/live", "/health/notification-service/ready"] {
        let answer = client.get(path).send().await.expect(200);
        assert_eq!(answer.json()["service"], "notification-service");
        assert_eq!(answer.json()["status"], "up");
    }
}

#[test]
fn the_committed_document_is_what_the_code_describes() {
    contract::assert_committed(&openapi(), "notification-service");
}

#[test]
fn every_operation_stands_in_the_architectures_table() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::unlisted(&document), Vec::<String>::new());
}
