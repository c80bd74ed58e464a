use testkit::contract;
use user_service::openapi;

use crate::Home;

#[tokio::test]
async fn every_route_answers_every_bad_request_with_our_problems() {
    let home = Home::open().await;
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::violations(&home.client, &document).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bad_request_never_reaches_the_database() {
    let home = Home::open().await;
    home.network.take_commands();
    let document = serde_json::to_value(openapi()).unwrap();
    contract::violations(&home.client, &document).await;
    assert_eq!(home.network.take_commands(), Vec::<String>::new());
}

#[test]
fn every_operation_is_documented_with_examples() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::undocumented(&document), Vec::<String>::new());
}

#[test]
fn the_committed_document_is_what_the_code_describes() {
    contract::assert_committed(&openapi(), "user-service");
}

#[test]
fn every_operation_stands_in_the_architectures_table() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::unlisted(&document), Vec::<String>::new());
}
