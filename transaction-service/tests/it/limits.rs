//! What one caller, one recipient and one source address may have open, hold and have declined.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{query, query_as, query_scalar};
use testkit::{Answer, client::Sending, tokens};
use uuid::Uuid;

use crate::{KEY, Logs, Shop, Shopper, TOTAL, insist, service_double::UNIT_PRICE, usd};

const OFFICE: &str = "203.0.113.7";
const DECLINED: &str = "pm_card_visa_chargeDeclined";

impl Shop {
    /// Orders so many units.
    fn order_units(&self, shopper: &Shopper, key: &str, units: i64) -> Sending {
        let mut request = shopper.request();
        request["lines"][0]["quantity"] = json!(units);
        request["expected_total"] = usd(units * UNIT_PRICE * 108 / 100 + 540);
        self.client.post("/orders").token(&shopper.token).header(KEY, key).json(&request)
    }

    /// A guest who was never here before orders one unit, for this address.
    fn stranger(&self, email: &str) -> Sending {
        let guest = Shopper::guest();
        let mut request = guest.request();
        request["email"] = json!(email);
        self.client.post("/orders").token(&guest.token).header(KEY, "k").json(&request)
    }

    /// What the counters of this kind have, summed: open orders, units, declines.
    async fn counted(&mut self, kind: &str) -> (i64, i64, i64) {
        let sum = "SELECT coalesce(sum(open_orders), 0)::bigint, coalesce(sum(held_units), 0)::bigint,
                          coalesce(sum(declines), 0)::bigint FROM limit_counters WHERE kind = $1";
        query_as(sum).bind(kind).fetch_one(&mut self.db).await.unwrap()
    }

    fn held(&self) -> usize {
        let orders = self.services.seen("PUT /inventory");
        let held = |line: &str| self.services.reservation(line.rsplit('/').next().unwrap()) == Some("held");
        orders.iter().filter(|seen| held(&seen.line)).count()
    }

    /// Delivers all events of this order.
    async fn deliver_all(&self, order: &Value) {
        for event in self.scenario(order) {
            self.deliver(&event).await.expect(200);
        }
    }
}

fn is_limited(answer: &Answer, status: u16, kind: &str, counted_by: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    let body = answer.json();
    assert_eq!((&body["type"], &body["counted_by"]), (&json!(kind), &json!(counted_by)));
}

#[tokio::test]
async fn a_guest_holds_a_hundred_units_without_paying_and_not_one_more() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let mut open = Vec::new();
    for nth in 0..20 {
        let answer = shop.order_units(&guest, &format!("k{nth}"), 25).send().await;
        if nth < 4 {
            open.push(answer.expect(201).json()["id"].clone());
            continue;
        }
        is_limited(&answer, 409, "too_many_units_held", "caller");
        assert_eq!(answer.json()["open_orders"], json!(open), "which ones can be paid or cancelled");
    }
    assert_eq!((shop.services.seen("PUT /inventory").len(), shop.held()), (4, 4), "refused before stock is reserved");
    assert_eq!(shop.counted("guest").await, (4, 100, 0));
    shop.cancel(&guest, &json!({"id": open[0]})).await.expect(200);
    shop.order_units(&guest, "k4", 26).send().await.expect(409);
    shop.order_units(&guest, "k4", 25).send().await.expect(201);
}

#[tokio::test]
async fn one_order_of_more_units_than_may_be_held_is_refused_and_says_how_many_may() {
    let shop = Shop::open_with_default_limits().await;
    let ada = shop.customer("pm_card_visa").await;
    let refused = shop.order_units(&ada, "k", 101).send().await;
    is_limited(&refused, 409, "too_many_units_held", "caller");
    assert!(refused.json()["detail"].as_str().unwrap().contains("at most 100 units"), "{}", refused.text());
    assert_eq!(refused.json()["open_orders"], Value::Null, "there are none");
    shop.order_units(&ada, "k", 100).send().await.expect(201);
}

