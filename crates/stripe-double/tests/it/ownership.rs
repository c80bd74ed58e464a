//! Whom a payment method belongs to.

use serde_json::{Value, json};

use crate::support::{Fixture, id};

#[tokio::test]
async fn a_saved_card_pays_again_and_again_for_its_customer_only() {
    let fixture = Fixture::open().await;
    let (owner, stranger) = (fixture.customer().await, fixture.customer().await);
    let card = fixture.saved(&owner, "pm_card_visa").await;
    let pay = async |customer: Option<&str>| {
        let mut form = vec![("payment_method", card.as_str()), ("confirm", "true")];
        form.extend(customer.map(|customer| ("customer", customer)));
        fixture.intent(&form).send().await
    };
    for _ in 0..2 {
        assert_eq!(pay(Some(&owner)).await.expect(200)["status"], "succeeded");
    }
    assert_eq!(pay(Some(&stranger)).await.refusal().1, json!("payment_method"));
    assert_eq!(pay(None).await.refusal().0, json!("parameter_missing"));
    assert_eq!(fixture.double.charges().len(), 2);
    assert_eq!(fixture.double.all("payment_intent").len(), 2);
}

#[tokio::test]
async fn a_refused_card_leaves_the_payment_as_it_was_and_the_error_shows_it() {
    let fixture = Fixture::open().await;
    let card = fixture.saved(&fixture.customer().await, "pm_card_visa").await;
    let intent = fixture.intent(&[]).send().await.expect(200);
    let confirm = format!("payment_intents/{}/confirm", id(&intent));
    let error = fixture.post(&confirm, &[("payment_method", &card)]).send().await.error(400);
    assert_eq!(error["payment_intent"], intent);
    assert_eq!(fixture.read(&format!("payment_intents/{}", id(&intent))).await, intent);
}

#[tokio::test]
async fn a_card_that_was_used_without_a_customer_may_not_be_used_again() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.paid("pm_card_visa").await["payment_method"].as_str().unwrap().to_owned();
    assert_eq!(fixture.intent(&[("payment_method", &card), ("confirm", "true")]).send().await.status, 400);
    assert_eq!(
        fixture.post(&format!("payment_methods/{card}/attach"), &[("customer", &customer)]).send().await.status,
        400
    );
    assert_eq!(fixture.double.charges().len(), 1);
}

#[tokio::test]
async fn a_detached_card_is_gone_for_good() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_visa").await;
    let detached = fixture.done(&format!("payment_methods/{card}/detach"), &[]).await;
    assert_eq!(detached["customer"], Value::Null);
    assert_eq!(fixture.read(&format!("payment_methods?customer={customer}")).await["data"], json!([]));
    let again = fixture.post(&format!("payment_methods/{card}/detach"), &[]).send().await;
    assert_eq!(again.refusal().0, json!("payment_method_unexpected_state"));
    let form = [("customer", customer.as_str()), ("payment_method", &card), ("confirm", "true")];
    assert_eq!(fixture.intent(&form).send().await.status, 400);
    assert_eq!(
        fixture.post(&format!("payment_methods/{card}/attach"), &[("customer", &customer)]).send().await.status,
        400
    );
    assert_eq!(fixture.event_types().await, ["customer.created", "payment_method.attached", "payment_method.detached"]);
}

#[tokio::test]
async fn a_card_detached_between_order_and_payment_does_not_pay() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_visa").await;
    let form = [("customer", customer.as_str()), ("payment_method", &card)];
    let intent = id(&fixture.intent(&form).send().await.expect(200));
    fixture.done(&format!("payment_methods/{card}/detach"), &[]).await;
    assert_eq!(fixture.post(&format!("payment_intents/{intent}/confirm"), &[]).send().await.status, 400);
    assert!(fixture.double.charges().is_empty());
}

#[tokio::test]
async fn a_card_has_one_customer() {
    let fixture = Fixture::open().await;
    let (owner, stranger) = (fixture.customer().await, fixture.customer().await);
    let card = fixture.saved(&owner, "pm_card_visa").await;
    let attach = format!("payment_methods/{card}/attach");
    assert_eq!(fixture.post(&attach, &[("customer", &stranger)]).send().await.status, 400);
    assert_eq!(fixture.done(&attach, &[("customer", &owner)]).await["customer"], json!(owner));
    assert_eq!(fixture.event_types().await.iter().filter(|kind| *kind == "payment_method.attached").count(), 1);
}

#[tokio::test]
async fn a_card_paid_with_for_future_use_is_saved_with_the_customer() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method", "pm_card_visa"),
        ("setup_future_usage", "on_session"),
        ("confirm", "true"),
    ];
    let paid = fixture.intent(&form).send().await.expect(200);
    let saved = fixture.read(&format!("customers/{customer}/payment_methods")).await;
    assert_eq!(saved["data"][0]["id"], paid["payment_method"]);
}
