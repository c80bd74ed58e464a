//! Customers who are changed and deleted.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Fixture, Sending, id};

async fn delete(fixture: &Fixture, customer: &str) -> Answer {
    Sending::of(fixture.call(Method::DELETE, &format!("/v1/customers/{customer}"))).send().await
}

#[tokio::test]
async fn a_deleted_customer_is_hardly_more_than_an_id() {
    let fixture = Fixture::open().await;
    let form = [("email", "ada@example.com"), ("metadata[user]", "7")];
    let customer = fixture.done("customers", &form).await;
    let card = fixture.saved(&id(&customer), "pm_card_visa").await;
    let stub = json!({"id": customer["id"], "object": "customer", "deleted": true});
    assert_eq!(delete(&fixture, &id(&customer)).await.expect(200), stub);
    assert_eq!(fixture.read(&format!("customers/{}", id(&customer))).await, stub);
    assert_eq!(fixture.read("customers").await["data"], json!([]));
    let event = fixture.read("events?type=customer.deleted").await["data"][0].clone();
    assert_eq!(event["data"], json!({"object": customer}), "the event shows the customer as they were");
    assert_eq!(fixture.read(&format!("payment_methods/{card}")).await["customer"], Value::Null);
}

#[tokio::test]
async fn a_deleted_customer_can_neither_be_used_nor_changed_nor_deleted_again() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_visa").await;
    let paid = fixture.intent(&[("customer", &customer), ("payment_method", &card), ("confirm", "true")]).send().await;
    let paid = paid.expect(200);
    delete(&fixture, &customer).await.expect(200);
    let missing = json!("resource_missing");
    for path in ["payment_intents", "setup_intents"] {
        let form = [("amount", "2000"), ("currency", "usd"), ("customer", customer.as_str())];
        let form = if path == "setup_intents" { &form[2..] } else { &form[..] };
        assert_eq!(fixture.post(path, form).send().await.refusal(), (missing.clone(), json!("customer")));
    }
    let attach = fixture.post("payment_methods/pm_card_visa/attach", &[("customer", &customer)]).send().await;
    assert_eq!(attach.refusal().0, missing);
    let spent = fixture.intent(&[("payment_method", &card), ("confirm", "true")]).send().await;
    assert_eq!(spent.status, 400, "their card cannot be used again");
    assert_eq!(
        fixture.post(&format!("customers/{customer}"), &[("name", "Ada")]).send().await.error(404)["code"],
        missing
    );
    assert_eq!(fixture.get(&format!("customers/{customer}/payment_methods")).await.error(404)["code"], missing);
    assert_eq!(delete(&fixture, &customer).await.error(404)["code"], missing);
    let intent = fixture.read(&format!("payment_intents/{}?expand[]=customer", id(&paid))).await;
    assert_eq!(intent["customer"]["deleted"], true, "what was paid is still theirs");
    fixture.done("refunds", &[("payment_intent", &id(&paid))]).await;
}

#[tokio::test]
async fn an_event_of_a_change_shows_what_was_before() {
    let fixture = Fixture::open().await;
    let customer = fixture.done("customers", &[("name", "Ada"), ("metadata[a]", "1")]).await;
    let form = [("name", "Ada L."), ("metadata[a]", ""), ("metadata[b]", "2")];
    fixture.done(&format!("customers/{}", id(&customer)), &form).await;
    let event = fixture.read("events?type=customer.updated").await["data"][0].clone();
    let was = json!({"name": "Ada", "metadata": {"a": "1", "b": null}});
    assert_eq!(event["data"]["previous_attributes"], was);
    assert_eq!(fixture.read("events?type=customer.created").await["data"][0]["data"], json!({"object": customer}));
}
