//! One answer of Stripe's that is not understood is one order's affair: all others go on.

use serde_json::{Value, json};
use sqlx::query_scalar;

use crate::{Logs, Shop, Shopper, intent};

const PASSED_OVER: &str = "Stripe object passed over";
const EVENT_PASSED_OVER: &str = "event passed over, look at its order";

impl Shop {
    async fn rewrite(&self, id: &Value, members: Value) {
        self.play(&format!("objects/{}", id.as_str().unwrap()), json!({ "members": members })).await;
    }

    /// A paid order of a guest, which the shop knows of.
    async fn paid(&self) -> (Shopper, Value) {
        let guest = Shopper::guest();
        let order = self.ordered(&guest, "k").await;
        self.pay_in_the_frontend(&order, "pm_card_visa").await;
        for event in self.scenario(&order) {
            self.deliver(&event).await.expect(200);
        }
        assert_eq!(self.read(&guest, &order).await["state"], "paid");
        (guest, order)
    }

    /// An order that was paid while nothing of it reached the shop.
    async fn paid_without_event(&self) -> (Shopper, Value) {
        let guest = Shopper::guest();
        let order = self.ordered(&guest, "k").await;
        self.pay_in_the_frontend(&order, "pm_card_visa").await;
        (guest, order)
    }

    async fn refund(&self, order: &Value, amount: i64) -> Value {
        self.play("dashboard/refunds", json!({"payment_intent": intent(order), "amount": amount})).await
    }

    async fn state(&self, (shopper, order): &(Shopper, Value)) -> Value {
        self.read(shopper, order).await["state"].clone()
    }

    /// Each event of the order is answered 200, changes nothing, raises the alarm and is remembered.
    async fn must_be_passed_over_by_webhook(&mut self, order: &(Shopper, Value), logs: &Logs, why: &str) {
        for event in self.scenario(&order.1) {
            self.deliver(&event).await.expect(200);
        }
        assert_eq!(self.state(order).await, "requires_action", "{why}");
        let id = intent(&order.1);
        let lines = logs.lines(EVENT_PASSED_OVER);
        assert!(lines.iter().all(|line| line.to_string().contains(&id)) && !lines.is_empty(), "{why}: {lines:?}");
        assert_eq!(self.count("stripe_passed_over WHERE due_at <= now()").await, 1, "{why}");
    }

    async fn refunded(&self, (shopper, order): &(Shopper, Value)) -> Value {
        self.read(shopper, order).await["payment"]["refunded"]["amount"].clone()
    }
}

#[tokio::test]
async fn a_refund_in_a_status_that_is_new_or_none_holds_up_no_other_order() {
    for status in [json!(null), json!("on_hold")] {
        let logs = Logs::start();
        let shop = Shop::open().await;
        let odd = shop.paid().await;
        let refund = shop.refund(&odd.1, 100).await;
        shop.rewrite(&refund["id"], json!({ "status": status })).await;
        shop.refund(&odd.1, 20).await;
        let other = shop.paid_without_event().await;
        assert_eq!(shop.sweep().await["passed_over"], 0, "it is read, and waited for");
        assert_eq!(shop.state(&other).await, "paid");
        assert_eq!((shop.state(&odd).await, shop.refunded(&odd).await), (json!("paid"), json!(20)), "never guessed");
        for event in shop.scenario(&odd.1) {
            shop.deliver(&event).await.expect(200);
        }
        let alarms = logs.lines("Stripe status not understood");
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        shop.play(
            &format!("objects/{}", refund["id"].as_str().unwrap()),
            json!({"members": {"status": "succeeded"}, "event": "refund.updated"}),
        )
        .await;
        shop.sweep().await;
        assert_eq!(shop.refunded(&odd).await, 120);
    }
}

