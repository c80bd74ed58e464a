use futures_util::future::join_all;
use serde_json::json;

use crate::{Shop, Shopper, TOTAL};

#[tokio::test]
async fn an_order_that_its_request_left_half_way_is_finished_without_it() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    shop.sweep().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
    assert_eq!(shop.charged(), (1, TOTAL));
    assert_eq!(shop.services.mails().len(), 1);
}

#[tokio::test]
async fn an_order_whose_lease_runs_is_left_to_its_request() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    shop.start_leases_again().await;
    assert_eq!(shop.sweep().await["orders"], 0);
    assert_eq!(shop.charged().0, 0);
}

#[tokio::test]
async fn many_sweeps_at_once_do_the_work_of_one() {
    let mut shop = Shop::open().await;
    let mut shoppers = Vec::new();
    for _ in 0..6 {
        let shopper = shop.customer("pm_card_visa").await;
        shop.break_stripe("POST", "/v1/payment_intents", json!({"kind": "drop"}), 50).await;
        shop.order(&shopper, "k").send().await.expect(503);
        shop.break_stripe("", "", json!(null), 0).await;
        shoppers.push(shopper);
    }
    let app = &shop.app;
    join_all((0..4).map(|_| async move { platform::Service::sweep(app).await.unwrap() })).await;
    shop.relay().await;
    for shopper in &shoppers {
        assert_eq!(shop.ordered(shopper, "k").await["state"], "paid");
    }
    assert_eq!(shop.charged(), (6, 6 * TOTAL));
    assert_eq!(shop.services.mails().len(), 6);
}

#[tokio::test]
async fn while_stripe_does_not_answer_the_sweep_leaves_things_as_they_are() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.let_orders_expire().await;
    shop.break_stripe("*", "/v1/*", json!({"kind": "drop"}), 200).await;
    platform::Service::sweep(&shop.app).await.unwrap_err();
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("held"));
    shop.break_stripe("", "", json!(null), 0).await;
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "expired");
}

#[tokio::test]
async fn an_order_older_than_twelve_hours_is_looked_up_at_stripe_and_none_is_made_for_it() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    let age = "UPDATE orders SET created_at = created_at - interval '13 hours', expires_at = expires_at - interval '13 hours'";
    sqlx::query(age).execute(&mut shop.db).await.unwrap();
    shop.let_leases_end().await;
    shop.sweep().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "expired");
    let created = shop.stripe.calls().into_iter().filter(|call| call.path == "/v1/payment_intents" && call.effect);
    assert_eq!((created.count(), shop.charged().0), (0, 0));
}

#[tokio::test]
async fn an_old_order_whose_payment_went_through_is_found_and_paid() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.break_stripe("POST", "/v1/payment_intents/*/confirm", json!({"kind": "hang", "after_effect": true}), 9).await;
    shop.break_stripe("GET", "/v1/payment_intents/*", json!({"kind": "drop"}), 90).await;
    shop.order(&ada, "k").send().await.expect(503);
    shop.break_stripe("", "", json!(null), 0).await;
    assert_eq!(shop.charged(), (1, TOTAL));
    let age = "UPDATE orders SET created_at = created_at - interval '13 hours', expires_at = expires_at - interval '13 hours'";
    sqlx::query(age).execute(&mut shop.db).await.unwrap();
    shop.let_leases_end().await;
    shop.sweep().await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid");
}

#[tokio::test]
async fn the_sweep_delivers_what_the_other_services_did_not_take() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.services.instead("POST /", 6, crate::service_double::Instead::Problem(503, "unavailable", json!([])));
    let order = shop.ordered(&ada, "k").await;
    shop.relay().await;
    assert_eq!(shop.count("outbox").await, 2);
    shop.relay().await;
    shop.relay().await;
    assert_eq!(shop.count("outbox").await, 0);
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("committed"));
    assert_eq!(shop.services.mails().len(), 1);
}

#[tokio::test]
async fn one_sweep_sends_all_messages_that_are_due_and_not_the_first_ten() {
    let mut shop = Shop::open().await;
    let waiting = "INSERT INTO outbox (id, path, body)
                   SELECT gen_random_uuid(), '/inventory/reservations/' || gen_random_uuid() || '/release', '{}'
                   FROM generate_series(1, 35)";
    sqlx::query(waiting).execute(&mut shop.db).await.unwrap();
    assert_eq!(shop.sweep().await["messages"], json!({"delivered": 35, "deferred": 0, "given_up": 0}));
    assert_eq!(shop.count("outbox").await, 0);
}

#[tokio::test]
async fn a_mail_whose_id_was_used_for_another_is_given_up_and_the_other_messages_of_the_order_are_sent() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let reused = crate::service_double::Instead::Problem(409, "event_id_reused", json!([]));
    shop.services.instead("POST /notifications", 9, reused);
    let order = shop.ordered(&ada, "k").await;
    assert_eq!(shop.sweep().await["messages"], json!({"delivered": 1, "deferred": 0, "given_up": 1}));
    shop.relay().await;
    assert_eq!(shop.sweep().await["messages"], json!({"delivered": 0, "deferred": 0, "given_up": 0}));
    assert_eq!(shop.count("outbox WHERE failed = '409 event_id_reused' AND path = '/notifications'").await, 1);
    assert_eq!(shop.services.seen("POST /notifications").len(), 1, "it is not sent again");
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("committed"));
}
