//! Refunds that fail, disputes, and that the ledger of every order is what Stripe's own balance says of it, whatever was
//! done at the dashboard and whatever of it reached the shop.

use std::collections::BTreeMap;

use platform::{Service, trigger::Direction};
use serde_json::{Value, json};
use sqlx::query;

use crate::{Logs, Shop, Shopper, TOTAL, intent, usd};

impl Shop {
    /// An order that a guest paid with such a card, and that the shop knows to be paid.
    async fn paid_with(&self, card: &str) -> (Shopper, Value) {
        let guest = Shopper::guest();
        let order = self.ordered(&guest, "k").await;
        self.pay_in_the_frontend(&order, card).await;
        self.sweep().await;
        assert_eq!(self.read(&guest, &order).await["state"], "paid");
        (guest, order)
    }

    async fn refund_at_stripe(&self, order: &Value, amount: i64) -> String {
        let refund = self.play("dashboard/refunds", json!({"payment_intent": intent(order), "amount": amount})).await;
        refund["id"].as_str().unwrap_or_else(|| panic!("{refund}")).to_owned()
    }

    async fn settle(&self, refund: &str, status: &str) {
        self.play(&format!("refunds/{refund}/settle"), json!({ "status": status })).await;
    }

    /// What each movement of an order's money did to the account at Stripe, by its source: as the ledger has it, whose
    /// sources each sum to zero.
    async fn ledger_by_source(&self, order: &Value) -> BTreeMap<String, i64> {
        let (mut sums, mut at_stripe) = (BTreeMap::new(), BTreeMap::new());
        for entry in self.for_staff(order).await["ledger"].as_array().unwrap() {
            let (source, amount) = (entry["source"].as_str().unwrap().to_owned(), entry["amount"].as_i64().unwrap());
            *sums.entry(source.clone()).or_insert(0) += amount;
            if entry["account"] == "stripe" {
                *at_stripe.entry(source).or_insert(0) += amount;
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        at_stripe
    }

    /// The same as Stripe's balance has it. The fee of the payment itself is not the order's; that of a dispute is.
    fn balance_by_source(&self, order: &Value) -> BTreeMap<String, i64> {
        let intent = intent(order);
        let text = |object: &Value, member: &str| object[member].as_str().unwrap_or_default().to_owned();
        let ours: Vec<String> = ["charge", "refund", "dispute"]
            .iter()
            .flat_map(|kind| self.stripe.all(kind))
            .filter(|object| object["payment_intent"] == intent)
            .map(|object| text(&object, "id"))
            .collect();
        let movement = |transaction: &Value| {
            let (id, source) = (text(transaction, "id"), text(transaction, "source"));
            match transaction["type"].as_str().unwrap() {
                "charge" | "refund" => (source, transaction["amount"].as_i64().unwrap()),
                "refund_failure" | "adjustment" => (id, transaction["net"].as_i64().unwrap()),
                other => panic!("{other} is not booked"),
            }
        };
        let transactions = self.stripe.all("balance_transaction");
        let of_this_order = transactions.iter().filter(|transaction| ours.contains(&text(transaction, "source")));
        of_this_order.map(movement).collect()
    }

    /// The ledger of an order is what Stripe says was charged, refunded, failed and disputed; so is what the order says.
    async fn must_agree_with_stripe(&self, order: &Value, why: &str) {
        assert_eq!(self.ledger_by_source(order).await, self.balance_by_source(order), "{why}");
        let intent = intent(order);
        let of_this_order = |kind: &str| -> Vec<Value> {
            self.stripe.all(kind).into_iter().filter(|object| object["payment_intent"] == intent).collect()
        };
        let given = of_this_order("refund").into_iter().filter(|refund| refund["status"] == "succeeded");
        let given: i64 = given.map(|refund| refund["amount"].as_i64().unwrap()).sum();
        let staff = self.for_staff(order).await;
        assert_eq!(staff["order"]["payment"]["refunded"]["amount"], given, "{why}");
        let is_open = |dispute: &Value| !["won", "warning_closed"].contains(&dispute["status"].as_str().unwrap());
        assert_eq!(staff["disputed"], of_this_order("dispute").iter().any(is_open), "{why}");
        let ledger = staff["ledger"].as_array().unwrap();
        let sum = |account: &str| -> i64 {
            let entries = ledger.iter().filter(|entry| entry["account"] == account && entry["kind"] != "dispute");
            entries.map(|entry| entry["amount"].as_i64().unwrap()).sum()
        };
        // What is left of sales, shipping and tax are their shares of what is left, give or take what cannot be split.
        for (account, part) in [("sales", 1000), ("shipping", 500), ("tax", 120)] {
            let off = (-sum(account) * TOTAL - (TOTAL - given) * part).abs();
            assert!(
                off <= 6 * TOTAL,
                "{why}: {account} keeps {} of {part} while {given} of {TOTAL} is given back",
                -sum(account)
            );
            if given == TOTAL || given == 0 {
                assert_eq!(-sum(account), if given == 0 { part } else { 0 }, "{why}: {account}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_about_money_back_reads_the_payment_and_each_of_its_lists_once() {
    let shop = Shop::open().await;
    let (_, order) = shop.paid_with("pm_card_visa").await;
    for amount in [100, 200] {
        shop.refund_at_stripe(&order, amount).await;
        let told = shop.scenario(&order).into_iter().rev().find(|event| event["type"] == "refund.created").unwrap();
        let before = shop.stripe.calls().len();
        shop.deliver(&told).await.expect(200);
        let asked: Vec<String> =
            shop.stripe.calls()[before..].iter().map(|call| format!("{} {}", call.method, call.path)).collect();
        let payment = format!("GET /v1/payment_intents/{}", intent(&order));
        assert_eq!(asked, [payment.as_str(), "GET /v1/refunds", "GET /v1/disputes"], "{amount}");
        let refunded = shop.for_staff(&order).await["order"]["payment"]["refunded"]["amount"].clone();
        assert_eq!(refunded, if amount == 100 { 100 } else { 300 });
    }
}

#[tokio::test]
async fn a_refund_that_fails_later_is_reversed_and_raises_one_alarm() {
    let logs = Logs::start();
    let shop = Shop::open().await;
    let (guest, order) = shop.paid_with("pm_card_visa").await;
    let refund = shop.refund_at_stripe(&order, TOTAL).await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["payment"]["refunded"], usd(TOTAL));
    shop.settle(&refund, "failed").await;
    for event in shop.scenario(&order) {
        shop.deliver(&event).await.expect(200);
    }
    shop.sweep().await;
    let now = shop.read(&guest, &order).await;
    assert_eq!((&now["state"], &now["payment"]["refunded"]), (&json!("paid"), &usd(0)));
    let ledger = shop.for_staff(&order).await["ledger"].as_array().unwrap().clone();
    let failure: Vec<Value> = ledger.into_iter().filter(|entry| entry["kind"] == "refund_failure").collect();
    let kept = shop.stripe.all("refund").remove(0);
    assert_eq!(failure.len(), 4);
    assert!(failure.iter().all(|entry| entry["source"] == kept["failure_balance_transaction"]));
    assert!(failure.iter().all(|entry| entry["reverses"] == refund.as_str()));
    shop.must_agree_with_stripe(&order, "failed").await;
    let alarms = logs.lines("refund failed");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let alarm = alarms[0].to_string();
    assert!([order["id"].as_str().unwrap(), &refund].iter().all(|id| alarm.contains(id)), "{alarm}");
    let reason = kept["failure_reason"].as_str().unwrap();
    assert!([reason, "1620", "usd"].iter().all(|told| alarm.contains(told)), "{alarm}");
    // And what failed can be given back anew.
    shop.refund_at_stripe(&order, TOTAL).await;
    shop.sweep().await;
    shop.must_agree_with_stripe(&order, "given back anew").await;
}

#[tokio::test]
async fn going_back_to_the_release_before_and_forward_again_keeps_which_refunds_were_taken_back() {
    let mut shop = Shop::open().await;
    let (guest, order) = shop.paid_with("pm_card_visa").await;
    let refund = shop.refund_at_stripe(&order, TOTAL).await;
    shop.sweep().await;
    shop.settle(&refund, "failed").await;
    shop.sweep().await;
    let before = shop.for_staff(&order).await["ledger"].clone();
    assert_eq!(before.as_array().unwrap().iter().filter(|entry| entry["reverses"] == refund.as_str()).count(), 4);
    shop.app.migrate(Direction::Down { to: 4 }).await.unwrap();
    shop.app.migrate(Direction::Up).await.unwrap();
    for event in shop.scenario(&order) {
        shop.deliver(&event).await.expect(200);
    }
    let swept = shop.sweep().await;
    assert_eq!((&swept["passed_over"], shop.count("stripe_passed_over").await), (&json!(0), 0), "{swept}");
    assert_eq!(shop.for_staff(&order).await["ledger"], before);
    assert_eq!(shop.read(&guest, &order).await["payment"]["refunded"], usd(0));
    shop.must_agree_with_stripe(&order, "back and forward").await;
    let twice = "INSERT INTO ledger_entries (order_id, kind, source, reverses, account, amount, currency, booked_at)
                 SELECT order_id, kind, 'txn_twice', reverses, account, amount, currency, booked_at
                 FROM ledger_entries WHERE reverses IS NOT NULL";
    let refused = query(twice).execute(&mut shop.db).await.unwrap_err();
    assert_eq!(platform::postgres::violated(&refused), Some("ledger_entries_reversed_once"));
    shop.refund_at_stripe(&order, TOTAL).await;
    shop.sweep().await;
    shop.must_agree_with_stripe(&order, "given back anew").await;
}

#[tokio::test]
async fn one_refund_that_fails_while_another_is_made_is_distinguished_from_it_although_the_sum_is_the_same() {
    let shop = Shop::open().await;
    let (guest, order) = shop.paid_with("pm_card_visa").await;
    let first = shop.refund_at_stripe(&order, 100).await;
    shop.sweep().await;
    shop.settle(&first, "failed").await;
    shop.refund_at_stripe(&order, 100).await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["payment"]["refunded"], usd(100));
    shop.must_agree_with_stripe(&order, "one failed, one made").await;
}

#[tokio::test]
async fn however_a_refund_ends_and_whenever_its_events_arrive_the_books_are_the_same() {
    let ways: [&[&str]; 5] = [
        &["pending", "succeeded", "failed"],
        &["pending", "failed"],
        &["failed"],
        &["requires_action", "canceled"],
        &["succeeded"],
    ];
    for way in ways {
        // Heard after each of its steps, after the last one, or by the sweep alone.
        for heard in ["each", "last", "swept"] {
            let logs = Logs::start();
            let shop = Shop::open().await;
            let card = if way[0] == "failed" { "pm_card_visa" } else { "pm_card_pendingRefund" };
            let (_, order) = shop.paid_with(card).await;
            let refund = shop.refund_at_stripe(&order, 700).await;
            for status in way.iter().filter(|status| **status != "pending") {
                shop.settle(&refund, status).await;
                if heard == "each" {
                    for event in shop.scenario(&order) {
                        shop.deliver(&event).await.expect(200);
                    }
                }
            }
            if heard == "last" {
                for event in shop.scenario(&order).iter().rev() {
                    shop.deliver(event).await.expect(200);
                }
            }
            shop.sweep().await;
            shop.must_agree_with_stripe(&order, &format!("{way:?} {heard}")).await;
            let failed = usize::from(way.iter().any(|status| ["failed", "canceled"].contains(status)));
            assert_eq!(logs.lines("refund failed").len(), failed, "{way:?} {heard}");
        }
    }
}

#[tokio::test]
async fn a_sold_out_order_whose_refund_fails_stays_cancelled_and_raises_an_alarm() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    shop.services.set_reservation(order["id"].as_str().unwrap(), "released");
    shop.relay().await;
    assert_eq!(shop.read(&ada, &order).await["state"], "cancelled");
    let refund = shop.stripe.all("refund")[0]["id"].as_str().unwrap().to_owned();
    shop.settle(&refund, "failed").await;
    shop.sweep().await;
    shop.relay().await;
    let now = shop.read(&ada, &order).await;
    assert_eq!((&now["state"], &now["payment"]["refunded"]), (&json!("cancelled"), &usd(0)));
    assert_eq!(logs.lines("refund failed").len(), 1);
    assert_eq!(shop.stripe.all("refund").len(), 1, "staff decide how the money gets back");
    let booked = shop.booked(&order).await;
    assert_eq!(booked.iter().filter(|(account, _)| account == "stripe").map(|(_, amount)| amount).sum::<i64>(), TOTAL);
}

#[tokio::test]
async fn a_sold_out_order_is_not_cancelled_before_its_refund_is_on_its_way() {
    for status in [json!("failed"), json!(null), json!("on_hold"), json!("requires_action")] {
        let mut shop = Shop::open().await;
        let ada = shop.customer("pm_card_visa").await;
        let order = shop.ordered(&ada, "k").await;
        shop.services.set_reservation(order["id"].as_str().unwrap(), "released");
        shop.break_stripe("POST", "/v1/refunds", json!({"kind": "alter", "members": {"status": status}}), 1).await;
        for _ in 0..2 {
            shop.relay().await;
            assert_eq!(shop.read(&ada, &order).await["state"], "paid", "{status}");
        }
        assert!(!shop.services.mails().iter().any(|(template, _)| template == "order_cancelled"), "{status}");
        assert_eq!(shop.stripe.all("refund").len(), 1, "never asked for twice while one may be under way");
        let refund = shop.stripe.all("refund")[0]["id"].as_str().unwrap().to_owned();
        shop.play(&format!("objects/{refund}"), json!({"members": {"status": "succeeded"}})).await;
        shop.relay().await;
        assert_eq!(shop.read(&ada, &order).await["state"], "cancelled", "{status}");
    }
}

#[tokio::test]
async fn a_sold_out_order_whose_refund_failed_at_once_is_refunded_under_another_key() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let order = shop.ordered(&ada, "k").await;
    let id = order["id"].as_str().unwrap();
    let staff = shop.for_staff(&order).await;
    // A refund that staff made failed before, too.
    let made = shop.play("dashboard/refunds", json!({"payment_intent": staff["payment_intent"]})).await;
    shop.settle(made["id"].as_str().unwrap(), "failed").await;
    shop.services.set_reservation(id, "released");
    shop.relay().await;
    assert_eq!(shop.read(&ada, &order).await["state"], "cancelled");
    let keys: Vec<_> = shop.stripe.calls().into_iter().filter(|call| call.path == "/v1/refunds").collect();
    let keys: Vec<_> = keys.into_iter().filter_map(|call| call.idempotency_key).collect();
    assert_eq!(keys, [format!("{id}:sold_out:1")]);
    assert_eq!(shop.read(&ada, &order).await["payment"]["refunded"], usd(TOTAL));
}

#[tokio::test]
async fn more_refunds_than_fit_on_a_page_are_all_booked() {
    let shop = Shop::open().await;
    let (guest, order) = shop.paid_with("pm_card_visa").await;
    for _ in 0..120 {
        shop.refund_at_stripe(&order, 1).await;
    }
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &order).await["payment"]["refunded"], usd(120));
    shop.must_agree_with_stripe(&order, "120 refunds").await;
}