#[tokio::test]
async fn a_refund_that_cannot_be_read_is_passed_over_with_an_alarm_and_booked_once_it_can() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let odd = shop.paid().await;
    let refund = shop.refund(&odd.1, 100).await;
    shop.rewrite(&refund["id"], json!({"amount": {"value": 100}})).await;
    shop.refund(&odd.1, 20).await;
    let other = shop.paid_without_event().await;
    let swept = shop.sweep().await;
    assert!(swept["passed_over"].as_u64().unwrap() > 0, "{swept}");
    assert_eq!((shop.state(&other).await, shop.refunded(&odd).await), (json!("paid"), json!(20)));
    let lines = logs.lines(PASSED_OVER);
    assert!(lines.iter().all(|line| line.to_string().contains(refund["id"].as_str().unwrap())) && !lines.is_empty());
    for event in shop.scenario(&odd.1) {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!(shop.count("stripe_passed_over").await, 1);
    shop.rewrite(&refund["id"], json!({"amount": 100})).await;
    let swept = shop.sweep().await;
    assert_eq!(swept["passed_over"], 0, "{swept}");
    assert_eq!((shop.refunded(&odd).await, shop.count("stripe_passed_over").await), (json!(120), 0));
}

#[tokio::test]
async fn a_payment_that_cannot_be_read_is_passed_over_and_found_once_it_can() {
    for odd in [json!({"amount": "1620"}), json!({"status": 7}), json!({"created": null})] {
        let logs = Logs::start();
        let mut shop = Shop::open().await;
        let (first, second) = (shop.paid_without_event().await, shop.paid_without_event().await);
        let id = json!(intent(&first.1));
        let before = shop.stripe.all("payment_intent").into_iter().find(|kept| kept["id"] == id).unwrap();
        shop.rewrite(&id, odd.clone()).await;
        let swept = shop.sweep().await;
        assert!(swept["passed_over"].as_u64().unwrap() > 0, "{odd}: {swept}");
        assert_eq!((shop.state(&first).await, shop.state(&second).await), (json!("requires_action"), json!("paid")));
        let lines = logs.lines(EVENT_PASSED_OVER);
        assert!(lines.iter().all(|line| line.to_string().contains(id.as_str().unwrap())) && !lines.is_empty());
        assert_eq!(shop.count("stripe_passed_over").await, 1);
        shop.rewrite(&id, before).await;
        shop.sweep().await;
        assert_eq!((shop.state(&first).await, shop.count("stripe_passed_over").await), (json!("paid"), 0));
    }
}

#[tokio::test]
async fn a_payment_that_stripe_cannot_show_holds_up_no_other_order_however_long() {
    let mut shop = Shop::open().await;
    let (first, second) = (shop.paid_without_event().await, shop.paid_without_event().await);
    let path = format!("/v1/payment_intents/{}", intent(&first.1));
    shop.break_stripe("GET", &path, json!({"kind": "error", "status": 500}), 1000).await;
    let swept = shop.sweep().await;
    assert_eq!(swept["passed_over"], 3, "all its events, and it was asked for once: {swept}");
    assert_eq!((shop.state(&first).await, shop.state(&second).await), (json!("requires_action"), json!("paid")));
    assert_eq!(shop.count("stripe_passed_over").await, 1);
    shop.break_stripe("", "", json!(null), 0).await;
    sqlx::query("UPDATE stripe_passed_over SET due_at = now() - interval '1 second'")
        .execute(&mut shop.db)
        .await
        .unwrap();
    shop.sweep().await;
    assert_eq!((shop.state(&first).await, shop.count("stripe_passed_over").await), (json!("paid"), 0));
}

#[tokio::test]
async fn an_order_that_the_database_refuses_to_change_holds_up_no_other() {
    let mut shop = Shop::open().await;
    let (first, second) = (shop.paid_without_event().await, shop.paid_without_event().await);
    let refuse = format!(
        "ALTER TABLE ledger_entries ADD CONSTRAINT odd CHECK (order_id <> '{}')",
        first.1["id"].as_str().unwrap()
    );
    sqlx::query(sqlx::AssertSqlSafe(refuse)).execute(&mut shop.db).await.unwrap();
    let swept = shop.sweep().await;
    assert!(swept["passed_over"].as_u64().unwrap() > 0, "{swept}");
    assert_eq!((shop.state(&first).await, shop.state(&second).await), (json!("requires_action"), json!("paid")));
    assert_eq!(shop.count("stripe_passed_over").await, 1);
    sqlx::query("ALTER TABLE ledger_entries DROP CONSTRAINT odd").execute(&mut shop.db).await.unwrap();
    shop.sweep().await;
    assert_eq!((shop.state(&first).await, shop.count("stripe_passed_over").await), (json!("paid"), 0));
}

