use product_service::openapi;
use testkit::contract;

use crate::Shop;

#[tokio::test]
async fn every_route_answers_every_bad_request_with_our_problems() {
    let shop = Shop::open().await;
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::violations(&shop.client, &document).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bad_request_never_reaches_the_database() {
    let shop = Shop::open().await;
    shop.network.take_commands();
    let document = serde_json::to_value(openapi()).unwrap();
    contract::violations(&shop.client, &document).await;
    let writes = shop.network.take_commands().into_iter().filter(|command| command != "find").collect::<Vec<_>>();
    assert_eq!(writes, Vec::<String>::new());
}

#[test]
fn every_operation_is_documented_with_examples() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::undocumented(&document), Vec::<String>::new());
}

#[test]
fn the_committed_document_is_what_the_code_describes() {
    contract::assert_committed(&openapi(), "product-service");
}

#[test]
fn every_operation_stands_in_the_architectures_table() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(contract::unlisted(&document), Vec::<String>::new());
}
