use common::auth::{FETCH_FLOOR, Keys, Verifier};
use notification_service::{App, router};
use serde_json::json;
use testkit::{Answer, Client, tokens};

use crate::{Fixture, PATIENT, app, network::Fault};

fn dependencies(answer: &Answer) -> serde_json::Value {
    answer.json()["dependencies"].clone()
}

#[tokio::test]
async fn it_is_live_whatever_else_is() {
    let lonely = Client::new(router(app("http://127.0.0.1:9", "none", "ses", PATIENT)));
    let answer = lonely.get("/health/notification-service/live").send().await.expect(200);
    assert_eq!(answer.json()["service"], "notification-service");
    assert_eq!(answer.json()["status"], "up");
}

#[tokio::test]
async fn ready_names_each_dependency_that_is_down() {
    let fixture = Fixture::open().await;
    let path = "/health/notification-service/ready";
    let ready = fixture.client.get(path).send().await.expect(200);
    assert_eq!(
        dependencies(&ready),
        json!([{"name": "dynamodb", "status": "up"}, {"name": "issuer_keys", "status": "up"}])
    );

    fixture.network.plan("DescribeTable", usize::MAX, Fault::Answer(500, json!({})));
    let down = fixture.client.get(path).send().await.expect(503);
    assert_eq!(
        dependencies(&down),
        json!([{"name": "dynamodb", "status": "down"}, {"name": "issuer_keys", "status": "up"}])
    );
    fixture.network.heal();

    let keys = Keys::fetched("http://127.0.0.1:9/jwks.json", FETCH_FLOOR);
    let verifier = Verifier::new(tokens::ISSUER, tokens::AUDIENCE, keys);
    let lonely = Client::new(router(App { verifier, ..fixture.app.clone() }));
    let down = lonely.get(path).send().await.expect(503);
    assert_eq!(
        dependencies(&down),
        json!([{"name": "dynamodb", "status": "up"}, {"name": "issuer_keys", "status": "down"}])
    );
}

#[tokio::test]
async fn without_its_table_it_is_not_ready() {
    let endpoint = testkit::stores::aws_endpoint();
    let client = Client::new(router(app(&endpoint, "never-migrated", "ses", PATIENT)));
    let down = client.get("/health/notification-service/ready").send().await.expect(503);
    assert_eq!(dependencies(&down)[0], json!({"name": "dynamodb", "status": "down"}));
}
