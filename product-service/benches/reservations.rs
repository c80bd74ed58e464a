//! How fast stock is reserved when everybody wants the same, beside the least a database could do: one conditional
//! `$inc` a unit. Both in one run on one server, so the ratio means something on a noisy machine.
//!
//! `cargo xtask bench reservations`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops when something is wrong")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use common::{id::Id, timestamp::Timestamp};
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use platform::{Service, config::Env, trigger::Direction};
use product_service::{App, router};
use serde_json::json;
use testkit::{Client, mongo::Mongo, tokens};
use uuid::Uuid;

const CLIENTS: usize = 64;
/// How many reservations a median is of.
const MEASURED: usize = 300;
/// How many are held, and not decided, when the second median is taken.
const OUTSTANDING: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mongo = testkit::mongo::fresh();
    let app = app(&mongo).await;
    let client = Client::new(router(App { deadline: Duration::from_mins(1), ..app }));
    println!("{CLIENTS} clients, one server, one run\n");
    println!("{:44} {:>9} {:>10} {:>8}", "", "succeeded", "a second", "ratio");

    let bare = bare(&mongo, 2_000).await;
    line("bare conditional $inc, one document", 2_000, bare, bare);
    let hundred = reserve(&client, &mongo, "hundred", &["HUNDRED"], 100).await;
    line("reservations, one SKU with 100 units", 100, hundred, bare);
    let many = reserve(&client, &mongo, "many", &["MANY"], 1_000).await;
    line("reservations, one SKU with 1,000 units", 1_000, many, bare);
    let baskets = baskets(&client, &mongo).await;
    line("overlapping baskets of three, 5 SKUs", baskets.0, baskets.1, bare);
    let (first, crowded) = outstanding(&client, &mongo).await;
    println!("\none client, one SKU, the median of {MEASURED} reservations");
    println!("{:44} {:>9.2} ms", "nothing outstanding", first.as_secs_f64() * 1_000.0);
    let ratio = crowded.as_secs_f64() / first.as_secs_f64();
    println!("{:44} {:>9.2} ms {ratio:>7.2}", "10,000 reservations outstanding", crowded.as_secs_f64() * 1_000.0);
    println!(
        "\na reservation is at least four writes (claim, take, hold, settle); every total was exact, nothing stuck"
    );
}

fn line(what: &str, count: u32, took: Duration, bare: Duration) {
    let rate = f64::from(count) / took.as_secs_f64();
    let bare_rate = 2_000.0 / bare.as_secs_f64();
    println!("{what:44} {count:>9} {rate:>10.0} {:>8.2}", rate / bare_rate);
}

