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

/// Typed clients can send and read only what is described.
#[test]
fn every_conditional_request_and_every_tag_is_described() {
    let document = serde_json::to_value(openapi()).unwrap();
    let (mut conditional, mut without) = (0, Vec::new());
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let takes = |name: &str| {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                parameters.clone().any(|parameter| parameter["name"] == name && parameter["in"] == "header")
            };
            let answers = |status: &str| &operation["responses"][status];
            let is_conditional = [("412", "If-Match"), ("304", "If-None-Match")];
            for (_, header) in is_conditional.iter().filter(|(status, _)| answers(status).is_object()) {
                conditional += 1;
                // An adjustment is no version of the stock that it changes.
                let shows = [answers("200"), answers("201")].into_iter().filter(|answer| {
                    let body = &answer["content"]["application/json"]["schema"]["$ref"];
                    answer.is_object() && body != "#/components/schemas/Adjustment"
                });
                let has_tags = shows.into_iter().all(|answer| answer["headers"]["ETag"].is_object());
                if !takes(header) || !has_tags {
                    without.push(format!("{method} {path}"));
                }
            }
        }
    }
    assert_eq!((without, conditional), (Vec::<String>::new(), 14));
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
