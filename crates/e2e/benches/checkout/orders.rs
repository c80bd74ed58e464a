//! What is ordered, by whom, and how long each order takes.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use e2e::{Card, Shopper, Storefront, total};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

/// Enough SKUs that clients do not all wait for the same one.
pub(crate) const SKUS: usize = 100;
/// Before a request is sent again.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn sku(nth: usize) -> String {
    format!("SKU-{nth}")
}

pub(crate) fn any_sku() -> String {
    sku(fastrand::usize(..SKUS))
}

pub(crate) async fn customers(shop: &Storefront, count: usize) -> Vec<Shopper> {
    let mut customers = Vec::new();
    for _ in 0..count {
        customers.push(shop.customer(&format!("c-{}", Uuid::new_v4().simple()), Card::Saved).await);
    }
    customers
}

/// One order. Where a part of the shop did not answer in time, the same request again, as a frontend sends it.
pub(crate) async fn buy(shopper: &Shopper, again: &AtomicUsize) {
    let (key, request) = (Uuid::new_v4().to_string(), shopper.request(&[&any_sku()]));
    loop {
        let (status, body) = shopper.order(&key, &request).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status == 201 {
            assert_eq!(body["total"], json!({"amount": total(1), "currency": "USD"}));
            return;
        }
        assert!([409, 503].contains(&status), "{body}");
        again.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

#[derive(Default)]
pub(crate) struct Measured {
    took: Duration,
    /// Of each order.
    latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn add(&mut self, other: Self) {
        self.took += other.took;
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
    }

    fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap()) / self.took.as_secs_f64()
    }

    pub(crate) fn print(&self, clients: usize, what: &str, bare: &Self) {
        let percentile = |part: usize| self.latencies[self.latencies.len() * part / 100].as_secs_f64() * 1000.0;
        let (p50, p99) = (percentile(50), percentile(99));
        let ratio = self.rate() / bare.rate();
        println!("{clients:>7}  {what:<44} {:>8.0} {p50:>9.1} {p99:>9.1} {ratio:>9.3}", self.rate());
    }
}

/// Has `clients` make `orders` in all, each one after the other.
pub(crate) async fn measure<F: Future<Output = ()>>(
    clients: usize,
    orders: usize,
    order: impl Fn(usize) -> F,
) -> Measured {
    let left = AtomicUsize::new(orders);
    let started = Instant::now();
    let all = join_all((0..clients).map(async |client| {
        let mut latencies = Vec::new();
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let started = Instant::now();
            order(client).await;
            latencies.push(started.elapsed());
        }
        latencies
    }));
    let latencies = all.await.concat();
    let mut measured = Measured { took: started.elapsed(), latencies };
    measured.latencies.sort_unstable();
    measured
}
