//! Giving money back.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Fixture, id};

#[tokio::test]
async fn a_refund_gives_all_back_that_is_left() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_visa").await;
    let form =
        [("payment_intent", paid["id"].as_str().unwrap()), ("reason", "requested_by_customer"), ("metadata[a]", "b")];
    let refund = fixture.done("refunds", &form).await;
    assert_eq!((&refund["amount"], &refund["status"]), (&json!(2000), &json!("succeeded")));
    assert_eq!((&refund["charge"], &refund["payment_intent"]), (&paid["latest_charge"], &paid["id"]));
    assert_eq!((&refund["reason"], &refund["metadata"]), (&json!("requested_by_customer"), &json!({"a": "b"})));
    let charge = fixture.read(&format!("charges/{}", paid["latest_charge"].as_str().unwrap())).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(2000), &json!(true)));
    assert_eq!(charge.get("refunds"), None);
    let path = format!("charges/{}?expand[]=refunds", id(&charge));
    assert_eq!(fixture.read(&path).await["refunds"]["data"], json!([refund]));
    assert_eq!(fixture.read(&format!("payment_intents/{}", id(&paid))).await["status"], "succeeded");
    let transaction = refund["balance_transaction"].as_str().unwrap();
    let transaction = fixture.read(&format!("balance_transactions/{transaction}")).await;
    assert_eq!((&transaction["amount"], &transaction["source"]), (&json!(-2000), &refund["id"]));
    assert_eq!(fixture.event_types().await[3..], ["refund.created", "charge.refunded"]);
    assert_eq!(fixture.read(&format!("refunds/{}", id(&refund))).await, refund);
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_visa").await;
    let charge = paid["latest_charge"].as_str().unwrap();
    fixture.done("refunds", &[("charge", charge), ("amount", "1500")]).await;
    let error = fixture.post("refunds", &[("charge", charge), ("amount", "501")]).send().await.error(400);
    assert_eq!(error["param"], "amount");
    assert_eq!(error["message"], "Refund amount ($5.01) is greater than unrefunded amount on charge ($5.00)");
    fixture.done("refunds", &[("charge", charge), ("amount", "200")]).await;
    assert_eq!(fixture.done("refunds", &[("charge", charge)]).await["amount"], 300);
    for form in [vec![("charge", charge)], vec![("payment_intent", paid["id"].as_str().unwrap()), ("amount", "1")]] {
        assert_eq!(fixture.post("refunds", &form).send().await.refusal().0, json!("charge_already_refunded"));
    }
    let given: i64 = fixture.double.all("refund").iter().map(|refund| refund["amount"].as_i64().unwrap()).sum();
    assert_eq!(given, 2000);
}

#[tokio::test]
async fn refunds_at_once_never_exceed_the_charge() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.paid("pm_card_visa").await);
    let refund =
        async || fixture.post("refunds", &[("payment_intent", &intent), ("amount", "800")]).send().await.status;
    let (a, b, c, d) = tokio::join!(refund(), refund(), refund(), refund());
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400, 400]);
    assert_eq!(fixture.double.charges()[0]["amount_refunded"], 1600);
}

#[tokio::test]
async fn the_same_key_refunds_once() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.paid("pm_card_visa").await);
    let refund =
        async || fixture.post("refunds", &[("payment_intent", &intent), ("amount", "800")]).key("k").send().await;
    let (first, again) = (refund().await, refund().await);
    assert_eq!(first.text, again.text);
    assert_eq!(fixture.double.charges()[0]["amount_refunded"], 800);
}

#[tokio::test]
async fn only_what_was_paid_can_be_refunded() {
    let fixture = Fixture::open().await;
    let unpaid = id(&fixture.intent(&[]).send().await.expect(200));
    let declined = fixture.intent(&[("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")]).send().await;
    let declined = declined.error(402)["payment_intent"]["id"].as_str().unwrap().to_owned();
    for intent in [&unpaid, &declined] {
        assert_eq!(fixture.post("refunds", &[("payment_intent", intent)]).send().await.status, 400);
    }
    assert_eq!(fixture.post("refunds", &[]).send().await.refusal().0, json!("parameter_missing"));
    let both = [("payment_intent", unpaid.as_str()), ("charge", "ch_x")];
    assert_eq!(fixture.post("refunds", &both).send().await.status, 400);
    let none = fixture.post("refunds", &[("payment_intent", "pi_x")]).send().await;
    assert_eq!(none.refusal(), (json!("resource_missing"), json!("payment_intent")));
    assert!(fixture.double.all("refund").is_empty());
}