#[tokio::test]
async fn a_dispute_and_its_fee_are_booked_and_what_is_won_comes_back() {
    for (outcome, disputed) in [("won", false), ("lost", true)] {
        let logs = Logs::start();
        let shop = Shop::open().await;
        let (_, order) = shop.paid_with("pm_card_visa").await;
        let dispute = shop.play("disputes", json!({"payment_intent": intent(&order)})).await;
        shop.sweep().await;
        let withdrawn = [("disputes", TOTAL), ("stripe_fees", 1500), ("stripe", -TOTAL - 1500)];
        let booked = shop.booked(&order).await;
        assert_eq!(booked[4..], withdrawn.map(|(account, amount)| (account.to_owned(), amount)));
        assert_eq!(
            (shop.for_staff(&order).await["disputed"].clone(), logs.lines("dispute opened").len()),
            (json!(true), 1)
        );
        let alarm = logs.lines("dispute opened")[0].to_string();
        let (id, reason) = (dispute["id"].as_str().unwrap(), dispute["reason"].as_str().unwrap());
        assert!([id, reason, "1620", "usd"].iter().all(|told| alarm.contains(told)), "{alarm}");
        shop.play(&format!("disputes/{}/decide", dispute["id"].as_str().unwrap()), json!({ "outcome": outcome })).await;
        for event in shop.scenario(&order) {
            shop.deliver(&event).await.expect(200);
        }
        shop.sweep().await;
        assert_eq!(shop.for_staff(&order).await["disputed"], disputed);
        shop.must_agree_with_stripe(&order, outcome).await;
        assert_eq!(logs.lines("dispute lost").len(), usize::from(outcome == "lost"));
    }
}

