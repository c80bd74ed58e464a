//! A cardholder goes to their bank.

use http::Method;
use serde_json::json;

use crate::support::{Till, id};

#[tokio::test]
async fn a_card_of_the_test_set_disputes_what_it_paid() {
    let till = Till::open().await;
    let paid = till.paid("pm_card_createDispute").await;
    assert_eq!(paid["status"], "succeeded");
    let expected = [
        "payment_intent.created",
        "charge.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ];
    assert_eq!(till.told().await, expected);
    let dispute = &till.double.all("dispute")[0];
    assert_eq!((&dispute["amount"], &dispute["charge"]), (&json!(2000), &paid["latest_charge"]));
    assert_eq!(dispute["payment_intent"], paid["id"]);
    assert_eq!(dispute["status"], "needs_response");
    assert_eq!(dispute["balance_transactions"][0]["amount"], -2000);
    assert_eq!(till.read(&format!("disputes/{}", id(dispute))).await, *dispute);
    assert_eq!(till.double.charges()[0]["disputed"], true);
}

#[tokio::test]
async fn a_dispute_can_be_opened_by_hand_once() {
    let till = Till::open().await;
    let intent = till.paid("pm_card_visa").await["id"].clone();
    let dispute = till.control(Method::POST, "disputes", json!({"payment_intent": intent})).await.expect(200);
    assert_eq!(dispute["payment_intent"], intent);
    let told = till.read("events?type=charge.dispute.created").await;
    assert_eq!(told["data"][0]["data"]["object"]["id"], dispute["id"]);
    let again = till.control(Method::POST, "disputes", json!({"payment_intent": intent})).await;
    assert_eq!(again.status, 400);
    let held = [("payment_method", "pm_card_visa"), ("capture_method", "manual"), ("confirm", "true")];
    for untaken in [&[][..], &held] {
        let intent = till.intent(untaken).send().await.expect(200)["id"].clone();
        assert_eq!(till.control(Method::POST, "disputes", json!({"payment_intent": intent})).await.status, 400);
    }
    assert_eq!(till.double.all("dispute").len(), 1);
}

#[tokio::test]
async fn what_is_disputed_cannot_be_refunded() {
    let till = Till::open().await;
    let intent = id(&till.paid("pm_card_createDispute").await);
    let refund = till.post("refunds", &[("payment_intent", &intent)]).send().await;
    assert_eq!(refund.refusal().0, json!("charge_disputed"));
}

#[tokio::test]
async fn what_is_held_is_disputed_when_it_is_taken() {
    let till = Till::open().await;
    let form = [("payment_method", "pm_card_createDispute"), ("capture_method", "manual"), ("confirm", "true")];
    let intent = id(&till.intent(&form).send().await.expect(200));
    assert!(till.double.all("dispute").is_empty());
    till.done(&format!("payment_intents/{intent}/capture"), &[("amount_to_capture", "1500")]).await;
    assert_eq!(till.double.all("dispute")[0]["amount"], 1500);
}
