//! A cardholder goes to their bank.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Fixture, id};

#[tokio::test]
async fn a_card_of_the_test_set_disputes_what_it_paid() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_createDispute").await;
    assert_eq!(paid["status"], "succeeded");
    let expected = [
        "payment_intent.created",
        "charge.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ];
    assert_eq!(fixture.event_types().await, expected);
    let dispute = &fixture.double.all("dispute")[0];
    assert_eq!((&dispute["amount"], &dispute["charge"]), (&json!(2000), &paid["latest_charge"]));
    assert_eq!(dispute["payment_intent"], paid["id"]);
    assert_eq!(dispute["status"], "needs_response");
    let withdrawal = &dispute["balance_transactions"][0];
    assert_eq!(
        (&withdrawal["amount"], &withdrawal["fee"], &withdrawal["net"]),
        (&json!(-2000), &json!(1500), &json!(-3500))
    );
    assert_eq!(withdrawal["fee_details"][0]["description"], "Dispute fee");
    assert_eq!((&withdrawal["type"], &withdrawal["reporting_category"]), (&json!("adjustment"), &json!("dispute")));
    assert_eq!(fixture.read(&format!("disputes/{}", id(dispute))).await, *dispute);
    assert_eq!(fixture.double.charges()[0]["disputed"], true);
}

#[tokio::test]
async fn a_dispute_can_be_opened_by_hand_once() {
    let fixture = Fixture::open().await;
    let intent = fixture.paid("pm_card_visa").await["id"].clone();
    let dispute = fixture.control(Method::POST, "disputes", json!({"payment_intent": intent})).await.expect(200);
    assert_eq!(dispute["payment_intent"], intent);
    let events = fixture.read("events?type=charge.dispute.created").await;
    assert_eq!(events["data"][0]["data"]["object"]["id"], dispute["id"]);
    let again = fixture.control(Method::POST, "disputes", json!({"payment_intent": intent})).await;
    assert_eq!(again.status, 400);
    let held = [("payment_method", "pm_card_visa"), ("capture_method", "manual"), ("confirm", "true")];
    for untaken in [&[][..], &held] {
        let intent = fixture.intent(untaken).send().await.expect(200)["id"].clone();
        assert_eq!(fixture.control(Method::POST, "disputes", json!({"payment_intent": intent})).await.status, 400);
    }
    assert_eq!(fixture.double.all("dispute").len(), 1);
}

#[tokio::test]
async fn what_is_disputed_cannot_be_refunded() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.paid("pm_card_createDispute").await);
    let refund = fixture.post("refunds", &[("payment_intent", &intent)]).send().await;
    assert_eq!(refund.refusal().0, json!("charge_disputed"));
}

#[tokio::test]
async fn what_is_held_is_disputed_when_it_is_taken() {
    let fixture = Fixture::open().await;
    let form = [("payment_method", "pm_card_createDispute"), ("capture_method", "manual"), ("confirm", "true")];
    let intent = id(&fixture.intent(&form).send().await.expect(200));
    assert!(fixture.double.all("dispute").is_empty());
    fixture.done(&format!("payment_intents/{intent}/capture"), &[("amount_to_capture", "1500")]).await;
    assert_eq!(fixture.double.all("dispute")[0]["amount"], 1500);
}

/// The types of the events that came after the first `before`.
async fn event_types_since(fixture: &Fixture, before: usize) -> Vec<String> {
    fixture.event_types().await.split_off(before)
}

async fn disputed(fixture: &Fixture, card: &str) -> (Value, usize) {
    fixture.paid(card).await;
    (fixture.double.all("dispute")[0].clone(), fixture.event_types().await.len())
}

#[tokio::test]
async fn a_dispute_that_is_won_gives_the_money_back_without_the_fee_and_can_be_refunded() {
    let fixture = Fixture::open().await;
    let (dispute, before) = disputed(&fixture, "pm_card_createDispute").await;
    let won = fixture.double.control(&format!("disputes/{}/decide", id(&dispute)), json!({"outcome": "won"})).unwrap();
    assert_eq!((&won["status"], &won["is_charge_refundable"]), (&json!("won"), &json!(true)));
    let nets: Vec<_> = won["balance_transactions"].as_array().unwrap().iter().map(|one| one["net"].clone()).collect();
    assert_eq!(nets, [json!(-3500), json!(2000)]);
    assert_eq!(won["balance_transactions"][1]["reporting_category"], "dispute_reversal");
    assert_eq!(event_types_since(&fixture, before).await, ["charge.dispute.funds_reinstated", "charge.dispute.closed"]);
    let closed = fixture.read("events?type=charge.dispute.closed").await["data"][0]["data"].clone();
    assert_eq!((&closed["object"], &closed["previous_attributes"]), (&won, &json!({"status": "needs_response"})));
    assert_eq!(fixture.double.charges()[0]["disputed"], true, "it was disputed, and stays so");
    fixture.done("refunds", &[("charge", won["charge"].as_str().unwrap())]).await;
    let again = fixture.double.control(&format!("disputes/{}/decide", id(&dispute)), json!({"outcome": "lost"}));
    assert_eq!(again.unwrap_err()["error"]["message"], "This dispute is already closed");
}

