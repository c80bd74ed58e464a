use serde_json::{Value, json};
use testkit::{cursors, tokens};
use uuid::Uuid;

use crate::{
    event,
    network::Fault,
    webhooks::{WebhookFixture, staff},
};

#[tokio::test]
async fn staff_suppress_an_address_find_it_and_lift_it_again() {
    let webhooks = WebhookFixture::open().await;
    let body = event("account_created");
    let mut new = json!({"email": body["recipient"]["email"]});
    new["note"] = json!("asked for by telephone");
    let made = webhooks.client.post("/admin/suppressions").token(&staff()).json(&new).send().await.expect(201);
    let suppression = made.json();
    assert_eq!(suppression["causes"][0]["reason"], "staff");
    assert_eq!((&suppression["scope"], &suppression["note"]), (&json!("everything"), &new["note"]));
    assert!(!made.text().contains('@'), "no address is shown: {}", made.text());
    assert_eq!(webhooks.fixture.status(&body).await, "suppressed");

    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/admin/suppressions/{}", suppression["id"].as_str().unwrap()));
    webhooks.client.delete(&path).token(&staff()).send().await.expect(204);
    webhooks.client.delete(&path).token(&staff()).send().await.expect(404);
    assert!(webhooks.suppressed(&body["recipient"]).await.is_empty());
    let mut next = event("account_created");
    next["recipient"] = body["recipient"].clone();
    assert_eq!(webhooks.fixture.status(&next).await, "sent");
    assert_eq!(webhooks.fixture.status(&body).await, "suppressed", "what ended stays ended");
}

/// A transaction of which one write failed for this reason.
fn cancelled(code: &str) -> Fault {
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let reasons = json!([{"Code": "None"}, {"Code": code}]);
    Fault::Answer(400, json!({"__type": kind, "CancellationReasons": reasons, "Message": "cancelled"}))
}

#[tokio::test]
async fn a_suppression_that_others_get_in_the_way_of_is_made_again_twice_and_then_a_503() {
    let webhooks = WebhookFixture::open().await;
    let suppress = async || {
        let new = json!({"email": event("account_created")["recipient"]["email"]});
        webhooks.client.post("/admin/suppressions").token(&staff()).json(&new).send().await
    };
    webhooks.fixture.network.plan("TransactWriteItems", 2, cancelled("TransactionConflict"));
    suppress().await.expect(201);
    webhooks.fixture.network.plan("TransactWriteItems", 3, cancelled("TransactionConflict"));
    assert_eq!(suppress().await.expect(503).problem(), "unavailable");
    for busy in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
        webhooks.fixture.network.plan("TransactWriteItems", 1, cancelled(busy));
        assert_eq!(suppress().await.expect(503).problem(), "unavailable", "{busy}");
    }
    webhooks.fixture.network.plan("TransactWriteItems", 1, cancelled("ItemCollectionSizeLimitExceeded"));
    assert_eq!(suppress().await.expect(500).problem(), "internal");
}

#[tokio::test]
async fn the_list_has_every_suppression_once_the_newest_first() {
    let webhooks = WebhookFixture::open().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let body = json!({"email": event("account_created")["recipient"]["email"]});
        let answer = webhooks.client.post("/admin/suppressions").token(&staff()).json(&body).send().await.expect(201);
        made.insert(0, answer.json()["id"].clone());
    }
    let mut listed: Vec<Value> = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page =
            webhooks.client.get(&format!("/admin/suppressions{query}")).token(&staff()).send().await.expect(200).json();
        listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_cursor_of_an_attacker_is_refused_and_no_failure() {
    let webhooks = WebhookFixture::open().await;
    for _ in 0..3 {
        let body = event("account_created");
        webhooks.fixture.status(&body).await;
        webhooks
            .client
            .post("/admin/suppressions")
            .token(&staff())
            .json(&json!({"email": body["recipient"]["email"]}))
            .send()
            .await
            .expect(201);
    }
    for path in ["/admin/suppressions", "/admin/notifications"] {
        let list = |query: &str| webhooks.client.get(&format!("{path}?limit=2{query}")).token(&staff());
        let page = list("").send().await.expect(200).json();
        let real = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{path}: {page}")).to_owned();
        cursors::assert_safe(&real, |cursor| list(&format!("&cursor={cursor}"))).await;
    }
}

#[tokio::test]
async fn an_address_is_one_mailbox_or_one_number() {
    let webhooks = WebhookFixture::open().await;
    for (body, errors) in [
        (json!({}), vec!["/email missing"]),
        (json!({"email": "ada@example.com", "phone": "+442079460000"}), vec!["/phone not_allowed"]),
        (json!({"email": "ada"}), vec!["/email invalid_email"]),
    ] {
        for path in ["/admin/suppressions", "/admin/suppressions/find"] {
            let answer = webhooks.client.post(path).token(&staff()).json(&body).send().await.expect(422);
            assert_eq!(answer.refused_fields(), errors, "{path}");
        }
    }
    let shopper = tokens::user(Uuid::now_v7(), "notifications:send orders:manage");
    webhooks.client.get("/admin/suppressions").token(&shopper).send().await.expect(403);
}
