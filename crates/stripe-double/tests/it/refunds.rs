//! Giving money back.

use serde_json::{Value, json};

use crate::support::{Till, id};

#[tokio::test]
async fn a_refund_gives_all_back_that_is_left() {
    let till = Till::open().await;
    let paid = till.paid("pm_card_visa").await;
    let form =
        [("payment_intent", paid["id"].as_str().unwrap()), ("reason", "requested_by_customer"), ("metadata[a]", "b")];
    let refund = till.done("refunds", &form).await;
    assert_eq!((&refund["amount"], &refund["status"]), (&json!(2000), &json!("succeeded")));
    assert_eq!((&refund["charge"], &refund["payment_intent"]), (&paid["latest_charge"], &paid["id"]));
    assert_eq!((&refund["reason"], &refund["metadata"]), (&json!("requested_by_customer"), &json!({"a": "b"})));
    let charge = till.read(&format!("charges/{}", paid["latest_charge"].as_str().unwrap())).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(2000), &json!(true)));
    assert_eq!(charge["refunds"]["data"], json!([refund]));
    assert_eq!(till.read(&format!("payment_intents/{}", id(&paid))).await["status"], "succeeded");
    let transaction = refund["balance_transaction"].as_str().unwrap();
    let transaction = till.read(&format!("balance_transactions/{transaction}")).await;
    assert_eq!((&transaction["amount"], &transaction["source"]), (&json!(-2000), &refund["id"]));
    assert_eq!(till.told().await[3..], ["refund.created", "charge.refunded"]);
    assert_eq!(till.read(&format!("refunds/{}", id(&refund))).await, refund);
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let till = Till::open().await;
    let paid = till.paid("pm_card_visa").await;
    let charge = paid["latest_charge"].as_str().unwrap();
    till.done("refunds", &[("charge", charge), ("amount", "1500")]).await;
    let error = till.post("refunds", &[("charge", charge), ("amount", "501")]).send().await.error(400);
    assert_eq!(error["param"], "amount");
    assert_eq!(error["message"], "Refund amount ($5.01) is greater than unrefunded amount on charge ($5.00)");
    till.done("refunds", &[("charge", charge), ("amount", "200")]).await;
    assert_eq!(till.done("refunds", &[("charge", charge)]).await["amount"], 300);
    for form in [vec![("charge", charge)], vec![("payment_intent", paid["id"].as_str().unwrap()), ("amount", "1")]] {
        assert_eq!(till.post("refunds", &form).send().await.refusal().0, json!("charge_already_refunded"));
    }
    let given: i64 = till.double.all("refund").iter().map(|refund| refund["amount"].as_i64().unwrap()).sum();
    assert_eq!(given, 2000);
}

#[tokio::test]
async fn refunds_at_once_never_exceed_the_charge() {
    let till = Till::open().await;
    let intent = id(&till.paid("pm_card_visa").await);
    let refund = async || till.post("refunds", &[("payment_intent", &intent), ("amount", "800")]).send().await.status;
    let (a, b, c, d) = tokio::join!(refund(), refund(), refund(), refund());
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400, 400]);
    assert_eq!(till.double.charges()[0]["amount_refunded"], 1600);
}

#[tokio::test]
async fn the_same_key_refunds_once() {
    let till = Till::open().await;
    let intent = id(&till.paid("pm_card_visa").await);
    let refund = async || till.post("refunds", &[("payment_intent", &intent), ("amount", "800")]).key("k").send().await;
    let (first, again) = (refund().await, refund().await);
    assert_eq!(first.text, again.text);
    assert_eq!(till.double.charges()[0]["amount_refunded"], 800);
}

#[tokio::test]
async fn only_what_was_paid_can_be_refunded() {
    let till = Till::open().await;
    let unpaid = id(&till.intent(&[]).send().await.expect(200));
    let declined = till.intent(&[("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")]).send().await;
    let declined = declined.error(402)["payment_intent"]["id"].as_str().unwrap().to_owned();
    for intent in [&unpaid, &declined] {
        assert_eq!(till.post("refunds", &[("payment_intent", intent)]).send().await.status, 400);
    }
    assert_eq!(till.post("refunds", &[]).send().await.refusal().0, json!("parameter_missing"));
    let both = [("payment_intent", unpaid.as_str()), ("charge", "ch_x")];
    assert_eq!(till.post("refunds", &both).send().await.status, 400);
    let none = till.post("refunds", &[("payment_intent", "pi_x")]).send().await;
    assert_eq!(none.refusal(), (json!("resource_missing"), json!("payment_intent")));
    assert!(till.double.all("refund").is_empty());
}

#[tokio::test]
async fn refunds_are_listed_by_payment() {
    let till = Till::open().await;
    let (one, other) = (id(&till.paid("pm_card_visa").await), id(&till.paid("pm_card_visa").await));
    for (intent, amount) in [(&one, "100"), (&other, "200"), (&one, "300")] {
        till.done("refunds", &[("payment_intent", intent), ("amount", amount)]).await;
    }
    let listed = till.read(&format!("refunds?payment_intent={one}")).await;
    let amounts: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|refund| &refund["amount"]).collect();
    assert_eq!(amounts, [&json!(300), &json!(100)]);
}

#[tokio::test]
async fn a_refund_is_updated_in_its_metadata_only() {
    let till = Till::open().await;
    let intent = id(&till.paid("pm_card_visa").await);
    let path = format!("refunds/{}", id(&till.done("refunds", &[("payment_intent", &intent)]).await));
    assert_eq!(till.done(&path, &[("metadata[a]", "b")]).await["metadata"], json!({"a": "b"}));
    assert_eq!(till.post(&path, &[("amount", "1")]).send().await.refusal().0, json!("parameter_unknown"));
    assert_eq!(till.told().await[5..], ["charge.refund.updated", "refund.updated"]);
}