#[tokio::test]
async fn a_dispute_that_is_lost_moves_no_more_money() {
    let fixture = Fixture::open().await;
    let (dispute, before) = disputed(&fixture, "pm_card_createDisputeProductNotReceived").await;
    assert_eq!(dispute["reason"], "product_not_received");
    let lost =
        fixture.double.control(&format!("disputes/{}/decide", id(&dispute)), json!({"outcome": "lost"})).unwrap();
    assert_eq!(lost["balance_transactions"].as_array().unwrap().len(), 1);
    assert_eq!(event_types_since(&fixture, before).await, ["charge.dispute.closed"]);
    let refund = fixture.post("refunds", &[("charge", lost["charge"].as_str().unwrap())]).send().await;
    assert_eq!(refund.refusal().0, json!("charge_disputed"));
}

#[tokio::test]
async fn an_inquiry_takes_no_money_and_a_full_refund_ends_it() {
    let fixture = Fixture::open().await;
    let (inquiry, before) = disputed(&fixture, "pm_card_createDisputeInquiry").await;
    assert_eq!((&inquiry["status"], &inquiry["balance_transactions"]), (&json!("warning_needs_response"), &json!([])));
    let charge = inquiry["charge"].as_str().unwrap();
    fixture.done("refunds", &[("charge", charge), ("amount", "1")]).await;
    fixture.done("refunds", &[("charge", charge)]).await;
    let events = event_types_since(&fixture, before).await;
    assert_eq!(events.iter().filter(|kind| *kind == "charge.dispute.closed").count(), 1);
    assert_eq!(fixture.read(&format!("disputes/{}", id(&inquiry))).await["status"], "warning_closed");
}

#[tokio::test]
async fn an_inquiry_that_is_escalated_takes_the_money() {
    let fixture = Fixture::open().await;
    let (inquiry, before) = disputed(&fixture, "pm_card_createDisputeInquiry").await;
    let path = format!("disputes/{}", id(&inquiry));
    let won = fixture.double.control(&format!("{path}/decide"), json!({"outcome": "won"}));
    assert!(won.is_err(), "an inquiry is not won");
    let dispute = fixture.double.control(&format!("{path}/escalate"), json!({})).unwrap();
    assert_eq!((&dispute["status"], &dispute["is_charge_refundable"]), (&json!("needs_response"), &json!(false)));
    assert_eq!(dispute["balance_transactions"][0]["net"], -3500);
    assert_eq!(event_types_since(&fixture, before).await, ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]);
    assert!(fixture.double.control(&format!("{path}/escalate"), json!({})).is_err());
}

#[tokio::test]
async fn evidence_is_sent_to_the_bank_which_decides_later() {
    for (words, outcome) in [("winning_evidence", "won"), ("losing_evidence", "lost"), ("We sent it.", "under_review")]
    {
        let fixture = Fixture::open().await;
        let (dispute, before) = disputed(&fixture, "pm_card_createDispute").await;
        let path = format!("disputes/{}", id(&dispute));
        let form = [("evidence[uncategorized_text]", words), ("metadata[a]", "b")];
        let sent = fixture.done(&path, &form).await;
        assert_eq!((&sent["status"], &sent["metadata"]), (&json!("under_review"), &json!({"a": "b"})));
        assert_eq!(sent["evidence_details"]["submission_count"], 1);
        fixture.double.advance(std::time::Duration::from_secs(5));
        assert_eq!(fixture.read(&path).await["status"], outcome);
        assert_eq!(event_types_since(&fixture, before).await[0], "charge.dispute.updated");
        let unknown = fixture.post(&path, &[("evidence[excuse]", "none")]).send().await;
        assert_eq!(unknown.refusal(), (json!("parameter_unknown"), json!("evidence[excuse]")));
    }
}

#[tokio::test]
async fn evidence_that_is_not_submitted_stays_with_the_shop() {
    let fixture = Fixture::open().await;
    let (dispute, _) = disputed(&fixture, "pm_card_createDispute").await;
    let path = format!("disputes/{}", id(&dispute));
    let kept = fixture.done(&path, &[("evidence[receipt]", "file_1"), ("submit", "false")]).await;
    assert_eq!((&kept["status"], &kept["evidence"]["receipt"]), (&json!("needs_response"), &json!("file_1")));
    let given_in = fixture.done(&format!("{path}/close"), &[]).await;
    assert_eq!(given_in["status"], "lost");
    assert_eq!(fixture.post(&format!("{path}/close"), &[]).send().await.status, 400);
}

#[tokio::test]
async fn a_part_of_a_payment_can_be_disputed_and_no_more_than_it() {
    let fixture = Fixture::open().await;
    let intent = fixture.paid("pm_card_visa").await["id"].clone();
    let play = |amount: i64| fixture.double.control("disputes", json!({"payment_intent": intent, "amount": amount}));
    assert!(play(2001).is_err() && play(0).is_err());
    let dispute = play(600).unwrap();
    assert_eq!((&dispute["amount"], &dispute["balance_transactions"][0]["amount"]), (&json!(600), &json!(-600)));
}

#[tokio::test]
async fn what_was_given_back_whole_is_not_disputed() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.paid("pm_card_visa").await);
    fixture.done("refunds", &[("payment_intent", &intent)]).await;
    assert!(fixture.double.control("disputes", json!({"payment_intent": intent})).is_err());
}
