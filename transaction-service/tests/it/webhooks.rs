//! An event is a hint. Whatever comes, how often and in which order, the order ends where Stripe's own state says.

use std::collections::BTreeSet;

use common::timestamp::Timestamp;
use serde_json::{Value, json};
use testkit::Answer;

use crate::{Logs, Shop, Shopper, TOTAL, intent};

impl Shop {
    /// Stripe's events so far, oldest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events = self.stripe.all("event");
        events.reverse();
        events
    }

    /// Those about this order's payment, charges, refunds and disputes.
    pub(crate) fn scenario(&self, order: &Value) -> Vec<Value> {
        let intent = intent(order);
        let is_told = |event: &Value| {
            let object = &event["data"]["object"];
            object["id"] == intent || object["payment_intent"] == intent
        };
        self.events().into_iter().filter(is_told).collect()
    }

    /// The event as Stripe posts it.
    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let body = event.to_string();
        self.post_signed(&body, &stripe_double::sign(self.stripe.webhook_secret(), now(), body.as_bytes())).await
    }

    async fn post_signed(&self, body: &str, signature: &str) -> Answer {
        let request = self.client.post("/webhooks/stripe").body("application/json", body);
        request.header(http::HeaderName::from_static("stripe-signature"), signature).send().await
    }
}

fn now() -> i64 {
    Timestamp::now().unix_seconds()
}

#[tokio::test]
async fn an_event_brings_the_order_to_where_stripe_has_it() {
    let mut shop = Shop::open().await;
    let eve = shop.customer("pm_card_threeDSecure2Required").await;
    let order = shop.ordered(&eve, "k").await;
    shop.authenticate(&order, "approve").await;
    let scenario = shop.scenario(&order);
    let succeeded = scenario.iter().find(|event| event["type"] == "payment_intent.succeeded").unwrap();
    assert_eq!(shop.deliver(succeeded).await.expect(200).json(), json!({"received": true}));
    assert_eq!(shop.read(&eve, &order).await["state"], "paid");
    assert_eq!(shop.count("outbox").await, 2);
}

#[tokio::test]
async fn an_event_that_is_not_signed_by_stripe_now_is_refused() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    let body = shop.scenario(&order).pop().unwrap().to_string();
    let secret = shop.stripe.webhook_secret();
    let good = stripe_double::sign(secret, now(), body.as_bytes());
    for signature in [
        String::new(),
        "nonsense".to_owned(),
        stripe_double::sign("whsec_other", now(), body.as_bytes()),
        stripe_double::sign(secret, now() - 301, body.as_bytes()),
        stripe_double::sign(secret, now(), b"{}"),
        good.replace("v1=", "v0="),
    ] {
        assert_eq!(shop.post_signed(&body, &signature).await.expect(400).problem(), "invalid_signature", "{signature}");
    }
    assert_eq!(shop.post_signed(&format!("{body} "), &good).await.expect(400).problem(), "invalid_signature");
    assert_eq!(shop.read(&guest, &order).await["state"], "requires_action");
    shop.post_signed(&body, &good).await.expect(200);
    assert_eq!(shop.read(&guest, &order).await["state"], "paid");
}

#[tokio::test]
async fn events_about_what_is_not_ours_are_taken_and_change_nothing() {
    let mut shop = Shop::open().await;
    shop.ask_stripe("payment_intents", &[("amount", "500"), ("currency", "usd")]).await;
    shop.ask_stripe("customers", &[]).await;
    for event in shop.events() {
        shop.deliver(&event).await.expect(200);
    }
    let unknown = json!({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": now(),
        "data": {"object": {"id": "pi_nobody", "object": "payment_intent"}}});
    shop.deliver(&unknown).await.expect(200);
    assert_eq!(shop.count("orders").await, 0);
}

#[tokio::test]
async fn while_stripe_cannot_be_read_an_event_is_not_taken_and_comes_again() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    let order = shop.ordered(&guest, "k").await;
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    let event = shop.scenario(&order).pop().unwrap();
    shop.break_stripe("GET", "/v1/payment_intents/*", json!({"kind": "drop"}), 50).await;
    shop.deliver(&event).await.expect(503);
    shop.break_stripe("", "", json!(null), 0).await;
    shop.deliver(&event).await.expect(200);
    assert_eq!(shop.read(&guest, &order).await["state"], "paid");
}