#[tokio::test]
async fn refunds_are_listed_by_payment() {
    let fixture = Fixture::open().await;
    let (one, other) = (id(&fixture.paid("pm_card_visa").await), id(&fixture.paid("pm_card_visa").await));
    for (intent, amount) in [(&one, "100"), (&other, "200"), (&one, "300")] {
        fixture.done("refunds", &[("payment_intent", intent), ("amount", amount)]).await;
    }
    let listed = fixture.read(&format!("refunds?payment_intent={one}")).await;
    let amounts: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|refund| &refund["amount"]).collect();
    assert_eq!(amounts, [&json!(300), &json!(100)]);
}

#[tokio::test]
async fn a_refund_is_updated_in_its_metadata_only() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.paid("pm_card_visa").await);
    let path = format!("refunds/{}", id(&fixture.done("refunds", &[("payment_intent", &intent)]).await));
    assert_eq!(fixture.done(&path, &[("metadata[a]", "b")]).await["metadata"], json!({"a": "b"}));
    assert_eq!(fixture.post(&path, &[("amount", "1")]).send().await.refusal().0, json!("parameter_unknown"));
    assert_eq!(fixture.event_types().await[5..], ["charge.refund.updated", "refund.updated"]);
}

/// A charge, its refund of `amount`, and how many events there were before.
async fn refunded(fixture: &Fixture, card: &str, amount: &str) -> (String, Value, usize) {
    let paid = fixture.paid(card).await;
    let intent = id(&paid);
    let before = fixture.event_types().await.len();
    let refund = fixture.done("refunds", &[("payment_intent", &intent), ("amount", amount)]).await;
    (paid["latest_charge"].as_str().unwrap().to_owned(), refund, before)
}

/// What is refunded of a charge, and whether all is.
async fn given_back(fixture: &Fixture, charge: &str) -> (Value, Value) {
    let charge = fixture.read(&format!("charges/{charge}")).await;
    (charge["amount_refunded"].clone(), charge["refunded"].clone())
}

#[tokio::test]
async fn a_refund_that_fails_later_succeeds_first_and_its_money_comes_back() {
    let fixture = Fixture::open().await;
    let (charge, refund, before) = refunded(&fixture, "pm_card_refundFail", "2000").await;
    assert_eq!((&refund["status"], refund.get("failure_reason")), (&json!("succeeded"), None));
    assert_eq!(given_back(&fixture, &charge).await, (json!(2000), json!(true)));
    fixture.double.advance(Duration::from_secs(59));
    assert_eq!(fixture.read(&format!("refunds/{}", id(&refund))).await, refund);
    fixture.double.advance(Duration::from_secs(1));
    let failed = fixture.read(&format!("refunds/{}", id(&refund))).await;
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("expired_or_canceled_card")));
    assert_eq!(failed["balance_transaction"], refund["balance_transaction"]);
    assert_eq!(given_back(&fixture, &charge).await, (json!(0), json!(false)));
    let path = format!("refunds/{}?expand[]=failure_balance_transaction&expand[]=balance_transaction", id(&refund));
    let expanded = fixture.read(&path).await;
    let returned = &expanded["failure_balance_transaction"];
    assert_eq!((&returned["amount"], &returned["net"]), (&json!(2000), &json!(2000)));
    let kind = (&returned["type"], &returned["reporting_category"]);
    assert_eq!(kind, (&json!("refund_failure"), &json!("refund_failure")));
    assert_eq!(returned["source"], refund["id"]);
    assert_eq!(expanded["balance_transaction"]["amount"], -2000);
    let expected = ["refund.created", "charge.refunded", "charge.refund.updated", "refund.updated", "refund.failed"];
    assert_eq!(fixture.event_types().await[before..], expected);
    let event = fixture.read("events?type=refund.failed").await["data"][0].clone();
    assert_eq!((&event["request"]["id"], &event["data"]["object"]), (&Value::Null, &failed));
    let was = json!({"status": "succeeded", "failure_reason": null, "failure_balance_transaction": null});
    assert_eq!(event["data"]["previous_attributes"], was);
    fixture.done("refunds", &[("charge", &charge)]).await;
    assert_eq!(given_back(&fixture, &charge).await, (json!(2000), json!(true)));
}

