use testkit::contract;
use transaction_service::openapi;

use crate::Shop;

fn document() -> serde_json::Value {
    serde_json::to_value(openapi()).unwrap()
}

#[tokio::test]
async fn every_route_answers_every_bad_request_with_our_problems() {
    let shop = Shop::open().await;
    assert_eq!(contract::violations(&shop.client, &document()).await, Vec::<String>::new());
}

#[test]
fn every_operation_is_documented_with_examples() {
    assert_eq!(contract::undocumented(&document()), Vec::<String>::new());
}

#[test]
fn the_committed_document_is_what_the_code_describes() {
    contract::assert_committed(&openapi(), "transaction-service");
}

#[test]
fn every_operation_stands_in_the_architectures_table() {
    assert_eq!(contract::unlisted(&document()), Vec::<String>::new());
}

#[tokio::test]
async fn it_is_live_without_and_ready_only_with_its_database() {
    let shop = Shop::open().await;
    let ready = shop.client.get("/health/transaction-service/ready").send().await.expect(200);
    assert_eq!((&ready.json()["service"], &ready.json()["status"]), (&"transaction-service".into(), &"up".into()));
    shop.network.cut();
    shop.client.get("/health/transaction-service/live").send().await.expect(200);
    shop.client.get("/health/transaction-service/ready").send().await.expect(503);
}