#[tokio::test]
async fn the_units_of_a_cart_count_before_they_are_reserved() {
    let shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let items = json!([{"sku": "TEE-1", "quantity": 60}, {"sku": "TEE-2", "quantity": 41}]);
    shop.services.set_cart(&guest.id.to_string(), 1, &items);
    let mut request = guest.request();
    request.as_object_mut().unwrap().remove("lines");
    request["cart_version"] = json!(1);
    let order = shop.client.post("/orders").token(&guest.token).header(KEY, "k").json(&request).send().await;
    is_limited(&order, 409, "too_many_units_held", "caller");
    assert!(shop.services.seen("PUT /inventory").is_empty());
}

#[tokio::test]
async fn five_orders_of_a_caller_wait_for_payment_and_a_sixth_once_one_of_them_is_paid() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let mut orders = Vec::new();
    for nth in 0..5 {
        orders.push(shop.ordered(&guest, &format!("k{nth}")).await);
    }
    shop.network.take_commands();
    is_limited(&shop.order(&guest, "k5").send().await, 409, "too_many_open_orders", "caller");
    assert_eq!(shop.network.take_commands().len(), 2, "the look says so; which ones are open");
    shop.pay_in_the_frontend(&orders[2], "pm_card_visa").await;
    shop.sweep().await;
    shop.ordered(&guest, "k5").await;
    is_limited(&shop.order(&guest, "k6").send().await, 409, "too_many_open_orders", "caller");
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.counted("guest").await, (0, 0, 0));
    shop.ordered(&guest, "k6").await;
}

#[tokio::test]
async fn orders_that_are_paid_at_once_meet_no_limit() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = shop.customer("pm_card_visa").await;
    for nth in 0..12 {
        let paid = shop.order_units(&ada, &format!("k{nth}"), 60).from(OFFICE).send().await.expect(201).json();
        assert_eq!(paid["state"], "paid");
    }
    assert_eq!((shop.counted("user").await, shop.counted("source").await), ((0, 0, 0), (0, 0, 0)));
}

#[tokio::test]
async fn thirty_at_once_get_no_more_than_five_in_a_row_and_give_back_what_they_reserved() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let keys: Vec<String> = (0..30).map(|nth| format!("k{nth}")).collect();
    let send = |key: &str| shop.order(&guest, key).from(OFFICE);
    let answers = join_all(keys.iter().map(|key| insist(send, key))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        is_limited(answer, 409, "too_many_open_orders", "caller");
    }
    assert_eq!((made, shop.count("orders").await), (5, 5));
    assert_eq!((shop.counted("guest").await, shop.counted("source").await), ((5, 5, 0), (5, 5, 0)));
    while shop.count("outbox").await > 0 {
        shop.relay().await;
    }
    assert_eq!(shop.held(), 5);
    assert_eq!(shop.sweep().await["counters"]["repaired"], 0);
}

#[tokio::test]
async fn fresh_guests_from_one_address_are_counted_together_and_the_next_house_is_not_hindered() {
    let mut shop = Shop::open_with_default_limits().await;
    let emails: Vec<String> = (0..64).map(|nth| format!("guest-{nth}@example.com")).collect();
    // Each time it is sent it is another guest's.
    let answers = join_all(emails.iter().map(|email| insist(|_| shop.stranger(email).from(OFFICE), ""))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        is_limited(answer, 409, "too_many_open_orders", "source");
        assert_eq!(answer.json()["open_orders"], Value::Null, "those of others are none of theirs");
    }
    assert_eq!((made, shop.counted("source").await.0), (20, 20));
    shop.stranger("next-door@example.com").from("203.0.113.8").send().await.expect(201);
    shop.stranger("unknown@example.com").send().await.expect(201);
}

#[tokio::test]
async fn an_address_that_guests_give_is_counted_and_hinders_no_account() {
    let shop = Shop::open_with_default_limits().await;
    for spelling in ["ada@example.com", "Ada@example.com", "ada@EXAMPLE.com", "ADA@example.com", "ada@example.com"] {
        shop.stranger(spelling).send().await.expect(201);
    }
    is_limited(&shop.stranger("ada@example.com").send().await, 409, "too_many_open_orders", "recipient");
    shop.stranger("bob@example.com").send().await.expect(201);
    let ada = shop.customer("pm_card_visa").await;
    assert_eq!(shop.ordered(&ada, "k").await["state"], "paid", "whose address it is may order");
}