#[tokio::test]
async fn what_is_passed_over_is_tried_ever_more_rarely_and_every_six_hours_at_least() {
    let mut shop = Shop::open().await;
    let odd = shop.paid_without_event().await;
    shop.rewrite(&json!(intent(&odd.1)), json!({"amount": {}})).await;
    shop.sweep().await;
    let mut pauses: Vec<f64> = Vec::new();
    for _ in 0..14 {
        sqlx::query("UPDATE stripe_passed_over SET due_at = now() - interval '1 second'")
            .execute(&mut shop.db)
            .await
            .unwrap();
        shop.sweep().await;
        let pause = "SELECT extract(epoch FROM due_at - now())::float8 FROM stripe_passed_over";
        pauses.push(query_scalar(pause).fetch_one(&mut shop.db).await.unwrap());
    }
    assert!(pauses.windows(2).all(|two| two[1] > two[0] - 60.0), "{pauses:?}");
    assert!(pauses[0] < 120.0 && (20_000.0..=21_600.0).contains(&pauses[13]), "{pauses:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_passed_over_and_those_behind_it_are_applied() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let order = shop.paid_without_event().await;
    let events = shop.events();
    let odd = &events[events.len() - 1]["id"];
    shop.rewrite(odd, json!({"type": {}})).await;
    let swept = shop.sweep().await;
    assert_eq!((&swept["passed_over"], shop.state(&order).await), (&json!(1), json!("paid")));
    assert!(logs.lines(PASSED_OVER)[0].to_string().contains(odd.as_str().unwrap()));
    let cursor: String =
        query_scalar("SELECT event_id FROM stripe_event_cursor").fetch_one(&mut shop.db).await.unwrap();
    assert_eq!(cursor, *odd, "the next sweep begins behind it");
    assert_eq!(shop.sweep().await["events"], 0);
}

#[tokio::test]
async fn a_payment_in_a_status_that_is_new_is_waited_for_and_neither_paid_nor_expired() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    let id = json!(intent(&order));
    shop.rewrite(&id, json!({"status": "on_hold"})).await;
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("held"));
    assert!(!logs.lines("Stripe status not understood").is_empty());
    shop.rewrite(&id, json!({"status": "requires_payment_method"})).await;
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["state"], "expired");
}

#[tokio::test]
async fn while_stripe_asks_for_fewer_calls_a_sweep_stops_where_it_is_and_loses_nothing() {
    let mut shop = Shop::open().await;
    let (first, second) = (shop.paid_without_event().await, shop.paid_without_event().await);
    let path = format!("/v1/payment_intents/{}", intent(&second.1));
    shop.break_stripe("GET", &path, json!({"kind": "rate_limit"}), 1).await;
    platform::Service::sweep(&shop.app).await.unwrap_err();
    assert_eq!((shop.state(&first).await, shop.state(&second).await), (json!("paid"), json!("requires_action")));
    assert_eq!(shop.count("stripe_passed_over").await, 0);
    let calls = shop.stripe.calls().len();
    shop.sweep().await;
    assert_eq!((shop.state(&first).await, shop.state(&second).await), (json!("paid"), json!("paid")));
    let asked = shop.stripe.calls().split_off(calls);
    assert!(!asked.iter().any(|call| call.path.ends_with(&intent(&first.1))), "what was done is not done again");
}

#[tokio::test]
async fn a_webhook_that_cannot_be_applied_is_remembered_with_an_alarm_and_answered_200() {
    for odd in [json!({"amount": "1620"}), json!({"status": 7}), json!({"metadata": []})] {
        let logs = Logs::start();
        let mut shop = Shop::open().await;
        let order = shop.paid_without_event().await;
        let id = json!(intent(&order.1));
        let before = shop.stripe.all("payment_intent").into_iter().find(|kept| kept["id"] == id).unwrap();
        shop.rewrite(&id, odd.clone()).await;
        shop.must_be_passed_over_by_webhook(&order, &logs, &odd.to_string()).await;
        shop.rewrite(&id, before).await;
        shop.sweep().await;
        assert_eq!((shop.state(&order).await, shop.count("stripe_passed_over").await), (json!("paid"), 0), "{odd}");
    }
}