#[tokio::test]
async fn an_event_that_comes_before_our_own_answer_makes_the_same_order() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    // Stripe has the money, and our request has died before it could save that.
    shop.break_stripe("POST", "/v1/payment_intents/*/confirm", json!({"kind": "hang", "after_effect": true}), 9).await;
    shop.break_stripe("GET", "/v1/payment_intents/*", json!({"kind": "drop"}), 90).await;
    shop.order(&ada, "k").send().await.expect(503);
    shop.break_stripe("", "", json!(null), 0).await;
    shop.start_leases_again().await;
    for event in shop.events() {
        shop.deliver(&event).await.expect(200);
    }
    let order = shop.ordered(&ada, "k").await;
    assert_eq!((&order["state"], shop.charged()), (&json!("paid"), (1, TOTAL)));
    assert_eq!(shop.count("outbox").await, 2);
}

#[tokio::test]
async fn money_for_a_closed_order_is_booked_as_unmatched_raises_an_alarm_and_pays_nothing() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let (eve, bob) = (Shopper::guest(), Shopper::guest());
    let order = shop.ordered(&eve, "k").await;
    // As after the account at Stripe was changed under open orders: expired here, and still payable there.
    let expire = "UPDATE orders SET state = 'expired', due_at = NULL, version = version + 1";
    sqlx::query(expire).execute(&mut shop.db).await.unwrap();
    shop.pay_in_the_frontend(&order, "pm_card_visa").await;
    for event in shop.scenario(&order) {
        shop.deliver(&event).await.expect(200);
    }
    assert_eq!(shop.read(&eve, &order).await["state"], "expired");
    assert_eq!(shop.booked(&order).await, [("stripe".to_owned(), TOTAL), ("unmatched".to_owned(), -TOTAL)]);
    let alarms = logs.lines("payment does not match its order");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].to_string().contains("order_is_over"), "{alarms:?}");

    let later = shop.ordered(&bob, "k").await;
    shop.pay_in_the_frontend(&later, "pm_card_visa").await;
    shop.sweep().await;
    assert_eq!(shop.read(&bob, &later).await["state"], "paid", "found by the sweep, behind the one that is over");
    let cursor: String =
        sqlx::query_scalar("SELECT event_id FROM stripe_event_cursor").fetch_one(&mut shop.db).await.unwrap();
    assert_eq!(cursor, shop.events().pop().unwrap()["id"].as_str().unwrap());
}

#[tokio::test]
async fn what_is_signed_and_not_understood_is_taken_and_logged_and_changes_nothing() {
    let logs = Logs::start();
    let mut shop = Shop::open().await;
    let object = json!({"id": "pi_1", "object": "payment_intent"});
    let not_events: [&[u8]; 8] =
        [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"{\"id\": {}}", b"{\"object\": \"event\", \"id\": \"evt_9\"}"];
    for body in not_events {
        let signature = stripe_double::sign(shop.stripe.webhook_secret(), now(), body);
        let request = shop.client.post("/webhooks/stripe").body("application/json", body);
        let signed = request.header(http::HeaderName::from_static("stripe-signature"), &signature);
        assert_eq!(signed.send().await.expect(200).json(), json!({"received": true}));
    }
    let lines = logs.lines("Stripe event not understood");
    assert_eq!(lines.len(), not_events.len(), "{lines:?}");
    for event in [
        json!({"id": "evt_1", "type": "payment_intent.succeeded"}),
        json!({"id": "evt_2", "type": "payment_intent.succeeded", "data": null}),
        json!({"id": "evt_3", "type": "a.thing.that.is.new", "data": {"object": {"id": "thing_1", "object": "thing"}}}),
        json!({"id": "evt_4", "object": "v2.core.event", "type": "v2.core.account.updated",
            "created": "2026-11-30T00:00:00.000Z", "related_object": {"id": "acct_1", "type": "account"}}),
        json!({"id": "evt_5", "type": "customer.created", "data": {"object": 7}}),
    ] {
        shop.deliver(&event).await.expect(200);
        assert!(logs.captured.text().contains(event["id"].as_str().unwrap()), "{event} left no line");
    }
    let old =
        json!({"id": "evt_6", "api_version": "2019-01-01", "type": "charge.refunded", "data": {"object": object}});
    shop.deliver(&old).await.expect(200);
    assert_eq!(logs.lines("Stripe event of another API version").len(), 1);
    assert_eq!(shop.count("orders").await, 0);
}

