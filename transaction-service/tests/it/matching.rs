//! An order is paid by its own PaymentIntent, taken in its currency, of its amount, and by nothing else.

use serde_json::{Value, json};

use crate::{Logs, Shop, Shopper, TOTAL, intent};

const ALARM: &str = "payment does not match its order";
const DIFFER: &str = "ledger and payment differ";

impl Shop {
    /// Makes a payment with the account's key that names an order, and takes the money.
    async fn pay_for_another(&self, order: &str, amount: i64, currency: &str) -> String {
        let amount = amount.to_string();
        let paid = self
            .ask_stripe(
                "payment_intents",
                &[
                    ("amount", &amount),
                    ("currency", currency),
                    ("metadata[order_id]", order),
                    ("payment_method", "pm_card_visa"),
                    ("confirm", "true"),
                    ("automatic_payment_methods[enabled]", "true"),
                    ("automatic_payment_methods[allow_redirects]", "never"),
                ],
            )
            .await;
        assert_eq!(paid["status"], "succeeded", "{paid}");
        paid["id"].as_str().unwrap().to_owned()
    }

    /// All events so far arrive, and the sweep looks for more.
    async fn deliver_all_events(&self) {
        for event in self.events() {
            self.deliver(&event).await.expect(200);
        }
        self.sweep().await;
    }
}

fn id(order: &Value) -> &str {
    order["id"].as_str().unwrap()
}

fn entries(entries: &[(&str, i64)]) -> Vec<(String, i64)> {
    entries.iter().map(|(account, amount)| ((*account).to_owned(), *amount)).collect()
}

#[tokio::test]
async fn a_payment_that_names_an_order_and_is_not_its_own_pays_nothing_and_its_own_still_does() {
    for (amount, currency) in [(50, "usd"), (TOTAL, "usd"), (TOTAL, "eur")] {
        let logs = Logs::start();
        let shop = Shop::open().await;
        let guest = Shopper::guest();
        let order = shop.ordered(&guest, "k").await;
        let foreign = shop.pay_for_another(id(&order), amount, currency).await;
        shop.deliver_all_events().await;
        shop.deliver_all_events().await;
        assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
        assert!(shop.booked(&order).await.is_empty());
        let alarms = logs.lines(ALARM);
        assert_eq!(alarms.len(), 1, "once, however often the event arrives: {alarms:?}");
        let alarm = alarms[0].to_string();
        assert!([id(&order), &foreign, "not_its_own"].iter().all(|word| alarm.contains(word)), "{alarm}");
        shop.pay_in_the_frontend(&order, "pm_card_visa").await;
        shop.deliver_all_events().await;
        assert_eq!(shop.read(&guest, &order).await["state"], "paid");
        let staff = shop.for_staff(&order).await;
        assert_eq!(staff["payment_intent"], intent(&order));
        assert_eq!(shop.booked(&order).await[0], ("stripe".to_owned(), TOTAL));
    }
}

#[tokio::test]
async fn a_foreign_payment_that_took_nothing_is_no_alarm() {
    let logs = Logs::start();
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.ask_stripe("payment_intents", &[("amount", "50"), ("currency", "usd"), ("metadata[order_id]", id(&order))])
        .await;
    shop.deliver_all_events().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    assert!(logs.lines(ALARM).is_empty());
}

#[tokio::test]
async fn a_foreign_payment_of_an_order_that_was_left_half_way_pays_nothing_either() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    let order: uuid::Uuid = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&mut shop.db).await.unwrap();
    let foreign = shop.pay_for_another(&order.to_string(), TOTAL, "usd").await;
    shop.start_leases_again().await;
    for event in shop.events() {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!(shop.count("orders WHERE state = 'pending'").await, 1, "while its request may still be at it");
    shop.let_leases_end().await;
    shop.sweep().await;
    let order = shop.ordered(&ada, "k").await;
    assert_eq!(order["state"], "paid", "by its own");
    assert_ne!(shop.for_staff(&order).await["payment_intent"], foreign);
    assert_eq!(logs.lines(ALARM).len(), 1);
}

#[tokio::test]
async fn its_own_payment_of_another_amount_or_currency_pays_nothing_and_is_booked_as_what_it_is() {
    for (change, taken, booked, reason) in [
        (json!({"amount": 50}), 50, "USD", "other_amount"),
        (json!({"amount": TOTAL + 1}), TOTAL + 1, "USD", "other_amount"),
        (json!({"currency": "eur"}), TOTAL, "EUR", "other_currency"),
    ] {
        let logs = Logs::start();
        let mut shop = Shop::open().await;
        let guest = Shopper::guest();
        let order = shop.ordered(&guest, "k").await;
        let path = if change["amount"].is_null() { "objects" } else { "dashboard/payment_intents" };
        let body = if path == "objects" { json!({ "members": change }) } else { change.clone() };
        shop.play(&format!("{path}/{}", intent(&order)), body).await;
        shop.pay_in_the_frontend(&order, "pm_card_visa").await;
        shop.deliver_all_events().await;
        shop.deliver_all_events().await;
        let now = shop.read(&guest, &order).await;
        assert_eq!((&now["state"], &now["payment"]["captured"]["amount"]), (&json!("requires_action"), &json!(0)));
        assert_eq!(shop.booked(&order).await, entries(&[("stripe", taken), ("unmatched", -taken)]), "{change}");
        assert_eq!(shop.for_staff(&order).await["ledger"][0]["currency"], booked);
        let alarms = logs.lines(ALARM);
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert!(alarms[0].to_string().contains(reason), "{alarms:?}");

        shop.let_orders_expire().await;
        shop.sweep().await;
        shop.relay().await;
        assert_eq!(shop.read(&guest, &order).await["state"], "expired");
        assert_eq!(shop.services.reservation(id(&order)), Some("released"), "its stock is not lost");
        assert_eq!(shop.booked(&order).await.len(), 2, "and the money is not forgotten");
        assert_eq!(logs.lines(ALARM).len(), 2, "at the deadline once more");
        assert!(shop.services.mails().is_empty(), "the shopper gets no mail");

        let refund = shop.play("dashboard/refunds", json!({"payment_intent": intent(&order)})).await;
        assert_eq!(refund["amount"], taken);
        shop.deliver_all_events().await;
        let back = [("stripe", taken), ("unmatched", -taken), ("unmatched", taken), ("stripe", -taken)];
        assert_eq!(shop.booked(&order).await, entries(&back));
        assert_eq!(shop.read(&guest, &order).await["payment"]["refunded"]["amount"], 0, "of the order, nothing");
        shop.sweep().await;
        assert_eq!(logs.lines(DIFFER), Vec::<Value>::new(), "books and payment agree");
    }
}

