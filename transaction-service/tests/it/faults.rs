//! What the other services and Stripe may do to an order on its way, and that it ends well all the same.

use serde_json::json;

use crate::{Logs, Shop, Shopper, TOTAL, service_double::Instead};

#[tokio::test]
async fn a_service_that_hangs_is_given_up_in_time_and_nothing_is_charged() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    for line in ["PUT /inventory", "GET /users"] {
        shop.services.instead(line, 3, Instead::Hang);
        let refused = shop.order(&ada, line).send().await.expect(503);
        assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("unavailable", "2"));
        shop.services.instead(line, 0, Instead::Hang);
    }
    assert_eq!(shop.charged().0, 0);
}

#[tokio::test]
async fn a_payment_that_stripe_never_answers_for_is_left_pending_and_holds_its_stock() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.break_stripe("*", "/v1/payment_intents*", json!({"kind": "drop"}), 100).await;
    assert_eq!(shop.order(&ada, "k").send().await.expect(503).problem(), "unavailable");
    assert_eq!(shop.count("orders WHERE state = 'pending' AND due_at <= now()").await, 1, "free for the next");
    assert_eq!(shop.count("outbox").await, 0, "nothing is announced");
}

#[tokio::test]
async fn a_creation_that_stripe_keeps_as_failed_is_done_anew_and_charged_once() {
    for after_effect in [false, true] {
        let logs = Logs::start();
        let shop = Shop::open().await;
        let ada = shop.customer("pm_card_visa").await;
        let kept = json!({"kind": "error", "status": 500, "after_effect": after_effect});
        shop.break_stripe("POST", "/v1/payment_intents", kept, 1).await;
        shop.order(&ada, "k").send().await.expect(503);
        assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
        assert_eq!(shop.charged(), (1, TOTAL));
        shop.sweep().await;
        assert!(logs.lines("payment does not match its order").is_empty(), "the first one took no money");
    }
}

#[tokio::test]
async fn a_creation_that_failed_for_good_expires_the_order_without_a_charge() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let saved_error = json!({"kind": "error", "status": 500, "after_effect": false});
    shop.break_stripe("POST", "/v1/payment_intents", saved_error, 9).await;
    shop.order(&ada, "k").send().await.expect(503);
    shop.order(&ada, "k").send().await.expect(503);
    let age = "UPDATE orders SET created_at = created_at - interval '13 hours'";
    sqlx::query(age).execute(&mut shop.db).await.unwrap();
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "expired");
    assert_eq!(shop.charged().0, 0);
}

#[tokio::test]
async fn a_confirmation_that_arrives_very_late_is_found_by_its_event() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.break_stripe("POST", "/v1/payment_intents/*/confirm", json!({"kind": "delay", "ms": 2500}), 1).await;
    let answer = shop.order(&ada, "k").send().await;
    assert!([201, 503, 409].contains(&answer.status.as_u16()), "{}", answer.text());
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    shop.let_leases_end().await;
    shop.sweep().await;
    shop.sweep().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    assert_eq!(shop.charged(), (1, TOTAL));
}

/// Where Stripe states no minimum, it follows from an exchange rate: Stripe refuses what we let pass.
#[tokio::test]
async fn an_amount_below_a_minimum_that_stripe_does_not_state_fails_the_order_in_words_the_shopper_can_read() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    shop.services.set_price("TEE-1", 0);
    let app = crate::app(&shop.postgres.url, &shop.services.url, &shop.stripe, &[("SHIPPING_RATES", "KES:10")]);
    let client = testkit::Client::new(transaction_service::router(app));
    let mut request = guest.request();
    request["expected_total"] = json!({"amount": 11, "currency": "KES"});
    let order = client.post("/orders").token(&guest.token).header(crate::KEY, "k").json(&request);
    let order = order.send().await.expect(201).json();
    assert_eq!(
        (&order["state"], &order["payment"]["failure"]["code"]),
        (&json!("payment_failed"), &json!("amount_too_small"))
    );
}

/// Stripe takes one that no customer saved, for one payment.
#[tokio::test]
async fn a_payment_method_that_the_shopper_has_not_saved_is_not_charged() {
    let mut shop = Shop::open().await;
    let mut ada = shop.customer("pm_card_visa").await;
    let fresh = shop.ask_stripe("payment_methods", &[("type", "card"), ("card[token]", "tok_visa")]).await;
    ada.payment_method = Some(fresh["id"].as_str().unwrap().to_owned());
    let answer = shop.order(&ada, "k").send().await.expect(201);
    let order = answer.json();
    assert_eq!(
        (&order["state"], &order["payment"]["failure"]["code"]),
        (&json!("payment_failed"), &json!("unknown_payment_method"))
    );
    assert_eq!(shop.order(&ada, "k").send().await.expect(201).text(), answer.text());
    let intents = shop.stripe.all("payment_intent");
    assert_eq!((shop.charged().0, intents.len(), &intents[0]["status"]), (0, 1, &json!("canceled")));
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("held"), "until its message is sent");
    shop.relay().await;
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("released"));
}