#[tokio::test]
async fn after_ten_declined_payments_a_caller_waits_for_the_window_to_end_and_others_do_not() {
    let mut shop = Shop::open_with_default_limits().await;
    let bob = shop.customer("pm_card_chargeCustomerFail").await;
    for nth in 0..25 {
        let answer = shop.order(&bob, &format!("k{nth}")).from(OFFICE).send().await;
        if nth < 10 {
            assert_eq!(answer.expect(201).json()["state"], "payment_failed");
            continue;
        }
        is_limited(&answer, 429, "too_many_declines", "caller");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{wait} s");
    }
    assert_eq!((shop.counted("user").await, shop.counted("source").await), ((0, 0, 10), (0, 0, 10)));
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.order(&ada, "k").from(OFFICE).send().await.expect(201).json();
    assert_eq!(order["state"], "paid", "a neighbour at the same address");
    let pass = "UPDATE limit_counters SET declines_until = now() - interval '1 second'";
    query(pass).execute(&mut shop.db).await.unwrap();
    shop.ordered(&bob, "later").await;
    assert_eq!(shop.counted("user").await.2, 1, "the count begins anew");
}

#[tokio::test]
async fn a_payment_that_stripe_refuses_to_make_counts_as_declined() {
    let mut shop = Shop::open_with_default_limits().await;
    let mut ada = shop.customer("pm_card_visa").await;
    ada.payment_method = Some("pm_none".to_owned());
    for nth in 0..40 {
        let answer = shop.order(&ada, &format!("k{nth}")).send().await;
        assert_eq!(answer.status.as_u16(), if nth < 10 { 201 } else { 429 }, "{}", answer.text());
    }
    shop.relay().await;
    assert!(shop.services.mails().is_empty(), "a failed try is answered, not mailed");
}

#[tokio::test]
async fn declines_that_are_sent_at_once_do_not_slip_through_together() {
    let mut shop = Shop::open_with(&[("DECLINES_PER_OWNER", "4"), ("DECLINES_PER_SOURCE", "6")]).await;
    let (bob, eve) =
        (shop.customer("pm_card_chargeCustomerFail").await, shop.customer("pm_card_chargeCustomerFail").await);
    for (shopper, most) in [(&bob, 4), (&eve, 6 - 4)] {
        let before = shop.stripe.charges().len();
        let keys: Vec<String> = (0..25).map(|nth| format!("k{nth}")).collect();
        let send = |key: &str| shop.order(shopper, key).from(OFFICE);
        let answers = join_all(keys.iter().map(|key| insist(send, key))).await;
        let tried = shop.stripe.charges().len() - before;
        assert!((1..=most).contains(&tried), "{tried} cards were tried");
        assert!(answers.iter().all(|answer| [201, 429].contains(&answer.status.as_u16())));
    }
    assert!(shop.counted("source").await.2 <= 6);
}

#[tokio::test]
async fn a_payment_of_the_frontend_ends_after_five_declined_cards_and_its_stock_is_free_at_once() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.order(&guest, "k").from(OFFICE).send().await.expect(201).json();
    let logs = Logs::with(platform::metrics::Metrics::Emf);
    for nth in 1..=5 {
        assert_eq!(shop.read(&guest, &order).await["state"], "requires_action", "before decline {nth}");
        shop.pay_in_the_frontend(&order, DECLINED).await;
        shop.deliver_all(&order).await;
    }
    let failed = shop.read(&guest, &order).await;
    assert_eq!((&failed["state"], &failed["payment"]["client_secret"]), (&json!("payment_failed"), &Value::Null));
    assert_eq!(failed["payment"]["failure"]["code"], "generic_decline");
    let declined = logs.take_metrics().into_iter().filter(|datum| datum.name == "PaymentsDeclined").count();
    assert_eq!(declined, 5, "each try is counted, and the end that they bring is not another");
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    assert_eq!(shop.charged().0, 0, "it can never be charged");
    assert_eq!(shop.counted("guest").await, (0, 0, 5));
    assert_eq!((shop.counted("source").await, shop.counted("recipient").await), ((0, 0, 5), (0, 0, 5)));
    shop.relay().await;
    assert_eq!(shop.services.reservation(order["id"].as_str().unwrap()), Some("released"));
    assert!(shop.services.mails().is_empty());
}