#[tokio::test]
async fn a_signature_at_the_ends_of_time_or_with_two_times_is_refused() {
    let shop = Shop::open().await;
    let (body, secret) = ("{}", shop.stripe.webhook_secret());
    for at in [i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX] {
        let signature = stripe_double::sign(secret, at, body.as_bytes());
        assert_eq!(shop.post_signed(body, &signature).await.expect(400).problem(), "invalid_signature", "{at}");
    }
    let good = stripe_double::sign(secret, now(), body.as_bytes());
    for odd in [format!("t=9223372036854775808,{good}"), format!("t={},{good}", now()), good.replace("t=", "t=+")] {
        assert_eq!(shop.post_signed(body, &odd).await.expect(400).problem(), "invalid_signature", "{odd}");
    }
    let rolled = good.replace("v1=", "v1=zz,v1=00,v1=");
    shop.post_signed(body, &rolled).await.expect(200);
}

/// What matters of an order once its scenario has been played: state, money, ledger, and messages to other services.
async fn ending(shop: &mut Shop, shopper: &Shopper, order: &Value) -> Value {
    let staff = shop.for_staff(order).await;
    let now = shop.read(shopper, order).await;
    let mut ledger: Vec<String> = staff["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {} {}", entry["kind"], entry["account"], entry["amount"]))
        .collect();
    ledger.sort();
    shop.relay().await;
    let of_this_order =
        shop.services.mails().into_iter().filter(|(_, mail)| mail["data"]["order"]["id"] == order["id"]);
    let mut mails: Vec<String> = of_this_order.map(|(template, _)| template).collect();
    mails.sort();
    json!({ "state": now["state"], "payment": now["payment"], "disputed": staff["disputed"], "ledger": ledger,
        "stock": shop.services.reservation(order["id"].as_str().unwrap()), "mails": mails })
}

/// A payment scenario: the acts at Stripe after the order was made.
#[derive(Debug, Clone, Copy)]
enum Scenario {
    PaidInTheFrontend,
    DeclinedThenPaid,
    ThreeDSecureApproved,
    ThreeDSecureRefused,
    RefundedInPart,
    RefundedTwice,
    RefundedInFull,
    Disputed,
    Cancelled,
}

impl Scenario {
    /// Plays it while no event reaches the shop.
    async fn play(self, shop: &Shop) -> (Shopper, Value) {
        let is_saved = matches!(self, Self::ThreeDSecureApproved | Self::ThreeDSecureRefused);
        let shopper = if is_saved { shop.customer("pm_card_threeDSecure2Required").await } else { Shopper::guest() };
        let order = shop.ordered(&shopper, "k").await;
        match self {
            Self::ThreeDSecureApproved => shop.authenticate(&order, "approve").await,
            Self::ThreeDSecureRefused => shop.authenticate(&order, "refuse").await,
            Self::Cancelled => {
                let intent = intent(&order);
                let reason = [("cancellation_reason", "requested_by_customer")];
                shop.ask_stripe(&format!("payment_intents/{intent}/cancel"), &reason).await;
            }
            Self::DeclinedThenPaid => {
                shop.pay_in_the_frontend(&order, "pm_card_visa_chargeDeclined").await;
                shop.pay_in_the_frontend(&order, "pm_card_visa").await;
            }
            Self::PaidInTheFrontend
            | Self::RefundedInPart
            | Self::RefundedTwice
            | Self::RefundedInFull
            | Self::Disputed => {
                shop.pay_in_the_frontend(&order, "pm_card_visa").await;
            }
        }
        let intent = intent(&order);
        match self {
            Self::RefundedInPart => {
                shop.ask_stripe("refunds", &[("payment_intent", &intent), ("amount", "100")]).await;
            }
            Self::RefundedTwice => {
                for amount in ["100", "20"] {
                    shop.ask_stripe("refunds", &[("payment_intent", &intent), ("amount", amount)]).await;
                }
            }
            Self::RefundedInFull => {
                shop.ask_stripe("refunds", &[("payment_intent", &intent)]).await;
            }
            Self::Disputed => {
                shop.play("disputes", json!({"payment_intent": intent})).await;
            }
            _ => {}
        }
        (shopper, order)
    }
}

