//! What the shop counts of orders, payments and its own books.

use platform::metrics::Metrics;
use sqlx::query;
use testkit::emf::Datum;

use crate::{Logs, Shop, Shopper, TOTAL};

/// Names and values, and by which currency.
fn shown(data: &[Datum]) -> Vec<String> {
    let told = |datum: &Datum| {
        assert_eq!(datum.dimensions["service"], "transaction-service");
        let currency = datum.dimensions.get("currency").map_or(String::new(), |currency| format!(" {currency}"));
        format!("{} {}{currency}", datum.name, datum.value)
    };
    data.iter().map(told).collect()
}

#[tokio::test]
async fn an_order_is_counted_when_it_is_placed_and_when_it_is_paid_however_often_it_is_asked_for() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let logs = Logs::with(Metrics::Emf);
    for expected in [vec!["OrdersPlaced 1".to_owned(), "OrdersPaid 1".into(), format!("Revenue {TOTAL} USD")], vec![]] {
        shop.ordered(&ada, "k").await;
        assert_eq!(shown(&logs.take_metrics()), expected);
    }
}

#[tokio::test]
async fn an_order_that_is_paid_later_is_counted_once() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let logs = Logs::with(Metrics::Emf);
    let order = shop.ordered(&guest, "k").await;
    assert_eq!(shown(&logs.take_metrics()), ["OrdersPlaced 1"]);
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    shop.let_orders_expire().await;
    shop.sweep().await;
    let first = shown(&logs.take_metrics());
    assert_eq!(first[..2], ["OrdersPaid 1".to_owned(), format!("Revenue {TOTAL} USD")], "{first:?}");
    shop.sweep().await;
    let second = shown(&logs.take_metrics());
    assert!(!second.iter().any(|told| told.starts_with("OrdersPaid")), "{second:?}");
}

#[tokio::test]
async fn a_declined_payment_is_counted_once() {
    let shop = Shop::open().await;
    let ada = shop.customer("pm_card_chargeCustomerFail").await;
    let logs = Logs::with(Metrics::Emf);
    for expected in [&["OrdersPlaced 1", "PaymentsDeclined 1"][..], &[]] {
        let order = shop.ordered(&ada, "k").await;
        assert_eq!(order["state"], "payment_failed");
        assert_eq!(shown(&logs.take_metrics()), expected);
    }
}

#[tokio::test]
async fn each_sweep_says_how_old_the_outbox_is_and_how_many_books_differ() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let logs = Logs::with(Metrics::Emf);
    shop.ordered(&ada, "k").await;
    logs.take_metrics();
    shop.relay().await;
    shop.sweep().await;
    assert_eq!(shown(&logs.take_metrics()), ["OutboxAge 0", "LedgerDifference 0"]);

    let stuck = "INSERT INTO outbox (id, path, body, created_at, due_at)
                 VALUES (gen_random_uuid(), '/notifications', '{}', now() - interval '90 minutes', now() + interval '1 hour')";
    query(stuck).execute(&mut shop.db).await.unwrap();
    query("UPDATE payments SET refunded = 1").execute(&mut shop.db).await.unwrap();
    shop.sweep().await;
    let data = logs.take_metrics();
    let value = |name: &str| data.iter().find(|datum| datum.name == name).unwrap().value;
    assert!((5_400.0..5_460.0).contains(&value("OutboxAge")), "{data:?}");
    assert!((value("LedgerDifference") - 1.0).abs() < f64::EPSILON, "{data:?}");
}
