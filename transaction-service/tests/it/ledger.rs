use serde_json::json;
use sqlx::query;

use crate::{Shop, Shopper, TOTAL, service_double::Instead, usd};

#[tokio::test]
async fn a_capture_is_booked_and_sums_to_zero() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    let booked = shop.booked(&order).await;
    let expected = [("stripe", 1620), ("sales", -1000), ("shipping", -500), ("tax", -120)];
    assert_eq!(booked, expected.map(|(account, amount)| (account.to_owned(), amount)));
    assert_eq!(booked.iter().map(|(_, amount)| amount).sum::<i64>(), 0);
}

#[tokio::test]
async fn refunds_made_at_stripe_are_booked_once_each_and_never_exceed_the_capture() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    let intent = shop.for_staff(&order).await["payment_intent"].as_str().unwrap().to_owned();
    for amount in ["100", "20"] {
        shop.ask_stripe("refunds", &[("payment_intent", &intent), ("amount", amount)]).await;
        shop.sweep().await;
        shop.sweep().await;
    }
    let too_much = shop.ask_stripe("refunds", &[("payment_intent", &intent), ("amount", "1501")]).await;
    assert!(too_much["error"].is_object(), "{too_much}");
    shop.sweep().await;
    let booked = shop.booked(&order).await;
    let refunds = [
        [("sales", 62), ("shipping", 31), ("tax", 7), ("stripe", -100)],
        [("sales", 12), ("shipping", 6), ("tax", 2), ("stripe", -20)],
    ];
    assert_eq!(
        booked[4..],
        refunds
            .as_flattened()
            .to_vec()
            .into_iter()
            .map(|(account, amount)| (account.to_owned(), amount))
            .collect::<Vec<_>>()
    );
    assert_eq!(booked.iter().map(|(_, amount)| amount).sum::<i64>(), 0);
    let order = shop.read(&ada, &order).await;
    assert_eq!((&order["state"], &order["payment"]["refunded"]), (&json!("paid"), &usd(120)));
}

#[tokio::test]
async fn a_dispute_is_shown_to_staff() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    let intent = shop.for_staff(&order).await["payment_intent"].clone();
    assert_eq!(shop.for_staff(&order).await["disputed"], false);
    shop.play("disputes", json!({"payment_intent": intent})).await;
    shop.sweep().await;
    assert_eq!(shop.for_staff(&order).await["disputed"], true);
}

#[tokio::test]
async fn a_paid_order_whose_stock_is_gone_is_refunded_and_cancelled_and_the_shopper_is_notified_once() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    shop.services.set_reservation(order["id"].as_str().unwrap(), "released");
    for _ in 0..3 {
        shop.relay().await;
    }
    let order = shop.read(&ada, &order).await;
    assert_eq!((&order["state"], &order["closing_reason"]), (&json!("cancelled"), &json!("sold_out")));
    assert_eq!(order["payment"]["refunded"], usd(TOTAL));
    let templates: Vec<String> = shop.services.mails().into_iter().map(|(template, _)| template).collect();
    assert_eq!(templates.iter().filter(|template| *template == "order_cancelled").count(), 1, "{templates:?}");
    let booked = shop.booked(&order).await;
    let taken_back = [("sales", 1000), ("shipping", 500), ("tax", 120), ("stripe", -TOTAL)];
    assert_eq!(booked[4..], taken_back.map(|(account, amount)| (account.to_owned(), amount)));
    assert_eq!(shop.count("outbox").await, 0);
}

#[tokio::test]
async fn a_refund_for_lack_of_stock_is_made_once_however_often_stripe_breaks() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    shop.services.set_reservation(order["id"].as_str().unwrap(), "released");
    for fault in [json!({"kind": "drop_after"}), json!({"kind": "error", "status": 500, "after_effect": true})] {
        shop.break_stripe("POST", "/v1/refunds", fault, 3).await;
        shop.relay().await;
        shop.break_stripe("", "", json!(null), 0).await;
    }
    shop.relay().await;
    let order = shop.read(&ada, &order).await;
    assert_eq!((&order["state"], &order["payment"]["refunded"]), (&json!("cancelled"), &usd(TOTAL)));
    assert_eq!(shop.booked(&order).await.len(), 8);
}

#[tokio::test]
async fn a_refusal_of_product_service_for_another_reason_refunds_no_order() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    shop.services.instead("POST /inventory", 1, Instead::Problem(409, "reservation_in_progress", json!([])));
    shop.relay().await;
    assert_eq!(shop.read(&ada, &order).await["state"], "paid");
    shop.relay().await;
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("committed"));
}

/// The database itself refuses: the name of the constraint that does.
async fn refused_by(statement: &'static str) -> String {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.ordered(&ada, "k").await;
    shop.ordered(&Shopper::guest(), "k").await;
    let error = query(statement).execute(&mut shop.db).await.unwrap_err();
    error.as_database_error().and_then(|error| error.constraint()).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[tokio::test]
async fn the_database_refuses_entries_that_do_not_sum_to_zero() {
    let one_sided = "INSERT INTO ledger_entries (order_id, kind, source, account, amount, currency, booked_at)
                     SELECT id, 'refund', 're_1', 'refunds', 5, 'USD', now() FROM orders WHERE state = 'paid'";
    assert_eq!(refused_by(one_sided).await, "ledger_entries_balance");
}

#[tokio::test]
async fn the_database_refuses_a_second_capture_of_an_order() {
    let again = "INSERT INTO ledger_entries (order_id, kind, source, account, amount, currency, booked_at)
                 SELECT order_id, kind, 'ch_other', account, amount, currency, now() FROM ledger_entries";
    assert_eq!(refused_by(again).await, "ledger_entries_one_capture");
}

#[tokio::test]
async fn the_database_refuses_to_book_one_movement_twice() {
    let again = "INSERT INTO ledger_entries (order_id, kind, source, account, amount, currency, booked_at)
                 SELECT order_id, 'refund', source, account, amount, currency, now() FROM ledger_entries";
    assert_eq!(refused_by(again).await, "ledger_entries_once");
}

#[tokio::test]
async fn the_database_refuses_to_change_the_ledger() {
    assert_eq!(refused_by("UPDATE ledger_entries SET amount = amount * 2").await, "ledger_entries_append_only");
    assert_eq!(refused_by("DELETE FROM ledger_entries").await, "ledger_entries_append_only");
}

#[tokio::test]
async fn the_database_refuses_refunds_above_the_capture() {
    assert_eq!(refused_by("UPDATE payments SET refunded = captured + 1").await, "payments_refunded");
    assert_eq!(refused_by("UPDATE payments SET captured = amount + 1").await, "payments_captured");
}

#[tokio::test]
async fn the_database_refuses_two_orders_of_one_payment_and_totals_that_are_no_sums() {
    assert_eq!(refused_by("UPDATE payments SET stripe_payment_intent = 'pi_1'").await, "payments_payment_intent");
    assert_eq!(refused_by("UPDATE orders SET total = total + 1").await, "orders_total");
    assert_eq!(refused_by("UPDATE order_lines SET total = total + 1").await, "order_lines_total");
}

#[tokio::test]
async fn the_database_refuses_an_open_order_without_due_time_and_a_closed_one_without_answer() {
    assert_eq!(
        refused_by("UPDATE orders SET due_at = NULL WHERE state = 'requires_action'").await,
        "orders_open_orders_are_due"
    );
    assert_eq!(refused_by("UPDATE orders SET answer = NULL").await, "orders_answered");
}
