//! Each test card, charged at once, when it is saved, and once it is saved.

use serde_json::{Value, json};

use crate::support::{Fixture, id};

/// `(card, code, decline_code)` of those that are declined, also when they are attached.
const DECLINED: [(&str, &str, Option<&str>); 9] = [
    ("pm_card_visa_chargeDeclined", "card_declined", Some("generic_decline")),
    ("pm_card_chargeDeclined", "card_declined", Some("generic_decline")),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", Some("insufficient_funds")),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", Some("insufficient_funds")),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", Some("lost_card")),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", Some("stolen_card")),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
];

#[tokio::test]
async fn good_cards_pay_and_become_payment_methods_of_their_own() {
    let fixture = Fixture::open().await;
    for (card, brand, last4) in [
        ("pm_card_visa", "visa", "4242"),
        ("pm_card_mastercard", "mastercard", "4444"),
        ("pm_card_amex", "amex", "8431"),
        ("pm_card_visa_debit", "visa", "5556"),
    ] {
        let paid = fixture.paid(card).await;
        assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(2000)), "{card}");
        let method = paid["payment_method"].as_str().unwrap();
        assert!(method.starts_with("pm_") && method != card);
        let method = fixture.read(&format!("payment_methods/{method}")).await;
        assert_eq!((&method["card"]["brand"], &method["card"]["last4"]), (&json!(brand), &json!(last4)));
        let charge = fixture.read(&format!("charges/{}", paid["latest_charge"].as_str().unwrap())).await;
        assert_eq!(charge["payment_method_details"]["card"]["last4"], last4);
        assert_eq!((&charge["amount_captured"], &charge["paid"]), (&json!(2000), &json!(true)));
        let transaction = charge["balance_transaction"].as_str().unwrap();
        assert_eq!(fixture.read(&format!("balance_transactions/{transaction}")).await["amount"], 2000);
    }
}

#[tokio::test]
async fn a_decline_is_402_and_leaves_a_failed_charge_and_a_payment_that_needs_another_card() {
    for (card, code, reason) in DECLINED {
        let fixture = Fixture::open().await;
        let intent = id(&fixture.intent(&[]).send().await.expect(200));
        let path = format!("payment_intents/{intent}");
        let error = fixture.post(&format!("{path}/confirm"), &[("payment_method", card)]).send().await.error(402);
        assert_eq!((&error["type"], &error["code"]), (&json!("card_error"), &json!(code)), "{card}");
        assert_eq!(error["decline_code"], json!(reason).clone(), "{card}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        let now = fixture.read(&path).await;
        assert_eq!(error["payment_intent"], now, "{card}");
        assert_eq!((&now["status"], &now["payment_method"]), (&json!("requires_payment_method"), &Value::Null));
        assert_eq!(now["last_payment_error"]["code"], code);
        assert_eq!(now["last_payment_error"]["payment_method"]["object"], "payment_method");
        assert_eq!((&now["latest_charge"], &now["amount_received"]), (&error["charge"], &json!(0)));
        let charge = fixture.read(&format!("charges/{}", error["charge"].as_str().unwrap())).await;
        assert_eq!((&charge["status"], &charge["paid"]), (&json!("failed"), &json!(false)));
        assert_eq!((&charge["failure_code"], &charge["amount_captured"]), (&json!(code), &json!(0)));
        let expected = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"];
        assert_eq!(fixture.event_types().await, expected, "{card}");
    }
}

#[tokio::test]
async fn a_payment_goes_on_with_another_card_after_a_decline() {
    let fixture = Fixture::open().await;
    let intent = id(&fixture.intent(&[]).send().await.expect(200));
    let confirm = format!("payment_intents/{intent}/confirm");
    fixture.post(&confirm, &[("payment_method", "pm_card_chargeDeclined")]).send().await.error(402);
    let paid = fixture.done(&confirm, &[("payment_method", "pm_card_visa")]).await;
    assert_eq!((&paid["status"], &paid["last_payment_error"]), (&json!("succeeded"), &Value::Null));
    let statuses: Vec<_> = fixture.double.charges().into_iter().map(|charge| charge["status"].clone()).collect();
    assert_eq!(statuses, ["succeeded", "failed"]);
}

#[tokio::test]
async fn a_declined_card_cannot_be_saved() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    for (card, code, _) in DECLINED {
        let attach = format!("payment_methods/{card}/attach");
        let error = fixture.post(&attach, &[("customer", &customer)]).send().await.error(402);
        assert_eq!(error["code"], code, "{card}");
    }
    assert_eq!(fixture.read(&format!("customers/{customer}/payment_methods")).await["data"], json!([]));
}

#[tokio::test]
async fn a_card_that_fails_customers_can_be_saved_and_is_declined_when_charged() {
    let fixture = Fixture::open().await;
    let customer = fixture.customer().await;
    let card = fixture.saved(&customer, "pm_card_chargeCustomerFail").await;
    for _ in 0..2 {
        let form = [("customer", customer.as_str()), ("payment_method", &card), ("confirm", "true")];
        let error = fixture.intent(&form).send().await.error(402);
        assert_eq!(error["decline_code"], "generic_decline");
    }
    let listed = fixture.read(&format!("payment_methods?customer={customer}")).await;
    assert_eq!(listed["data"][0]["id"], json!(card));
}

#[tokio::test]
async fn cards_from_tokens_behave_as_the_cards_do() {
    let fixture = Fixture::open().await;
    let made = async |token: &str| {
        let form = [("type", "card"), ("card[token]", token), ("billing_details[email]", "ada@example.com")];
        fixture.done("payment_methods", &form).await
    };
    let good = made("tok_visa").await;
    assert_eq!(good["billing_details"]["email"], "ada@example.com");
    assert_eq!(fixture.paid(&id(&good)).await["status"], "succeeded");
    let bad = id(&made("tok_chargeDeclinedInsufficientFunds").await);
    let error = fixture.intent(&[("payment_method", &bad), ("confirm", "true")]).send().await.error(402);
    assert_eq!(error["decline_code"], "insufficient_funds");
    let number =
        fixture.post("payment_methods", &[("type", "card"), ("card[number]", "4242424242424242")]).send().await;
    assert_eq!(number.refusal().1, json!("card[number]"));
}
