//! How fast orders are made, through all routers and over HTTP, beside the least that a database could do for one: a
//! single statement that takes the stock and saves the order. Both in one run, in turns, on the same PostgreSQL, so that
//! the ratio means something on a noisy machine.
//!
//! With arguments: what an order costs the processes of two builds, see `beside`.
//!
//! `cargo xtask bench checkout`, `cargo xtask bench checkout --beside <commit>`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops when something is wrong")]

mod beside;
mod orders;
mod running;

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use e2e::{Shop, Shopper, UNLIMITED, total};
use reqwest::Method;
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions, query, query_scalar};
use uuid::Uuid;

use crate::orders::{Measured, SKUS, any_sku, buy, customers, measure, sku};

const CLIENTS: [usize; 3] = [1, 8, 32];
/// In each round so many orders are made by each way.
const ORDERS: [usize; 3] = [60, 240, 480];
const ROUNDS: usize = 3;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // What cargo adds for harnesses is not for us.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [] => beside_one_statement().await,
        [tree, commit, other] => beside::compare(Path::new(tree), commit, Path::new(other)).await,
        _ => panic!("no arguments, or three: this tree's programs, the other commit, its programs"),
    }
}

async fn beside_one_statement() {
    let shop = Shop::open_with(&UNLIMITED).await;
    let staff = shop.admin().await;
    for nth in 0..SKUS {
        shop.sell(&staff, &sku(nth), 1_000_000).await;
    }
    let service = shop.service_token().await;
    let bare = Bare::new(&shop).await;
    println!("every client orders, waits for the answer, and orders again; {ROUNDS} rounds in turns\n");
    println!("{:>7}  {:<44} {:>8} {:>9} {:>9} {:>9}", "clients", "", "orders/s", "p50 ms", "p99 ms", "ratio");
    for (clients, orders) in CLIENTS.into_iter().zip(ORDERS) {
        shop.scale(clients);
        let (mut one, mut held, mut saved, mut frontend) = <(Measured, Measured, Measured, Measured)>::default();
        let again = AtomicUsize::new(0);
        let ada = customers(&shop, clients).await;
        let guests: Vec<Shopper> = (0..clients).map(|_| shop.anonymous()).collect();
        // Every instance fetches keys and tokens first, and every pool its connections.
        measure(clients, clients * 2, |client| buy(&ada[client], &again)).await;
        measure(clients, clients * 2, |client| buy(&guests[client], &again)).await;
        measure(clients, clients * 2, |_| bare.order()).await;
        again.store(0, Ordering::Relaxed);
        for _ in 0..ROUNDS {
            one.add(measure(clients, orders, |_| bare.order()).await);
            held.add(measure(clients, orders, |_| reserve(&shop, &service)).await);
            saved.add(measure(clients, orders, |client| buy(&ada[client], &again)).await);
            frontend.add(measure(clients, orders, |client| buy(&guests[client], &again)).await);
        }
        one.print(clients, "one statement in PostgreSQL", &one);
        held.print(clients, "its reservation alone", &one);
        frontend.print(clients, "POST /orders, to be paid in the frontend", &one);
        saved.print(clients, "POST /orders, paid with a saved card", &one);
        println!("{:>7}  {} requests were sent again after a 409 or 503\n", "", again.into_inner());
    }
    bare.check().await;
    let (charges, _) = shop.charged();
    println!(
        "An order is 2 durable commits of PostgreSQL (5 commands to be paid in the frontend, 7 with a saved card), 1 \
         reservation in MongoDB and 1 or 2 calls of Stripe, whose double answers at once. After the answer its messages \
         are sent, to product-service and notification-service. All of that, all stores and all clients share these \
         processors, and where `cargo xtask` says that something stands in for MongoDB, and for DynamoDB always, that is \
         a program in Python.\n{charges} charges at Stripe's double"
    );
}

/// The reservation of an order alone: product-service and its MongoDB.
async fn reserve(shop: &Shop, service: &str) {
    let path = format!("/inventory/reservations/{}", Uuid::new_v4());
    let body = json!({"currency": "USD", "lines": [{"sku": any_sku(), "quantity": 1}]});
    shop.ask(Method::PUT, &path, service, Some(body)).await;
}

/// The least: no price, no payment, no message.
struct Bare {
    pool: PgPool,
    sold: AtomicUsize,
}

impl Bare {
    async fn new(shop: &Shop) -> Self {
        let pool = PgPoolOptions::new().max_connections(32).connect(&shop.orders.url).await.unwrap();
        for table in [
            "CREATE TABLE bare_stock (sku text PRIMARY KEY, on_hand integer NOT NULL, reserved integer NOT NULL DEFAULT 0,
                                      CHECK (reserved BETWEEN 0 AND on_hand))",
            "CREATE TABLE bare_orders (id uuid PRIMARY KEY, sku text NOT NULL, quantity integer NOT NULL,
                                       total bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now())",
        ] {
            query(table).execute(&pool).await.unwrap();
        }
        for nth in 0..SKUS {
            query("INSERT INTO bare_stock VALUES ($1, 1000000)").bind(sku(nth)).execute(&pool).await.unwrap();
        }
        Self { pool, sold: AtomicUsize::new(0) }
    }

    async fn order(&self) {
        let order = "WITH taken AS (
                UPDATE bare_stock SET reserved = reserved + 1 WHERE sku = $2 AND on_hand - reserved >= 1 RETURNING sku)
            INSERT INTO bare_orders (id, sku, quantity, total) SELECT $1, sku, 1, $3 FROM taken";
        let order = query(order).bind(Uuid::new_v4()).bind(any_sku()).bind(total(1));
        assert_eq!(order.execute(&self.pool).await.unwrap().rows_affected(), 1);
        self.sold.fetch_add(1, Ordering::Relaxed);
    }

    async fn check(&self) {
        let is_durable: String = query_scalar("SHOW fsync").fetch_one(&self.pool).await.unwrap();
        let reserved: i64 = query_scalar("SELECT sum(reserved) FROM bare_stock").fetch_one(&self.pool).await.unwrap();
        assert_eq!(usize::try_from(reserved).unwrap(), self.sold.load(Ordering::Relaxed));
        println!("PostgreSQL's fsync is {is_durable}");
    }
}
