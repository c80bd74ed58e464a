//! Checks the end of every order: in both databases, at Stripe, in the mail.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use mongodb::bson::{DateTime, doc};
use platform::Service;
use serde_json::Value;
use sqlx::{FromRow, query, query_as, query_scalar};
use tokio::time::sleep;
use uuid::Uuid;

use crate::harness::{Client, CrashHarness, ON_HAND, Outcome, SKU, Scenario};

/// A message whose sender was killed comes back after 30 seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Paid,
    PaymentFailed,
    Cancelled,
    Expired,
    NoOrder,
}

impl End {
    /// What was checked, and holds, for every order that ended so.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Paid => "one charge, booked; the unit left the shelf; one confirmation",
            Self::PaymentFailed => "no charge; the unit is free; no mail",
            Self::Cancelled | Self::Expired => "no charge, and none possible; the unit is free; no mail",
            Self::NoOrder => {
                "the client was cut off before there was one, and left; nothing at Stripe; the unit is free"
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paid => "paid",
            Self::PaymentFailed => "payment_failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::NoOrder => "no order",
        })
    }
}

/// Everything about one order.
#[derive(Debug, FromRow)]
struct Order {
    id: Uuid,
    owner_id: Uuid,
    state: String,
    total: i64,
    captured: i64,
    refunded: i64,
    /// Sum of the order's entries.
    ledger_sum: i64,
    captures: i64,
}

/// All orders, payments, reservations and mails of one shop, once no work is left.
#[derive(Debug)]
pub(crate) struct Verdict {
    orders: HashMap<Uuid, Vec<Order>>,
    /// PaymentIntents and their charges that took money, by order.
    intents: HashMap<String, Vec<Vec<Value>>>,
    /// State of the reservation, by order.
    reservations: HashMap<String, String>,
    mails: Vec<(String, String)>,
}

impl Verdict {
    /// Lets payment windows and holds expire, and then reads everything.
    pub(crate) async fn of(mut harness: CrashHarness) -> Self {
        harness.calm_down().await;
        harness.next_day().await;
        let verdict = Self {
            orders: harness.orders().await,
            intents: harness.intents(),
            reservations: harness.reservations().await,
            mails: harness.mails().await,
        };
        let all = || verdict.orders.values().flatten();
        let paid = i64::try_from(all().filter(|order| order.state == "paid").count()).unwrap();
        assert_eq!(harness.shop.stock_of(&harness.staff, SKU).await, (ON_HAND - paid, 0), "on hand and reserved");
        assert_eq!(harness.miscounted().await, 0, "counters that count what is not open");
        let known: Vec<String> = all().map(|order| order.id.to_string()).collect();
        for order in verdict.intents.keys() {
            assert!(known.contains(order), "Stripe has a payment for {order}, which is no order");
        }
        for (order, state) in &verdict.reservations {
            let is_free = ["released", "void"].contains(&&**state);
            assert!(known.contains(order) || is_free, "{state} for {order}, which is no order");
        }
        verdict
    }

    /// How the order ended; panics when anything about it is wrong.
    pub(crate) fn end(&self, outcome: &Outcome) -> End {
        let orders = self.orders.get(&outcome.shopper.owner()).map(Vec::as_slice).unwrap_or_default();
        let end = match orders {
            [] => End::NoOrder,
            [order] => self.end_of(order),
            _ => panic!("two orders of one request: {orders:?}"),
        };
        let possible: &[End] = match (outcome.scenario, outcome.client) {
            (Scenario::Saved | Scenario::Frontend, Client::Returns) => &[End::Paid],
            (Scenario::Saved, Client::Leaves) => &[End::Paid, End::NoOrder],
            (Scenario::Declined, Client::Returns) => &[End::PaymentFailed],
            (Scenario::Declined, Client::Leaves) => &[End::PaymentFailed, End::NoOrder],
            (Scenario::Frontend, Client::Leaves) => &[End::Expired, End::NoOrder],
            (Scenario::Cancel, Client::Returns) => &[End::Cancelled],
            (Scenario::Cancel, Client::Leaves) => &[End::Cancelled, End::Expired],
        };
        assert!(possible.contains(&end), "{end}: {outcome:?} {orders:?}");
        end
    }