#[tokio::test]
async fn a_declined_try_counts_once_however_often_and_when_it_is_reported() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    for _ in 0..3 {
        shop.pay_in_the_frontend(&order, DECLINED).await;
    }
    let mut scenario = shop.scenario(&order);
    scenario.extend(scenario.clone());
    scenario.reverse();
    join_all(scenario.iter().map(|event| shop.deliver(event))).await;
    shop.sweep().await;
    shop.sweep().await;
    assert_eq!(shop.counted("guest").await, (1, 1, 3));
    // Stripe may tell of one thing by two events.
    let mut twin = scenario.into_iter().find(|event| event["type"] == "payment_intent.payment_failed").unwrap();
    twin["id"] = json!("evt_twin");
    shop.deliver(&twin).await.expect(200);
    assert_eq!(shop.counted("guest").await, (1, 1, 3));
}

#[tokio::test]
async fn declines_that_are_reported_after_the_order_closed_still_count() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.order(&guest, "k").from(OFFICE).send().await.expect(201).json();
    for _ in 0..8 {
        shop.pay_in_the_frontend(&order, DECLINED).await;
    }
    shop.deliver_all(&order).await;
    assert_eq!(shop.read(&guest, &order).await["state"], "payment_failed");
    assert_eq!((shop.counted("guest").await, shop.counted("source").await), ((0, 0, 8), (0, 0, 8)));
}

#[tokio::test]
async fn declined_tries_of_several_orders_end_the_next_one_at_the_callers_limit() {
    let shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let mut orders = Vec::new();
    for nth in 0..3 {
        orders.push(shop.ordered(&guest, &format!("k{nth}")).await);
    }
    for _ in 0..4 {
        for order in &orders {
            shop.pay_in_the_frontend(order, DECLINED).await;
            shop.deliver_all(order).await;
        }
    }
    let mut states = Vec::new();
    for order in &orders {
        states.push(shop.read(&guest, order).await["state"].clone());
    }
    assert_eq!(states, ["payment_failed", "payment_failed", "payment_failed"], "four declines each are twelve");
    is_limited(&shop.order(&guest, "k3").send().await, 429, "too_many_declines", "caller");
}

#[tokio::test]
async fn a_decline_that_was_counted_and_not_acted_on_closes_its_order_when_it_is_reported_again() {
    let mut shop = Shop::open_with_default_limits().await;
    let ordered = async |shop: &Shop, guest: &Shopper| {
        let mut request = guest.request();
        request["email"] = json!("ada@example.com");
        shop.client.post("/orders").token(&guest.token).header(KEY, "k").json(&request).send().await.expect(201).json()
    };
    for _ in 0..3 {
        let other = Shopper::guest();
        let order = ordered(&shop, &other).await;
        for _ in 0..3 {
            shop.pay_in_the_frontend(&order, DECLINED).await;
        }
        shop.deliver_all(&order).await;
        shop.cancel(&other, &order).await.expect(200);
    }
    let guest = Shopper::guest();
    let order = ordered(&shop, &guest).await;
    shop.pay_in_the_frontend(&order, DECLINED).await;
    // The service dies between the two statements.
    let cut = "ALTER TABLE orders ADD CONSTRAINT cut CHECK (NOT no_more_tries) NOT VALID";
    sqlx::query(cut).execute(&mut shop.db).await.unwrap();
    shop.deliver_all(&order).await;
    assert_eq!(shop.counted("recipient").await, (1, 1, 10));
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    sqlx::query("ALTER TABLE orders DROP CONSTRAINT cut").execute(&mut shop.db).await.unwrap();
    shop.deliver_all(&order).await;
    assert_eq!(shop.read(&guest, &order).await["state"], "payment_failed", "ten declines of one recipient");
    assert_eq!(shop.counted("recipient").await, (0, 0, 10), "and none was counted twice");
}