#[tokio::test]
async fn a_webhook_about_an_order_that_is_stored_wrongly_or_may_not_change_is_answered_200() {
    for (harm, mend) in [
        ("UPDATE orders SET email = 'nowhere'", "UPDATE orders SET email = 'ada@example.com'"),
        (
            "ALTER TABLE ledger_entries ADD CONSTRAINT odd CHECK (amount = 0)",
            "ALTER TABLE ledger_entries DROP CONSTRAINT odd",
        ),
    ] {
        let logs = Logs::start();
        let mut shop = Shop::open().await;
        let order = shop.paid_without_event().await;
        sqlx::query(harm).execute(&mut shop.db).await.unwrap();
        for event in shop.scenario(&order.1) {
            shop.deliver(&event).await.expect(200);
        }
        sqlx::query(mend).execute(&mut shop.db).await.unwrap();
        assert_eq!(shop.state(&order).await, "requires_action", "{harm}");
        assert!(!logs.lines(EVENT_PASSED_OVER).is_empty(), "{harm}");
        assert_eq!(shop.count("stripe_passed_over WHERE cause <> ''").await, 1, "{harm}");
        shop.sweep().await;
        assert_eq!((shop.state(&order).await, shop.count("stripe_passed_over").await), (json!("paid"), 0), "{harm}");
    }
}

#[tokio::test]
async fn a_webhook_that_leads_to_a_refund_that_cannot_be_read_is_remembered_and_the_rest_is_booked() {
    let mut shop = Shop::open().await;
    let odd = shop.paid().await;
    let refund = shop.refund(&odd.1, 100).await;
    shop.rewrite(&refund["id"], json!({"amount": {"value": 100}})).await;
    shop.refund(&odd.1, 20).await;
    for event in shop.scenario(&odd.1) {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!((shop.refunded(&odd).await, shop.count("stripe_passed_over").await), (json!(20), 1));
}

#[tokio::test]
async fn a_webhook_is_answered_503_and_comes_again_while_stripe_or_the_database_does_not_answer() {
    for fault in [
        json!({"kind": "drop"}),
        json!({"kind": "error", "status": 500}),
        json!({"kind": "rate_limit"}),
        json!({"kind": "refuse", "status": 429, "code": "lock_timeout"}),
    ] {
        let logs = Logs::start();
        let mut shop = Shop::open().await;
        let order = shop.paid_without_event().await;
        let event = shop.scenario(&order.1).pop().unwrap();
        shop.break_stripe("GET", "/v1/payment_intents/*", fault.clone(), 50).await;
        shop.deliver(&event).await.expect(503);
        shop.break_stripe("", "", json!(null), 0).await;
        shop.network.cut();
        shop.deliver(&event).await.expect(503);
        shop.network.heal();
        // The pool finds out one by one that its connections are gone.
        for _ in 0..5 {
            if shop.deliver(&event).await.status != 503 {
                break;
            }
        }
        assert_eq!((logs.lines(EVENT_PASSED_OVER).len(), shop.count("stripe_passed_over").await), (0, 0), "{fault}");
        shop.deliver(&event).await.expect(200);
        assert_eq!(shop.state(&order).await, "paid", "{fault}");
    }
}

#[tokio::test]
async fn while_stripe_refuses_our_key_a_webhook_is_an_error_and_comes_again() {
    let mut shop = Shop::open().await;
    let order = shop.paid_without_event().await;
    let event = shop.scenario(&order.1).pop().unwrap();
    let refuse = json!({"kind": "refuse", "status": 401, "code": null});
    shop.break_stripe("GET", "/v1/payment_intents/*", refuse, 50).await;
    shop.deliver(&event).await.expect(500);
    assert_eq!(shop.count("stripe_passed_over").await, 0);
    shop.break_stripe("", "", json!(null), 0).await;
    shop.deliver(&event).await.expect(200);
    assert_eq!(shop.state(&order).await, "paid");
}