    fn end_of(&self, order: &Order) -> End {
        let id = order.id.to_string();
        let end = match order.state.as_str() {
            "paid" => End::Paid,
            "payment_failed" => End::PaymentFailed,
            "cancelled" => End::Cancelled,
            "expired" => End::Expired,
            _ => panic!("never came to an end: {order:?}"),
        };
        let intents = self.intents.get(&id).map(Vec::as_slice).unwrap_or_default();
        assert!(intents.len() <= 1, "two payments: {order:?} {intents:?}");
        let charged: Vec<i64> =
            intents.iter().flatten().map(|charge| charge["amount_captured"].as_i64().unwrap()).collect();
        let mails: Vec<&str> =
            self.mails.iter().filter(|(mail, _)| mail.contains(&id)).map(|(_, subject)| &**subject).collect();
        let (captured, reservation, subjects): (&[i64], _, &[&str]) = match end {
            End::Paid => (&[order.total], "committed", &["Your Bodega order is confirmed"]),
            End::PaymentFailed | End::Cancelled | End::Expired | End::NoOrder => (&[], "released", &[]),
        };
        assert_eq!(charged, captured, "charges: {order:?}");
        assert_eq!(order.captured, captured.iter().sum::<i64>(), "captured: {order:?}");
        assert_eq!(order.refunded, 0, "refunded: {order:?}");
        assert_eq!((order.ledger_sum, order.captures), (0, i64::from(end == End::Paid)), "ledger: {order:?}");
        assert_eq!(self.reservations.get(&id).map(String::as_str), Some(reservation), "reservation: {order:?}");
        assert_eq!(mails, subjects, "mails: {order:?}");
        end
    }
}

impl CrashHarness {
    /// The payment window passes, and the sweep comes until nothing is open and no message is left.
    async fn calm_down(&mut self) {
        let pass = "UPDATE orders SET expires_at = now() - interval '1 second', due_at = now()
                    WHERE state = 'requires_action'";
        query(pass).execute(&mut self.db).await.unwrap();
        let started = Instant::now();
        loop {
            self.sweeper.sweep().await;
            let left = "SELECT (SELECT count(*) FROM orders WHERE due_at IS NOT NULL) + (SELECT count(*) FROM outbox)";
            let left: i64 = query_scalar(left).fetch_one(&mut self.db).await.unwrap();
            if left == 0 {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{left} orders are open or messages not taken, and stay so");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// A hold without an order ends after a day, by product-service's own sweep.
    async fn next_day(&self) {
        let reservations = self.shop.mongo().database().await.collection::<mongodb::bson::Document>("reservations");
        let yesterday = DateTime::from_millis(DateTime::now().timestamp_millis() - 1000);
        let pass = doc! { "$set": { "expires_at": yesterday, "lease_until": yesterday } };
        let waiting = doc! { "state": { "$in": ["held", "reserving"] } };
        let held = reservations.update_many(waiting, pass).await.unwrap().modified_count;
        println!("a day later: the sweep of product-service releases {held} holds without an order");
        for _ in 0..=held {
            self.shop.products.sweep().await.unwrap();
        }
    }

    /// No order is open any more, so no counter has one.
    async fn miscounted(&mut self) -> i64 {
        let miscounted = "SELECT count(*) FROM limit_counters WHERE open_orders <> 0 OR held_units <> 0";
        query_scalar(miscounted).fetch_one(&mut self.db).await.unwrap()
    }

    async fn orders(&mut self) -> HashMap<Uuid, Vec<Order>> {
        let orders = "SELECT o.id, o.owner_id, o.state, o.total, p.captured, p.refunded,
                             coalesce(sum(l.amount), 0)::bigint AS ledger_sum,
                             count(*) FILTER (WHERE l.kind = 'capture' AND l.account = 'stripe') AS captures
                      FROM orders o JOIN payments p ON p.order_id = o.id LEFT JOIN ledger_entries l ON l.order_id = o.id
                      GROUP BY o.id, p.order_id";
        let orders: Vec<Order> = query_as(orders).fetch_all(&mut self.db).await.unwrap();
        let mut by_owner = HashMap::<Uuid, Vec<Order>>::new();
        for order in orders {
            by_owner.entry(order.owner_id).or_default().push(order);
        }
        by_owner
    }

    fn intents(&self) -> HashMap<String, Vec<Vec<Value>>> {
        let charges = self.shop.stripe.charges();
        let mut by_order = HashMap::<String, Vec<Vec<Value>>>::new();
        for intent in self.shop.stripe.all("payment_intent") {
            let taken = charges
                .iter()
                .filter(|charge| charge["payment_intent"] == intent["id"] && charge["status"] == "succeeded");
            let order = intent["metadata"]["order_id"].as_str().unwrap().to_owned();
            by_order.entry(order).or_default().push(taken.cloned().collect());
        }
        by_order
    }

    async fn reservations(&self) -> HashMap<String, String> {
        let all = self.shop.mongo().all("reservations").await;
        let text = |reservation: &mongodb::bson::Document, name| reservation.get_str(name).unwrap().to_owned();
        all.iter().map(|reservation| (text(reservation, "_id"), text(reservation, "state"))).collect()
    }

    /// Each mail that SES accepted, whole, with its subject.
    async fn mails(&self) -> Vec<(String, String)> {
        let aws = self.shop.settings.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL").unwrap();
        let page: Value = reqwest::get(format!("{}/moto-api/data.json", aws.1)).await.unwrap().json().await.unwrap();
        let mails = page["ses"]["Message"].as_array().cloned().unwrap_or_default();
        mails.iter().map(|mail| (mail.to_string(), mail["subject"].as_str().unwrap_or_default().to_owned())).collect()
    }
}
