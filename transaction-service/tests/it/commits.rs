//! What `POST /orders` costs: two durable commits, counted from PostgreSQL's own log, and a fixed number of round trips,
//! however many lines the order has.

use serde_json::json;
use sqlx::{query, query_scalar};

use crate::{KEY, Shop, Shopper, usd};

impl Shop {
    /// How far PostgreSQL's log is written, with all that was committed before in it: also where the stores of a test run
    /// leave writing it to a background process.
    async fn log_position(&mut self) -> String {
        query("CREATE EXTENSION IF NOT EXISTS pg_walinspect").execute(&mut self.db).await.unwrap();
        query("SET synchronous_commit = on").execute(&mut self.db).await.unwrap();
        query("SELECT pg_logical_emit_message(true, 'bodega', '')").execute(&mut self.db).await.unwrap();
        query_scalar("SELECT pg_current_wal_flush_lsn()::text").fetch_one(&mut self.db).await.unwrap()
    }

    /// How many transactions that changed something in this database were committed since `start`.
    async fn commits_since(&mut self, start: &str) -> i64 {
        let end = self.log_position().await;
        let count = "WITH records AS MATERIALIZED (
                         SELECT xid, resource_manager, record_type, block_ref
                         FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)),
                     ours AS (
                         SELECT DISTINCT xid::text FROM records, pg_database d
                         WHERE d.datname = current_database() AND block_ref LIKE '%/' || d.oid || '/%' AND xid::text <> '0'
                           AND resource_manager IN ('Heap', 'Heap2'))
                     SELECT count(*) FROM records JOIN ours ON ours.xid = records.xid::text
                     WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'";
        query_scalar(count).bind(start).bind(&end).fetch_one(&mut self.db).await.unwrap()
    }

    /// Orders, and counts: commits, commands to PostgreSQL, calls of other services, calls of Stripe.
    async fn costs(&mut self, shopper: &Shopper, key: &str, lines: usize) -> (i64, usize, Vec<String>, Vec<String>) {
        let skus = (0..lines).map(|nth| json!({"sku": format!("S-{nth}"), "quantity": 1}));
        let mut request = shopper.request();
        request["lines"] = skus.collect();
        request["expected_total"] = usd(i64::try_from(lines).unwrap() * 1080 + 540);
        let start = self.log_position().await;
        self.network.take_commands();
        let (service_calls, stripe_calls) = (self.services.seen("").len(), self.stripe.calls().len());
        let order = self.client.post("/orders").token(&shopper.token).header(KEY, key).json(&request);
        order.send().await.expect(201);
        let commands = self.network.take_commands().len();
        let service_calls: Vec<String> =
            self.services.seen("").split_off(service_calls).into_iter().map(|seen| seen.line).collect();
        let calls = self.stripe.calls().split_off(stripe_calls).into_iter();
        let calls = calls.map(|call| format!("{} {}", call.method, call.path)).collect();
        (self.commits_since(&start).await, commands, service_calls, calls)
    }
}

fn without_ids(lines: &[String]) -> Vec<String> {
    let is_id = |part: &&str| part.len() > 20 || part.starts_with("pi_");
    let line =
        |line: &String| line.split('/').map(|part| if is_id(&part) { "*" } else { part }).collect::<Vec<_>>().join("/");
    let mut lines: Vec<String> = lines.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn an_order_makes_two_durable_commits_and_a_fixed_number_of_round_trips() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.costs(&ada, "warm", 1).await;
    for lines in [1, 40] {
        let (commits, commands, service_calls, calls) = shop.costs(&ada, &format!("{lines}"), lines).await;
        assert_eq!(commits, 2, "commit 1 before Stripe is asked, commit 2 after");
        assert_eq!(commands, 7, "look, commit 1; begin, save, book, enqueue, commit 2");
        assert_eq!(without_ids(&service_calls), ["GET /users/*/checkout-context", "PUT /inventory/reservations/*"]);
        assert_eq!(without_ids(&calls), ["POST /v1/payment_intents", "POST /v1/payment_intents/*/confirm"]);
    }
}

#[tokio::test]
async fn the_count_sees_a_commit_more() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    let start = shop.log_position().await;
    shop.ordered(&ada, "k").await;
    query("UPDATE orders SET locale = locale").execute(&mut shop.db).await.unwrap();
    query("SELECT 1").execute(&mut shop.db).await.unwrap();
    assert_eq!(shop.commits_since(&start).await, 3);
}

#[tokio::test]
async fn an_order_for_the_frontend_makes_two_durable_commits_too() {
    let mut shop = Shop::open().await;
    let (commits, _, service_calls, calls) = shop.costs(&Shopper::guest(), "k", 1).await;
    assert_eq!(commits, 2);
    assert_eq!(without_ids(&service_calls), ["PUT /inventory/reservations/*"]);
    assert_eq!(without_ids(&calls), ["POST /v1/payment_intents"]);
}

#[tokio::test]
async fn a_quote_asks_product_service_once_and_the_database_nothing() {
    let shop = Shop::open().await;
    let quote = json!({"currency": "USD", "lines": [{"sku": "TEE-1", "quantity": 1}], "shipping_method": "standard"});
    shop.network.take_commands();
    shop.client.post("/quotes").token(&Shopper::guest().token).json(&quote).send().await.expect(200);
    assert_eq!((shop.network.take_commands(), shop.services.seen("").len()), (Vec::<String>::new(), 1));
}