#[tokio::test]
async fn cards_that_fresh_guests_try_from_one_address_are_counted_together() {
    let mut shop = Shop::open_with_default_limits().await;
    let mut tried = 0;
    for nth in 0..40 {
        let guest = Shopper::guest();
        let mut request = guest.request();
        request["email"] = json!(format!("{nth}@example.com"));
        let order = shop.client.post("/orders").token(&guest.token).header(KEY, "k").json(&request).from(OFFICE);
        let answer = order.send().await;
        if answer.status == 429 {
            is_limited(&answer, 429, "too_many_declines", "source");
            break;
        }
        let order = answer.expect(201).json();
        for _ in 0..3 {
            shop.pay_in_the_frontend(&order, DECLINED).await;
            tried += 1;
        }
        shop.deliver_all(&order).await;
        shop.cancel(&guest, &order).await.expect(200);
    }
    assert_eq!((tried, shop.counted("source").await), (21, (0, 0, 21)));
    shop.stranger("next-door@example.com").from("203.0.113.8").send().await.expect(201);
}

#[tokio::test]
async fn a_shopper_who_mistypes_a_card_and_pays_is_not_hindered() {
    let shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    for card in [DECLINED, DECLINED, DECLINED, DECLINED, "pm_card_visa"] {
        shop.pay_in_the_frontend(&order, card).await;
        shop.deliver_all(&order).await;
    }
    assert_eq!(shop.read(&guest, &order).await["state"], "paid");
    assert_eq!(shop.charged(), (1, TOTAL));
    shop.ordered(&guest, "k2").await;
}

#[tokio::test]
async fn an_order_remembers_hashes_of_its_addresses_until_it_is_over() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.order(&guest, "k").from(OFFICE).send().await.expect(201).json();
    let hashes = "SELECT octet_length(recipient_key) + octet_length(source_key) FROM orders";
    assert_eq!(query_scalar::<_, Option<i32>>(hashes).fetch_one(&mut shop.db).await.unwrap(), Some(32));
    shop.pay_in_the_frontend(&order, DECLINED).await;
    shop.deliver_all(&order).await;
    shop.cancel(&guest, &order).await.expect(200);
    assert_eq!(shop.sweep().await["counters"], json!({"expired": 0, "forgotten": 0, "repaired": 0}));
    let kept: Option<i32> = query_scalar(hashes).fetch_one(&mut shop.db).await.unwrap();
    assert_eq!(kept, Some(32), "more declines of it may be reported");
    for pass in [
        "UPDATE orders SET updated_at = updated_at - interval '2 hours'",
        "UPDATE limit_counters SET expires_at = now() - interval '1 second'",
    ] {
        query(pass).execute(&mut shop.db).await.unwrap();
    }
    assert_eq!(shop.sweep().await["counters"], json!({"expired": 3, "forgotten": 1, "repaired": 0}));
    assert_eq!(query_scalar::<_, Option<i32>>(hashes).fetch_one(&mut shop.db).await.unwrap(), None);
    assert_eq!(shop.count("limit_counters").await, 0);

    let paid = shop.order(&guest, "k2").from(OFFICE).send().await.expect(201).json();
    shop.pay_in_the_frontend(&paid, "pm_card_visa").await;
    shop.sweep().await;
    assert_eq!(shop.count("orders WHERE recipient_key IS NOT NULL OR source_key IS NOT NULL").await, 0);
}

#[tokio::test]
async fn a_counter_that_counts_open_orders_does_not_expire() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    shop.ordered(&guest, "k").await;
    let pass = "UPDATE limit_counters SET expires_at = now() - interval '1 second'";
    query(pass).execute(&mut shop.db).await.unwrap();
    assert_eq!(shop.sweep().await["counters"]["expired"], 0);
    assert_eq!(shop.counted("guest").await, (1, 1, 0));
}

#[tokio::test]
async fn counters_that_differ_from_the_open_orders_are_reported_and_set_right() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    shop.order_units(&guest, "k", 3).from(OFFICE).send().await.expect(201);
    shop.order_units(&guest, "k2", 4).from(OFFICE).send().await.expect(201);
    for wrong in [
        "UPDATE limit_counters SET open_orders = 9 WHERE kind = 'guest'",
        "UPDATE limit_counters SET held_units = 0 WHERE kind = 'source'",
        "DELETE FROM limit_counters WHERE kind = 'recipient'",
    ] {
        query(wrong).execute(&mut shop.db).await.unwrap();
        assert_eq!(shop.sweep().await["counters"]["repaired"], 1, "{wrong}");
        assert_eq!(shop.sweep().await["counters"]["repaired"], 0);
    }
    for kind in ["guest", "recipient", "source"] {
        assert_eq!(shop.counted(kind).await, (2, 7, 0), "{kind}");
    }
}

