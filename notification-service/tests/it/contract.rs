use notification_service::openapi;
use testkit::contract;

use crate::Fixture;

#[tokio::test]
async fn every_route_answers_every_bad_request_with_our_problems() {
    let fixture = Fixture::open().await;
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::violations(&fixture.client, &document).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bad_request_reaches_neither_the_table_nor_ses() {
    let fixture = Fixture::open().await;
    let before = fixture.network.seen().len();
    let mut document = serde_json::to_value(openapi()).unwrap();
    document["paths"].as_object_mut().unwrap().retain(|path, _| path == "/notifications");
    contract::violations(&fixture.client, &document).await;
    assert_eq!(fixture.network.seen().len(), before, "{:?}", fixture.network.seen());
}

#[test]
fn every_operation_is_documented_with_examples() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::undocumented(&document), Vec::<String>::new());
}

#[tokio::test]
async fn the_example_in_the_documentation_is_taken() {
    let fixture = Fixture::open().await;
    let document = serde_json::to_value(openapi()).unwrap();
    let media = &document["paths"]["/notifications"]["post"]["requestBody"]["content"]["application/json"];
    fixture.send(&contract::example(&document, media)).await.expect(200);
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