#[tokio::test]
async fn an_inquiry_withdraws_nothing_until_it_becomes_a_dispute() {
    let shop = Shop::open().await;
    let (_, order) = shop.paid_with("pm_card_visa").await;
    let inquiry = shop.play("disputes", json!({"payment_intent": intent(&order), "inquiry": true})).await;
    shop.sweep().await;
    assert_eq!((shop.booked(&order).await.len(), shop.for_staff(&order).await["disputed"].clone()), (4, json!(true)));
    shop.play(&format!("disputes/{}/escalate", inquiry["id"].as_str().unwrap()), json!({})).await;
    shop.sweep().await;
    assert_eq!(shop.booked(&order).await.len(), 7);
    shop.must_agree_with_stripe(&order, "escalated").await;
}

/// Something that is done at Stripe about a paid order; whether it could be.
fn act(shop: &Shop, order: &Value, random: &mut fastrand::Rng) -> String {
    let intent = intent(order);
    let of_this_order = |kind: &str| -> Vec<Value> {
        shop.stripe.all(kind).into_iter().filter(|object| object["payment_intent"] == intent).collect()
    };
    // What Stripe refuses in this state is no matter: nothing moved then.
    let attempt = |path: String, body: Value| shop.stripe.control(&path, body).is_ok();
    match random.u8(..8) {
        0..=2 => {
            let amount = if random.bool() { random.i64(1..200) } else { random.i64(1..TOTAL) };
            let done = attempt("dashboard/refunds".into(), json!({"payment_intent": intent, "amount": amount}));
            format!("refund {amount} {done}")
        }
        3 => format!("refund rest {}", attempt("dashboard/refunds".into(), json!({ "payment_intent": intent }))),
        4 | 5 => {
            let refunds = of_this_order("refund");
            if refunds.is_empty() {
                return "nothing".into();
            }
            let refund = refunds[random.usize(..refunds.len())]["id"].as_str().unwrap().to_owned();
            let status = ["failed", "succeeded", "requires_action", "canceled", "failed"][random.usize(..5)];
            format!("{status} {}", attempt(format!("refunds/{refund}/settle"), json!({ "status": status })))
        }
        6 => {
            let body = json!({"payment_intent": intent, "inquiry": random.bool(), "amount": random.i64(1..=TOTAL)});
            format!("dispute {}", attempt("disputes".into(), body))
        }
        _ => {
            let disputes = of_this_order("dispute");
            let Some(dispute) = disputes.first() else { return "nothing".into() };
            let outcome = ["won", "lost", "warning_closed"][random.usize(..3)];
            let path = format!("disputes/{}/decide", dispute["id"].as_str().unwrap());
            format!("{outcome} {}", attempt(path, json!({ "outcome": outcome })))
        }
    }
}