#[tokio::test]
async fn an_order_from_before_there_were_counters_comes_to_its_end() {
    let mut shop = Shop::open_with_default_limits().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    for old in [
        "UPDATE orders SET counted_units = NULL, recipient_key = NULL, source_key = NULL",
        "DELETE FROM limit_counters",
    ] {
        query(old).execute(&mut shop.db).await.unwrap();
    }
    shop.cancel(&guest, &order).await.expect(200);
    assert_eq!(shop.sweep().await["counters"]["repaired"], 0);
}

#[tokio::test]
async fn a_crash_between_the_commits_leaves_an_order_counted_until_the_sweep_has_finished_it() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.leave_half_way(&ada).await;
    assert_eq!(shop.counted("user").await, (1, 1, 0));
    shop.let_leases_end().await;
    shop.sweep().await;
    assert_eq!(shop.counted("user").await, (0, 0, 0));
}

#[tokio::test]
async fn a_lower_limit_counts_what_is_open_already() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    for nth in 0..4 {
        shop.ordered(&guest, &format!("k{nth}")).await;
    }
    let lower = [("OPEN_ORDERS_PER_OWNER", "3")];
    let app = crate::app(&shop.postgres.url, &shop.services.url, &shop.stripe, &lower);
    let client = testkit::Client::new(transaction_service::router(app));
    let order = client.post("/orders").token(&guest.token).header(KEY, "k4").json(&guest.request()).send().await;
    is_limited(&order, 409, "too_many_open_orders", "caller");
    let first = shop.client.get("/orders").token(&guest.token).send().await.expect(200).json()["items"][0].clone();
    shop.cancel(&guest, &first).await.expect(200);
}

#[tokio::test]
async fn orders_of_one_caller_and_source_that_open_and_close_at_once_neither_lock_each_other_nor_miscount() {
    let mut shop = Shop::open().await;
    let guests: Vec<Shopper> = (0..4).map(|_| Shopper::guest()).collect();
    let rounds = (0..40).map(|nth| {
        let (shop, guest) = (&shop, &guests[nth % 4]);
        async move {
            let order = shop.order(guest, &format!("k{nth}")).from(OFFICE).send().await.expect(201).json();
            shop.cancel(guest, &order).await.expect(200);
        }
    });
    tokio::time::timeout(Duration::from_mins(1), join_all(rounds)).await.unwrap();
    for kind in ["guest", "recipient", "source"] {
        assert_eq!(shop.counted(kind).await, (0, 0, 0), "{kind}");
    }
    assert_eq!(shop.sweep().await["counters"]["repaired"], 0);
}

#[tokio::test]
async fn a_customer_and_a_guest_of_one_id_are_counted_apart() {
    let mut shop = Shop::open_with_default_limits().await;
    let id = Uuid::now_v7();
    let guest = Shopper { id, token: tokens::guest(id, "orders"), payment_method: None };
    let customer = Shopper { id, token: tokens::user(id, "orders"), payment_method: None };
    for nth in 0..5 {
        shop.ordered(&guest, &format!("k{nth}")).await;
    }
    shop.ordered(&customer, "k").await;
    assert_eq!((shop.counted("guest").await.0, shop.counted("user").await.0), (5, 1));
}

impl Shop {
    /// Begins to save a card, as user-service does for this shopper.
    async fn set_up(&self, shopper: &Shopper) -> Value {
        let user_id = shopper.id.to_string();
        let form = [("automatic_payment_methods[enabled]", "true"), ("metadata[user_id]", &user_id)];
        self.ask_stripe("setup_intents", &form).await
    }

    /// Plays the frontend, which confirms a setup with a card that is typed in; why Stripe refuses that.
    async fn try_card(&self, setup: &Value, card: &str) -> Value {
        let path = format!("{}/_double/setup_intents/{}/confirm", self.stripe.base(), setup["id"].as_str().unwrap());
        let card = json!({"payment_method": card, "return_url": "https://shop.example/back"});
        let answer = common::outbound::client().post(path).json(&card).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["error"]["code"].clone()
    }