/// More orders than those of five events are drawn from.
const MOST_ORDERS: usize = 120;

/// All orders of up to five events, which every scenario but one has at most; of more, as many that are drawn.
fn orders_of(count: usize, random: &mut fastrand::Rng) -> BTreeSet<Vec<usize>> {
    let wanted = (1..=count).product::<usize>().min(MOST_ORDERS);
    let mut orders = BTreeSet::new();
    while orders.len() < wanted {
        let mut order: Vec<usize> = (0..count).collect();
        random.shuffle(&mut order);
        orders.insert(order);
    }
    orders
}

#[tokio::test]
async fn all_orders_repetitions_and_omissions_of_the_events_of_a_payment_lead_to_the_same_state() {
    use Scenario::{Cancelled, PaidInTheFrontend, ThreeDSecureApproved, ThreeDSecureRefused};
    assert!(arrive(&[PaidInTheFrontend, ThreeDSecureApproved, ThreeDSecureRefused, Cancelled]).await > 50);
}

#[tokio::test]
async fn all_orders_repetitions_and_omissions_of_the_events_of_a_second_try_lead_to_the_same_state() {
    assert!(arrive(&[Scenario::DeclinedThenPaid]).await > 120);
}

#[tokio::test]
async fn all_orders_repetitions_and_omissions_of_the_events_of_a_dispute_lead_to_the_same_state() {
    assert!(arrive(&[Scenario::Disputed]).await > 24);
}

#[tokio::test]
async fn all_orders_repetitions_and_omissions_of_the_events_of_a_refund_lead_to_the_same_state() {
    assert!(arrive(&[Scenario::RefundedInPart, Scenario::RefundedInFull]).await > 240);
}

#[tokio::test]
async fn drawn_orders_repetitions_and_omissions_of_the_events_of_two_refunds_lead_to_the_same_state() {
    assert!(arrive(&[Scenario::RefundedTwice]).await > 120);
}

/// Has the events of scenarios arrive in every way; how many ways there were.
async fn arrive(scenarios: &[Scenario]) -> usize {
    let mut told = 0;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    for scenario in scenarios {
        let mut shop = Shop::open().await;
        let (shopper, order) = scenario.play(&shop).await;
        let events = shop.scenario(&order);
        for event in &events {
            shop.deliver(event).await.expect(200);
        }
        assert!(
            matches!(events.len(), 2..=5) || matches!(scenario, Scenario::RefundedTwice),
            "{scenario:?}: {}",
            events.len()
        );
        let expected = ending(&mut shop, &shopper, &order).await;
        for delivery in deliveries(events.len(), &mut random) {
            let (shopper, order) = scenario.play(&shop).await;
            let events = shop.scenario(&order);
            for nth in &delivery {
                shop.deliver(&events[*nth]).await.expect(200);
            }
            shop.sweep().await;
            let ended = ending(&mut shop, &shopper, &order).await;
            assert_eq!(ended, expected, "{scenario:?} told as {delivery:?} (seed {seed})");
            told += 1;
        }
    }
    told
}

/// Every order of the events, each event left out, each delivered twice, and none delivered at all.
fn deliveries(count: usize, random: &mut fastrand::Rng) -> Vec<Vec<usize>> {
    let in_order: Vec<usize> = (0..count).collect();
    let mut deliveries: Vec<Vec<usize>> = orders_of(count, random).into_iter().collect();
    deliveries.extend((0..count).map(|left_out| in_order.iter().copied().filter(|nth| *nth != left_out).collect()));
    deliveries.extend((0..count).map(|twice| {
        let mut all = in_order.clone();
        all.push(twice);
        random.shuffle(&mut all);
        all
    }));
    deliveries.push(Vec::new());
    deliveries
}