#[tokio::test]
async fn whatever_is_done_at_the_dashboard_and_whichever_events_arrive_the_ledger_agrees_with_stripe() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let shop = Shop::open().await;
    for _ in 0..25 {
        let card = if random.u8(..3) == 0 { "pm_card_pendingRefund" } else { "pm_card_visa" };
        let (_, order) = shop.paid_with(card).await;
        let mut done: Vec<String> = Vec::new();
        for _ in 0..random.usize(1..9) {
            done.push(act(&shop, &order, &mut random));
            // Some of the events arrive: in any order, some twice, most never.
            let mut events = shop.scenario(&order);
            random.shuffle(&mut events);
            for event in events.iter().take(random.usize(..3)) {
                for _ in 0..random.usize(1..3) {
                    shop.deliver(event).await.expect(200);
                }
            }
        }
        shop.sweep().await;
        shop.must_agree_with_stripe(&order, &format!("{done:?} (seed {seed})")).await;
        let before = shop.for_staff(&order).await;
        for event in shop.scenario(&order) {
            shop.deliver(&event).await.expect(200);
        }
        assert_eq!(shop.for_staff(&order).await, before, "repeated, nothing changes: {done:?} (seed {seed})");
    }
}

#[tokio::test]
async fn webhooks_and_sweeps_at_once_book_each_refund_once() {
    let shop = Shop::open().await;
    let (_, order) = shop.paid_with("pm_card_visa").await;
    for round in 0..5 {
        let refund = shop.refund_at_stripe(&order, 50).await;
        if round % 2 == 1 {
            shop.settle(&refund, "failed").await;
        }
        let events = shop.scenario(&order);
        let told = futures_util::future::join_all(events.iter().map(|event| shop.deliver(event)));
        let (told, swept) = tokio::join!(told, platform::Service::sweep(&shop.app));
        swept.unwrap();
        // One that was overtaken again and again is told so, and Stripe repeats it.
        assert!(told.iter().all(|answer| [200, 503].contains(&answer.status.as_u16())));
    }
    shop.sweep().await;
    shop.must_agree_with_stripe(&order, "at once").await;
}