#[tokio::test]
async fn money_that_does_not_pay_may_be_given_back_while_its_order_still_waits() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.play(&format!("dashboard/payment_intents/{}", intent(&order)), json!({"amount": 50})).await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    shop.deliver_all_events().await;
    shop.play("dashboard/refunds", json!({"payment_intent": intent(&order)})).await;
    shop.deliver_all_events().await;
    let back = entries(&[("stripe", 50), ("unmatched", -50), ("unmatched", 50), ("stripe", -50)]);
    assert_eq!(shop.booked(&order).await, back);
    let now = shop.read(&guest, &order).await;
    assert_eq!((&now["state"], &now["payment"]["refunded"]["amount"]), (&json!("requires_action"), &json!(0)));
    shop.let_orders_expire().await;
    shop.deliver_all_events().await;
    assert_eq!((&shop.read(&guest, &order).await["state"], shop.booked(&order).await), (&json!("expired"), back));
    shop.sweep().await;
    assert_eq!(logs.lines(DIFFER), Vec::<Value>::new(), "books and payment agree");
}

#[tokio::test]
async fn money_that_was_taken_twice_pays_nothing() {
    let logs = Logs::start();
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    let twice = json!({"members": {"amount_received": 2 * TOTAL}});
    shop.play(&format!("objects/{}", intent(&order)), twice).await;
    shop.deliver_all_events().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    assert_eq!(logs.lines(ALARM).len(), 1);
}

#[tokio::test]
async fn what_a_paid_order_took_is_watched_and_more_than_it_costs_is_an_alarm() {
    let logs = Logs::start();
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    shop.deliver_all_events().await;
    let twice = json!({"members": {"amount_received": 2 * TOTAL}, "event": "payment_intent.updated"});
    shop.play(&format!("objects/{}", intent(&order)), twice).await;
    shop.deliver_all_events().await;
    let order = shop.read(&guest, &order).await;
    assert_eq!((&order["state"], &order["payment"]["captured"]["amount"]), (&json!("paid"), &json!(TOTAL)));
    assert_eq!(logs.lines(ALARM).len(), 1);
}

#[tokio::test]
async fn its_own_payment_is_known_by_its_id_whatever_is_noted_on_it() {
    let shop = Shop::open().await;
    let (guest, other) = (Shopper::guest(), Shopper::guest());
    let (order, another) = (shop.ordered(&guest, "k").await, shop.ordered(&other, "k").await);
    let path = format!("dashboard/payment_intents/{}", intent(&order));
    shop.play(&path, json!({"metadata": {"order_id": id(&another)}})).await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    shop.deliver_all_events().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "paid");
    assert_eq!(shop.read(&other, &another).await["state"], "requires_action");
}

#[tokio::test]
async fn the_own_payment_of_an_old_order_is_distinguished_from_others_and_kept() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.break_stripe("POST", "/v1/payment_intents/*/confirm", json!({"kind": "hang", "after_effect": true}), 9).await;
    shop.break_stripe("GET", "/v1/payment_intents/*", json!({"kind": "drop"}), 90).await;
    shop.order(&ada, "k").send().await.expect(503);
    shop.break_stripe("", "", json!(null), 0).await;
    let order: uuid::Uuid = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&mut shop.db).await.unwrap();
    let foreign = shop.pay_for_another(&order.to_string(), 50, "usd").await;
    let age = "UPDATE orders SET created_at = created_at - interval '13 hours', expires_at = expires_at - interval '13 hours'";
    sqlx::query(age).execute(&mut shop.db).await.unwrap();
    shop.let_leases_end().await;
    shop.sweep().await;
    let order = shop.ordered(&ada, "k").await;
    assert_eq!(order["state"], "paid");
    assert_ne!(shop.for_staff(&order).await["payment_intent"], foreign);
}

#[tokio::test]
async fn an_old_order_of_several_equal_payments_is_left_to_people() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    let order: uuid::Uuid = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&mut shop.db).await.unwrap();
    for _ in 0..2 {
        shop.pay_for_another(&order.to_string(), TOTAL, "usd").await;
    }
    let age = "UPDATE orders SET created_at = created_at - interval '13 hours', expires_at = expires_at - interval '13 hours'";
    sqlx::query(age).execute(&mut shop.db).await.unwrap();
    shop.let_leases_end().await;
    shop.sweep().await;
    assert_eq!(shop.count("orders WHERE state = 'pending'").await, 1);
    let alarms = logs.lines(ALARM);
    assert!(alarms.iter().any(|alarm| alarm.to_string().contains("ambiguous")), "{alarms:?}");
}