    /// Events of declined cards of this setup so far, oldest first.
    fn reported(&self, setup: &Value) -> Vec<Value> {
        let is_it = |event: &Value| {
            event["type"] == "setup_intent.setup_failed" && event["data"]["object"]["id"] == setup["id"]
        };
        self.events().into_iter().filter(is_it).collect()
    }

    fn status_of(&self, setup: &Value) -> Value {
        let kept = self.stripe.all("setup_intent").into_iter().find(|kept| kept["id"] == setup["id"]).unwrap();
        kept["status"].clone()
    }

    fn cancels(&self, setup: &Value) -> usize {
        let path = format!("/v1/setup_intents/{}/cancel", setup["id"].as_str().unwrap());
        self.stripe.calls().into_iter().filter(|call| call.path == path).count()
    }
}

#[tokio::test]
async fn five_declined_cards_of_one_setup_end_it_at_stripe_and_no_other() {
    let mut shop = Shop::open_with_default_limits().await;
    let (ada, bob) = (Shopper::customer_at_the_frontend(), Shopper::customer_at_the_frontend());
    let (setup, another, bobs) = (shop.set_up(&ada).await, shop.set_up(&ada).await, shop.set_up(&bob).await);
    assert_eq!(shop.try_card(&bobs, DECLINED).await, "card_declined");
    for nth in 1..=5 {
        assert_eq!(shop.try_card(&setup, DECLINED).await, "card_declined", "card {nth}");
        assert_eq!(shop.status_of(&setup), "requires_payment_method", "before decline {nth} is told");
        shop.deliver(shop.reported(&setup).last().unwrap()).await.expect(200);
    }
    assert_eq!(shop.status_of(&setup), "canceled");
    for card in [DECLINED, "pm_card_visa"] {
        assert_eq!(shop.try_card(&setup, card).await, "setup_intent_unexpected_state", "{card}");
    }
    shop.deliver(&shop.reported(&bobs)[0]).await.expect(200);
    assert_eq!((shop.counted("user").await, shop.count("setup_declines").await), ((0, 0, 6), 2));
    assert_eq!(shop.try_card(&another, "pm_card_visa").await, json!(null), "a card of hers can still be saved");
    assert_eq!(shop.status_of(&bobs), "requires_payment_method");
}

#[tokio::test]
async fn a_declined_card_of_a_setup_counts_once_however_often_and_in_which_order_it_is_reported() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = Shopper::customer_at_the_frontend();
    let setup = shop.set_up(&ada).await;
    for _ in 0..4 {
        shop.try_card(&setup, DECLINED).await;
    }
    let mut scenario = shop.reported(&setup);
    scenario.extend(scenario.clone());
    scenario.reverse();
    join_all(scenario.iter().map(|event| shop.deliver(event)))
        .await
        .into_iter()
        .for_each(|answer| drop(answer.expect(200)));
    // Stripe may tell of one thing by two events.
    let mut twin = scenario.remove(0);
    twin["id"] = json!("evt_twin");
    shop.deliver(&twin).await.expect(200);
    shop.sweep().await;
    assert_eq!((shop.counted("user").await, shop.cancels(&setup)), ((0, 0, 4), 0));
    assert_eq!(shop.try_card(&setup, "pm_card_visa").await, json!(null), "the fifth card is hers");
    shop.deliver(&twin).await.expect(200);
    assert_eq!(shop.status_of(&setup), "succeeded");
}

#[tokio::test]
async fn declined_cards_of_a_setup_that_no_webhook_reported_are_found_by_the_sweep() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = Shopper::customer_at_the_frontend();
    let setup = shop.set_up(&ada).await;
    for _ in 0..5 {
        shop.try_card(&setup, DECLINED).await;
    }
    assert_eq!(shop.sweep().await["passed_over"], 0);
    assert_eq!((shop.status_of(&setup), shop.counted("user").await), (json!("canceled"), (0, 0, 5)));
    assert_eq!(shop.try_card(&setup, "pm_card_visa").await, "setup_intent_unexpected_state");
    // The webhooks come after all.
    for event in shop.reported(&setup) {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!(shop.counted("user").await, (0, 0, 5));
    query("UPDATE setup_declines SET expires_at = now() - interval '1 second'").execute(&mut shop.db).await.unwrap();
    assert_eq!(shop.sweep().await["counters"], json!({"expired": 1, "forgotten": 0, "repaired": 0}));
    assert_eq!(shop.count("setup_declines").await, 0);
}