#[tokio::test]
async fn one_of_several_refunds_can_fail() {
    let fixture = Fixture::open().await;
    let (charge, refund, _) = refunded(&fixture, "pm_card_visa", "500").await;
    fixture.done("refunds", &[("charge", &charge), ("amount", "700")]).await;
    let body = json!({"status": "failed", "failure_reason": "lost_or_stolen_card"});
    let failed = fixture.double.control(&format!("refunds/{}/settle", id(&refund)), body).unwrap();
    assert_eq!(failed["failure_reason"], "lost_or_stolen_card");
    assert_eq!(given_back(&fixture, &charge).await, (json!(700), json!(false)));
    let again = fixture.double.control(&format!("refunds/{}/settle", id(&refund)), json!({"status": "succeeded"}));
    assert!(again.is_err(), "what failed stays so");
}

#[tokio::test]
async fn a_pending_refund_counts_and_moves_money_once_it_succeeds() {
    let fixture = Fixture::open().await;
    let (charge, refund, before) = refunded(&fixture, "pm_card_pendingRefund", "1500").await;
    assert_eq!((&refund["status"], &refund["pending_reason"]), (&json!("pending"), &json!("processing")));
    assert_eq!(refund["balance_transaction"], Value::Null);
    let more = fixture.post("refunds", &[("charge", &charge), ("amount", "501")]).send().await;
    assert_eq!(more.status, 400, "what is pending cannot be given back twice");
    fixture.control(Method::POST, "clock", json!({"advance_seconds": 60})).await.expect(200);
    let succeeded = fixture.read(&format!("refunds/{}", id(&refund))).await;
    assert_eq!((&succeeded["status"], succeeded.get("pending_reason")), (&json!("succeeded"), None));
    let transaction = succeeded["balance_transaction"].as_str().unwrap();
    assert_eq!(fixture.read(&format!("balance_transactions/{transaction}")).await["amount"], -1500);
    assert_eq!(given_back(&fixture, &charge).await, (json!(1500), json!(false)));
    let expected = ["refund.created", "charge.refunded", "charge.refund.updated", "refund.updated"];
    assert_eq!(fixture.event_types().await[before..], expected);
}

#[tokio::test]
async fn a_pending_refund_can_fail_or_be_canceled_without_any_movement_of_money() {
    for (status, reason) in [("failed", "insufficient_funds"), ("canceled", "merchant_request")] {
        let fixture = Fixture::open().await;
        let (charge, refund, _) = refunded(&fixture, "pm_card_pendingRefund", "1500").await;
        let path = format!("refunds/{}/settle", id(&refund));
        let ended = fixture.double.control(&path, json!({"status": status, "failure_reason": reason})).unwrap();
        assert_eq!((&ended["status"], &ended["failure_reason"]), (&json!(status), &json!(reason)));
        assert_eq!(ended.get("failure_balance_transaction"), None);
        assert_eq!(given_back(&fixture, &charge).await, (json!(0), json!(false)));
        fixture.double.advance(Duration::from_mins(10));
        assert_eq!(fixture.read(&format!("refunds/{}", id(&refund))).await, ended, "time changes it no more");
        assert_eq!(fixture.read("balance_transactions").await["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn only_a_refund_that_waits_for_the_cardholder_can_be_canceled_by_the_shop() {
    let fixture = Fixture::open().await;
    let (_, refund, _) = refunded(&fixture, "pm_card_pendingRefund", "1500").await;
    let cancel = format!("refunds/{}/cancel", id(&refund));
    let error = fixture.post(&cancel, &[]).send().await.error(400);
    assert_eq!(error["message"], "Canceling this refund is unsupported.");
    fixture.double.control(&format!("refunds/{}/settle", id(&refund)), json!({"status": "requires_action"})).unwrap();
    assert_eq!(fixture.done(&cancel, &[]).await["status"], "canceled");
}

#[tokio::test]
async fn a_charge_shows_its_ten_newest_refunds_where_that_is_asked_for() {
    let fixture = Fixture::open().await;
    let (charge, _, _) = refunded(&fixture, "pm_card_visa", "1").await;
    let mut last = Value::Null;
    for _ in 0..10 {
        last = fixture.done("refunds", &[("charge", &charge), ("amount", "1")]).await;
    }
    let intent = last["payment_intent"].as_str().unwrap();
    let path = format!("payment_intents/{intent}?expand[]=latest_charge.refunds.data.balance_transaction");
    let refunds = fixture.read(&path).await["latest_charge"]["refunds"].clone();
    assert_eq!((refunds["data"].as_array().unwrap().len(), &refunds["has_more"]), (10, &json!(true)));
    assert_eq!(refunds["data"][0]["id"], last["id"]);
}
