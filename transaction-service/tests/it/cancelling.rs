use futures_util::future::join;
use serde_json::json;

use crate::{Shop, Shopper, TOTAL};

#[tokio::test]
async fn an_order_that_waits_for_its_shopper_is_cancelled_and_can_never_be_charged() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    let cancelled = shop.cancel(&guest, &order).await.expect(200).json();
    assert_eq!((&cancelled["state"], &cancelled["payment"]["client_secret"]), (&json!("cancelled"), &json!(null)));
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    assert_eq!(shop.charged().0, 0);
    shop.relay().await;
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("released"));
    assert!(shop.services.mails().is_empty());
}

#[tokio::test]
async fn cancelling_again_answers_the_same_and_changes_nothing() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    let first = shop.cancel(&guest, &order).await.expect(200);
    assert_eq!(shop.cancel(&guest, &order).await.expect(200).body, first.body);
    assert_eq!(shop.count("outbox").await, 1);
}

#[tokio::test]
async fn an_order_that_was_paid_a_moment_before_is_paid_and_not_cancelled() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    assert_eq!(shop.cancel(&guest, &order).await.expect(409).problem(), "not_cancellable");
    assert_eq!(shop.read(&guest, &order).await["state"], "paid");
    assert_eq!(shop.charged(), (1, TOTAL));
}

#[tokio::test]
async fn orders_that_came_to_an_end_are_not_cancelled() {
    let shop = Shop::open().await;
    let (ada, bob) = (shop.customer("pm_card_visa").await, shop.customer("pm_card_chargeCustomerFail").await);
    for shopper in [ada, bob] {
        let order = shop.ordered(&shopper, "k").await;
        assert_eq!(shop.cancel(&shopper, &order).await.expect(409).problem(), "not_cancellable");
        assert_eq!(shop.read(&shopper, &order).await["state"], order["state"]);
    }
}

#[tokio::test]
async fn an_order_that_is_being_made_is_not_cancelled_under_its_maker() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    shop.start_leases_again().await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&mut shop.db).await.unwrap();
    let order = json!({"id": id});
    assert_eq!(shop.cancel(&ada, &order).await.expect(409).problem(), "request_in_progress");
    shop.let_leases_end().await;
    assert_eq!(shop.cancel(&ada, &order).await.expect(200).json()["state"], "cancelled");
    assert_eq!(shop.charged().0, 0);
}

#[tokio::test]
async fn paying_and_cancelling_at_once_end_in_one_of_both() {
    let shop = Shop::open().await;
    for round in 0..10 {
        let eve = shop.customer("pm_card_threeDSecure2Required").await;
        let order = shop.ordered(&eve, "k").await;
        let (before, _) = shop.charged();
        let (cancelled, ()) = join(shop.cancel(&eve, &order), async {
            let secret = order["payment"]["client_secret"].as_str().unwrap();
            let intent = secret.split("_secret_").next().unwrap();
            let path = format!("{}/_double/payment_intents/{intent}/authenticate", shop.stripe.base());
            common::outbound::client().post(path).json(&json!({"outcome": "approve"})).send().await.unwrap();
        })
        .await;
        shop.sweep().await;
        let state = shop.read(&eve, &order).await["state"].clone();
        let charges = shop.charged().0 - before;
        match cancelled.status.as_u16() {
            200 => assert_eq!((state, charges), (json!("cancelled"), 0), "round {round}"),
            _ => assert_eq!((state, charges), (json!("paid"), 1), "round {round}: {}", cancelled.text()),
        }
    }
}

#[tokio::test]
async fn a_cancellation_whose_answer_from_stripe_is_lost_is_found_by_reading() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    for fault in [json!({"kind": "drop_after"}), json!({"kind": "error", "status": 500, "after_effect": true})] {
        let key = fault["kind"].as_str().unwrap();
        let order = shop.ordered(&guest, key).await;
        shop.break_stripe("POST", "/v1/payment_intents/*/cancel", fault.clone(), 1).await;
        assert_eq!(shop.cancel(&guest, &order).await.expect(200).json()["state"], "cancelled");
    }
}

#[tokio::test]
async fn while_stripe_does_not_answer_nothing_is_cancelled_and_no_stock_is_given_back() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.break_stripe("*", "/v1/*", json!({"kind": "drop"}), 100).await;
    assert_eq!(shop.cancel(&guest, &order).await.expect(503).problem(), "unavailable");
    assert_eq!(
        (shop.count("outbox").await, shop.services.reservation(order["id"].as_str().unwrap())),
        (0, Some("held"))
    );
    shop.break_stripe("", "", json!(null), 0).await;
    shop.cancel(&guest, &order).await.expect(200);
}

#[tokio::test]
async fn an_order_whose_cancellation_fails_at_stripe_is_not_charged_by_it() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    shop.let_leases_end().await;
    let order: String = sqlx::query_scalar("SELECT id::text FROM orders").fetch_one(&mut shop.db).await.unwrap();
    let order = json!({"id": order});
    shop.break_stripe("POST", "/v1/payment_intents/*/cancel", json!({"kind": "error", "status": 500}), 1).await;
    assert_eq!(shop.cancel(&ada, &order).await.expect(503).problem(), "unavailable");
    let charges = shop.stripe.charges();
    assert!(charges.is_empty(), "whoever calls off is not charged: {charges:?}");
    shop.break_stripe("", "", json!(null), 0).await;
    shop.let_leases_end().await;
    assert_eq!(shop.cancel(&ada, &order).await.expect(200).json()["state"], "cancelled");
}