#[tokio::test]
async fn declined_cards_of_several_setups_end_the_next_one_and_the_orders_of_their_account() {
    let shop = Shop::open_with_default_limits().await;
    let ada = Shopper::customer_at_the_frontend();
    let setups = [shop.set_up(&ada).await, shop.set_up(&ada).await, shop.set_up(&ada).await];
    for (setup, tries) in setups.iter().zip([5, 4, 1]) {
        for _ in 0..tries {
            shop.try_card(setup, DECLINED).await;
            shop.deliver(shop.reported(setup).last().unwrap()).await.expect(200);
        }
    }
    let statuses = setups.each_ref().map(|setup| shop.status_of(setup));
    assert_eq!(
        statuses,
        ["canceled", "requires_payment_method", "canceled"],
        "the tenth decline is the account's last"
    );
    is_limited(&shop.order(&ada, "k").send().await, 429, "too_many_declines", "caller");
    shop.order(&Shopper::customer_at_the_frontend(), "k").send().await.expect(201);
}

#[tokio::test]
async fn a_setup_that_could_not_be_cancelled_is_cancelled_when_the_event_comes_again() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = Shopper::customer_at_the_frontend();
    let setup = shop.set_up(&ada).await;
    for _ in 0..5 {
        shop.try_card(&setup, DECLINED).await;
    }
    let told = shop.reported(&setup);
    for event in &told[..4] {
        shop.deliver(event).await.expect(200);
    }
    shop.break_stripe("POST", "/v1/setup_intents/*", json!({"kind": "drop"}), 50).await;
    assert!(shop.deliver(&told[4]).await.status.is_server_error());
    shop.break_stripe("", "", Value::Null, 0).await;
    assert_eq!(shop.status_of(&setup), "requires_payment_method");
    shop.deliver(&told[4]).await.expect(200);
    assert_eq!((shop.status_of(&setup), shop.counted("user").await), (json!("canceled"), (0, 0, 5)));
}

#[tokio::test]
async fn a_setup_that_the_sweep_could_not_cancel_is_cancelled_by_a_later_one() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = Shopper::customer_at_the_frontend();
    let setup = shop.set_up(&ada).await;
    for _ in 0..5 {
        shop.try_card(&setup, DECLINED).await;
    }
    shop.break_stripe("POST", "/v1/setup_intents/*", json!({"kind": "drop"}), 50).await;
    assert_eq!(shop.sweep().await["passed_over"], 1, "the fifth event");
    assert_eq!(shop.status_of(&setup), "requires_payment_method");
    // It is due, fails once more, and comes back later.
    let due = "UPDATE setup_declines SET cancel_due_at = now() - interval '1 second'";
    query(due).execute(&mut shop.db).await.unwrap();
    let tries = shop.cancels(&setup);
    shop.sweep().await;
    assert!(shop.cancels(&setup) > tries, "it was tried again");
    assert_eq!(shop.count("setup_declines WHERE cancel_due_at > now() + interval '50 seconds'").await, 1);
    shop.break_stripe("", "", Value::Null, 0).await;
    shop.sweep().await;
    assert_eq!(shop.status_of(&setup), "requires_payment_method", "not due yet");
    query(due).execute(&mut shop.db).await.unwrap();
    shop.sweep().await;
    assert_eq!((shop.status_of(&setup), shop.counted("user").await), (json!("canceled"), (0, 0, 5)));
    assert_eq!(shop.count("setup_declines WHERE cancel_due_at IS NULL").await, 1, "it is done");
}

#[tokio::test]
async fn a_setup_that_is_not_the_shops_is_left_alone() {
    let mut shop = Shop::open_with_default_limits().await;
    let setup = shop.ask_stripe("setup_intents", &[("automatic_payment_methods[enabled]", "true")]).await;
    for _ in 0..6 {
        shop.try_card(&setup, DECLINED).await;
    }
    for event in shop.reported(&setup) {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!((shop.status_of(&setup), shop.count("setup_declines").await), (json!("requires_payment_method"), 0));
}