async fn app(mongo: &Mongo) -> App {
    let mut env = Env::from_pairs([
        ("ISSUER", tokens::ISSUER),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked"),
        ("MONGODB_URI", mongo.uri.as_str()),
        ("CURRENCIES", "USD"),
        ("IMAGE_BUCKET", "never-asked"),
        ("IMAGE_BASE_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
    ]);
    let app = App { verifier: tokens::verifier(), ..App::configure(&mut env).unwrap() };
    app.migrate(Direction::Up).await.unwrap();
    app
}

/// The floor: the driver's own update, as fast as clients can send it.
async fn bare(mongo: &Mongo, units: u32) -> Duration {
    let bare = mongo.database().await.collection::<Document>("bare");
    bare.insert_one(doc! { "_id": "A", "available": i64::from(units) }).await.unwrap();
    let sold = AtomicU32::new(0);
    let started = Instant::now();
    join_all((0..CLIENTS).map(|_| async {
        let filter = doc! { "_id": "A", "available": { "$gte": 1_i64 } };
        let take = doc! { "$inc": { "available": -1_i64 } };
        while bare.update_one(filter.clone(), take.clone()).await.unwrap().modified_count == 1 {
            sold.fetch_add(1, Ordering::Relaxed);
        }
    }))
    .await;
    assert_eq!(sold.into_inner(), units);
    started.elapsed()
}

async fn sell(client: &Client, slug: &str, skus: &[&str], units: u32) {
    let staff = tokens::user(Uuid::from_u128(1), "catalog:write inventory:write");
    let variants: Vec<_> = skus
        .iter()
        .map(|sku| json!({"sku": sku, "options": {"No": sku}, "prices": [{"amount": 1, "currency": "USD"}]}))
        .collect();
    let product = json!({
        "title": slug, "slug": slug, "description": "", "status": "active", "category_ids": [],
        "options": [{"name": "No", "values": skus}], "variants": variants
    });
    client.post("/admin/products").token(&staff).json(&product).send().await.expect(201);
    for sku in skus {
        let body = json!({"on_hand": units});
        client.put(&format!("/inventory/{sku}")).token(&staff).json(&body).send().await.expect(200);
    }
}

/// Every client reserves until nothing is left.
async fn reserve(client: &Client, mongo: &Mongo, slug: &str, skus: &[&str], units: u32) -> Duration {
    sell(client, slug, skus, units).await;
    let service = Arc::new(tokens::service("transaction-service", "inventory:reserve"));
    let lines: Vec<_> = skus.iter().map(|sku| json!({"sku": sku, "quantity": 1})).collect();
    let sold = AtomicU32::new(0);
    let started = Instant::now();
    join_all(
        (0..CLIENTS).map(|_| async { sold.fetch_add(buy_all(client, &service, &lines).await, Ordering::Relaxed) }),
    )
    .await;
    let took = started.elapsed();
    assert_eq!(sold.into_inner(), units);
    assert_exact(mongo, skus, 0).await;
    took
}

/// How long a reservation takes while a SKU has none outstanding, and while it has ten thousand.
async fn outstanding(client: &Client, mongo: &Mongo) -> (Duration, Duration) {
    sell(client, "hot", &["HOT"], 1_000_000).await;
    let service = tokens::service("transaction-service", "inventory:reserve");
    let reserve = async || {
        let order = Id::<()>::new(Timestamp::now());
        let body = json!({"currency": "USD", "lines": [{"sku": "HOT", "quantity": 1}]});
        let request = client.put(&format!("/inventory/reservations/{order}")).token(&service).json(&body);
        let started = Instant::now();
        request.send().await.expect(200);
        started.elapsed()
    };
    let median = async || {
        let mut times = Vec::with_capacity(MEASURED);
        for _ in 0..MEASURED {
            times.push(reserve().await);
        }
        times.sort_unstable();
        times[MEASURED / 2]
    };
    let first = median().await;
    join_all((0..CLIENTS).map(|nth| {
        let reserve = &reserve;
        async move {
            for _ in (MEASURED + nth..OUTSTANDING).step_by(CLIENTS) {
                reserve().await;
            }
        }
    }))
    .await;
    let held = mongo.database().await.collection::<Document>("reservations");
    let held = held.count_documents(doc! { "state": "held", "basket.sku": "HOT" }).await.unwrap();
    assert_eq!(held, OUTSTANDING as u64);
    (first, median().await)
}

/// Reserves order after order until one is refused; how many succeeded.
async fn buy_all(client: &Client, service: &str, lines: &[serde_json::Value]) -> u32 {
    let mut held = 0;
    loop {
        let order = Id::<()>::new(Timestamp::now());
        let body = json!({"currency": "USD", "lines": lines});
        let request = client.put(&format!("/inventory/reservations/{order}")).token(service).json(&body);
        let answer = request.send().await;
        match answer.status.as_u16() {
            200 => held += 1,
            409 if answer.problem() == "out_of_stock" => return held,
            409 => {}
            other => panic!("{other}: {}", answer.text()),
        }
    }
}

/// Five SKUs of 200; every client buys three neighbours until they run out. How many baskets, and how long.
async fn baskets(client: &Client, mongo: &Mongo) -> (u32, Duration) {
    let skus = ["B1", "B2", "B3", "B4", "B5"];
    sell(client, "baskets", &skus, 200).await;
    let service = tokens::service("transaction-service", "inventory:reserve");
    let sold = AtomicU32::new(0);
    let started = Instant::now();
    join_all((0..CLIENTS).map(|n| {
        let lines: Vec<_> = (0..3).map(|i| json!({"sku": skus[(n + i) % 5], "quantity": 1})).collect();
        let (service, sold) = (&service, &sold);
        async move { sold.fetch_add(buy_all(client, service, &lines).await, Ordering::Relaxed) }
    }))
    .await;
    let (sold, took) = (sold.into_inner(), started.elapsed());
    assert_exact(mongo, &skus, 5 * 200 - 3 * i64::from(sold)).await;
    (sold, took)
}

/// What is left of these SKUs, and that nothing is under way on any.
async fn assert_exact(mongo: &Mongo, skus: &[&str], left: i64) {
    let stock = mongo.all("stock").await;
    let ours = stock.iter().filter(|document| skus.contains(&document.get_str("_id").unwrap()));
    let mut available = 0;
    for document in ours {
        available += document.get_i64("available").unwrap();
        assert!(document.get_array("movements").unwrap().is_empty(), "a movement is stuck");
    }
    assert_eq!(available, left);
    let open = mongo.all("reservations").await;
    assert!(open.iter().all(|document| document.get_str("state").unwrap() != "reserving"), "an attempt is stuck");
}
