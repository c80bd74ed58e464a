//! Objects in the place of their ids.

use serde_json::json;

use crate::support::{Fixture, id};

#[tokio::test]
async fn ids_become_objects_where_that_is_asked_for() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_visa").await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method", &card),
        ("confirm", "true"),
        ("expand[]", "latest_charge.balance_transaction"),
        ("expand[]", "payment_method"),
        ("expand[]", "customer"),
    ];
    let paid = fixture.intent(&form).send().await.expect(200);
    assert_eq!(paid["customer"]["id"], json!(customer));
    assert_eq!(paid["payment_method"]["card"]["last4"], "4242");
    assert_eq!(paid["latest_charge"]["amount"], 2000);
    assert_eq!(paid["latest_charge"]["balance_transaction"]["net"], 2000 - 88);
    let plain = fixture.read(&format!("payment_intents/{}", id(&paid))).await;
    assert_eq!(plain["customer"], json!(customer), "an expansion changes the answer, not the object");
    let form =
        [("payment_intent", paid["id"].as_str().unwrap()), ("expand[]", "payment_intent"), ("expand[]", "charge")];
    let refund = fixture.done("refunds", &form).await;
    assert_eq!(refund["payment_intent"], plain);
    assert_eq!(refund["charge"]["refunded"], true);
}

#[tokio::test]
async fn the_items_of_a_list_are_expanded_below_data() {
    let fixture = Fixture::open().await;
    fixture.intent(&[("metadata[order]", "7")]).send().await.expect(200);
    fixture
        .intent(&[("metadata[order]", "7"), ("payment_method", "pm_card_visa"), ("confirm", "true")])
        .send()
        .await
        .expect(200);
    let search = "payment_intents/search?query=metadata['order']:'7'&expand[]=data.latest_charge";
    for path in ["payment_intents?expand[]=data.latest_charge", search] {
        let page = fixture.read(path).await;
        assert_eq!(page["data"][0]["latest_charge"]["status"], "succeeded", "{path}");
        assert!(page["data"][1]["latest_charge"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_expanded_is_refused_before_anything_is_done() {
    let fixture = Fixture::open().await;
    for path in
        ["status", "metadata", "data.latest_charge", "latest_charge.nothing", "latest_charge.payment_intent.a.b.c"]
    {
        let refusal = fixture.intent(&[("expand[]", path)]).send().await.refusal();
        assert_eq!(refusal.1, json!("expand"), "{path}");
    }
    assert!(fixture.double.all("payment_intent").is_empty());
}
