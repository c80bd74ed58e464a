//! What each movement of money did to the balance.

use serde_json::{Value, json};

use crate::support::{Fixture, id};

/// One member of each object of a list.
fn each(list: &Value, member: &str) -> Vec<Value> {
    list["data"].as_array().unwrap().iter().map(|one| one[member].clone()).collect()
}

#[tokio::test]
async fn a_charge_has_a_fee_and_a_refund_does_not_return_it() {
    let fixture = Fixture::open().await;
    let paid =
        fixture.intent(&[("payment_method", "pm_card_visa"), ("confirm", "true"), ("description", "Mug")]).send();
    let paid = paid.await.expect(200);
    let charge = paid["latest_charge"].as_str().unwrap();
    fixture.done("refunds", &[("charge", charge), ("amount", "500")]).await;
    let all = fixture.read("balance_transactions").await;
    assert_eq!(
        (each(&all, "amount"), each(&all, "fee"), each(&all, "net")),
        (vec![json!(-500), json!(2000)], vec![json!(0), json!(88)], vec![json!(-500), json!(1912)],)
    );
    assert_eq!(each(&all, "type"), ["refund", "charge"]);
    assert_eq!(each(&all, "reporting_category"), ["refund", "charge"]);
    assert_eq!(each(&all, "description"), ["REFUND FOR CHARGE (Mug)", "Mug"]);
    let fee = json!({"amount": 88, "application": null, "currency": "usd", "description": "Stripe processing fees",
        "type": "stripe_fee"});
    assert_eq!(all["data"][1]["fee_details"], json!([fee]));
}

#[tokio::test]
async fn only_what_is_captured_moves_the_balance() {
    let fixture = Fixture::open().await;
    let form = [("payment_method", "pm_card_visa"), ("capture_method", "manual"), ("confirm", "true")];
    let intent = id(&fixture.intent(&form).send().await.expect(200));
    assert_eq!(fixture.read("balance_transactions").await["data"], json!([]));
    fixture.done(&format!("payment_intents/{intent}/capture"), &[("amount_to_capture", "1000")]).await;
    assert_eq!(each(&fixture.read("balance_transactions").await, "amount"), [1000]);
}

#[tokio::test]
async fn movements_are_listed_by_source_type_and_time_and_page_by_page() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_visa").await;
    let charge = paid["latest_charge"].as_str().unwrap();
    let refund = id(&fixture.done("refunds", &[("charge", charge), ("amount", "500")]).await);
    fixture.paid("pm_card_createDispute").await;
    let all = fixture.read("balance_transactions?limit=100").await;
    assert_eq!(each(&all, "type"), ["adjustment", "charge", "refund", "charge"]);
    let found = async |query: &str| each(&fixture.read(&format!("balance_transactions?{query}")).await, "source");
    assert_eq!(found(&format!("source={charge}")).await, [charge]);
    assert_eq!(found(&format!("source={refund}")).await, [refund.as_str()]);
    assert_eq!(found("type=refund").await, [refund.as_str()]);
    assert_eq!(found("currency=eur").await.len() + found("type=topup").await.len(), 0);
    assert_eq!(found("created[gt]=4000000000").await.len(), 0);
    let first = fixture.read("balance_transactions?limit=3").await;
    assert_eq!(first["has_more"], true);
    let last = first["data"][2]["id"].as_str().unwrap();
    assert_eq!(found(&format!("starting_after={last}")).await, [charge]);
    let unknown = fixture.get("balance_transactions?sourc=x").await;
    assert_eq!(unknown.refusal().0, json!("parameter_unknown"));
    let expanded = fixture.read("balance_transactions?type=adjustment&expand[]=data.source").await;
    assert_eq!(expanded["data"][0]["source"]["object"], "dispute");
}