#[tokio::test]
async fn the_database_refuses_to_take_back_a_refund_twice_or_by_another_amount() {
    let mut shop = Shop::open().await;
    let (_, order) = shop.paid_with("pm_card_visa").await;
    let refund = shop.refund_at_stripe(&order, 700).await;
    shop.sweep().await;
    let refused = async |shop: &mut Shop, statement: &str| {
        let statement = sqlx::AssertSqlSafe(statement.replace("re_1", &refund));
        let error = query(statement).execute(&mut shop.db).await.unwrap_err();
        error.as_database_error().and_then(|error| error.constraint()).unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    let part = "INSERT INTO ledger_entries (order_id, kind, source, reverses, account, amount, currency, booked_at)
                SELECT order_id, 'refund_failure', 'txn_1', 're_1', account, amount, currency, booked_at
                FROM ledger_entries JOIN (VALUES ('sales', -1), ('stripe', 1)) AS e (a, amount_) ON e.a = account
                WHERE source = 're_1'";
    assert_eq!(refused(&mut shop, part).await, "ledger_entries_balance", "positive amounts do not balance");
    let other = part.replace("'re_1', account, amount,", "'re_1', account, amount_,");
    assert_eq!(refused(&mut shop, &other).await, "ledger_entries_mirror");
    shop.settle(&refund, "failed").await;
    shop.sweep().await;
    let again = "INSERT INTO ledger_entries (order_id, kind, source, reverses, account, amount, currency, booked_at)
                 SELECT order_id, kind, 'txn_other', reverses, account, amount, currency, booked_at FROM ledger_entries
                 WHERE kind = 'refund_failure'";
    assert_eq!(refused(&mut shop, again).await, "ledger_entries_reversed_once");
    let word = "UPDATE stripe_seen SET status = NULL";
    assert!(query(word).execute(&mut shop.db).await.is_err());
}
