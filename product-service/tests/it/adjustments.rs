//! Changes of the number on hand other than by a sale: each is made once, wherever a crash falls, and is in the audit log.

use std::{collections::BTreeSet, time::Duration};

use common::timestamp::Timestamp;
use http::HeaderName;
use mongodb::bson::{DateTime, Document, doc};
use product_service::adjustments;
use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

use crate::{Shop, order, service, staff};

const KEY: HeaderName = common::idempotency::IDEMPOTENCY_KEY;
const SOON: Duration = Duration::from_secs(41);

impl Shop {
    async fn adjust(&self, sku: &str, key: &str, body: &Value) -> Answer {
        let path = format!("/inventory/{sku}/adjustments");
        self.client.post(&path).token(&staff()).header(KEY, key).json(body).send().await
    }

    /// The trail of a SKU, newest first: by how many, and why.
    async fn trail(&self, sku: &str) -> Vec<(i64, String)> {
        let path = format!("/inventory/{sku}/adjustments?limit=100");
        let page = self.client.get(&path).token(&staff()).send().await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| (item["delta"].as_i64().unwrap(), item["reason"].as_str().unwrap().to_owned())).collect()
    }

    async fn restock(&self, id: Uuid, lines: &[(&str, u32)]) -> Answer {
        let lines: Vec<Value> = lines.iter().map(|(sku, n)| json!({"sku": sku, "quantity": n})).collect();
        let path = format!("/inventory/returns/{id}");
        self.client.put(&path).token(&service()).json(&json!({ "lines": lines })).send().await
    }

    /// How many adjustments stand on SKUs: none once nothing is under way.
    async fn adjustments_under_way(&self) -> usize {
        let stock = self.mongo.all("stock").await;
        stock.iter().map(|document| document.get_array("adjustments").map_or(0, Vec::len)).sum()
    }

    async fn sweep_adjustments(&self) -> usize {
        adjustments::sweep(&self.app.db, Timestamp::now().plus(SOON)).await.expect("the sweep ends")
    }
}

fn received(delta: i64) -> Value {
    json!({"delta": delta, "reason": "received"})
}

fn lost(count: i64) -> Value {
    json!({"delta": -count, "reason": "lost", "note": "Fell off a lorry"})
}

#[tokio::test]
async fn an_adjustment_changes_the_stock_and_is_written_down() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let made = shop.adjust("A", "k", &lost(2)).await.expect(201).json();
    assert_eq!((made["delta"].clone(), made["note"].clone()), (json!(-2), json!("Fell off a lorry")));
    assert_eq!(made["by"], json!(format!("user:{}", Uuid::from_u128(1))));
    shop.adjust("A", "l", &received(10)).await.expect(201);
    assert_eq!(shop.stock("A").await, (13, 0, 13));
    let trail = [(10, "received"), (-2, "lost"), (5, "counted")].map(|(by, why)| (by, why.to_owned()));
    assert_eq!(shop.trail("A").await, trail);
    assert_eq!(shop.adjustments_under_way().await, 0);
}

#[tokio::test]
async fn the_trail_is_paged_newest_first_each_once() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 0), ("B", 3)]).await;
    for n in 1..=6 {
        shop.adjust("A", &format!("k{n}"), &received(n)).await.expect(201);
    }
    let (mut cursor, mut read) = (String::new(), Vec::new());
    loop {
        let path = format!("/inventory/A/adjustments?limit=3{cursor}");
        let page = shop.client.get(&path).token(&staff()).send().await.expect(200);
        assert_eq!(page.header("cache-control"), "no-store");
        let page = page.json();
        read.extend(page["items"].as_array().unwrap().iter().map(|item| item["delta"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // Those of one millisecond come in the order of their ids.
    assert_eq!(read.last(), Some(&0), "the count that opened it");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), (0..=6).collect());
}

#[tokio::test]
async fn a_repeated_adjustment_is_made_once_and_answered_the_same_byte_for_byte() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let first = shop.adjust("A", "k", &lost(5)).await.expect(201);
    let again = shop.adjust("A", "k", &lost(5)).await.expect(201);
    assert_eq!(first.text(), again.text());
    assert_eq!(shop.stock("A").await, (0, 0, 0));
    let other = shop.adjust("A", "k", &lost(4)).await.expect(422);
    assert_eq!(other.problem(), "idempotency_key_reused");
    let keyless = shop.client.post("/inventory/A/adjustments").token(&staff()).json(&lost(1)).send().await;
    assert_eq!(keyless.expect(400).problem(), "idempotency_key_missing");
    assert_eq!(shop.stock("A").await, (0, 0, 0));
}

#[tokio::test]
async fn sixteen_at_once_under_one_key_adjust_once() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 10)]).await;
    for (key, body, expected) in [("k", lost(3), 7), ("l", received(4), 11)] {
        let answers = futures_util::future::join_all((0..16).map(|_| shop.adjust("A", key, &body))).await;
        let texts: BTreeSet<String> = answers.into_iter().map(|answer| answer.expect(201).text()).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert_eq!(shop.stock("A").await, (expected, 0, expected));
    }
    assert_eq!(shop.adjustments_under_way().await, 0);
    assert_eq!(shop.trail("A").await.len(), 3);
}

#[tokio::test]
async fn what_is_reserved_cannot_be_lost() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    shop.reserve(order(), &[("A", 3)]).await.expect(200);
    assert_eq!(shop.adjust("A", "k", &lost(3)).await.expect(409).problem(), "below_reserved");
    assert_eq!(shop.stock("A").await, (5, 3, 2));
    shop.adjust("A", "l", &lost(2)).await.expect(201);
    assert_eq!(shop.stock("A").await, (3, 3, 0));
    // The key of what was refused is free: nothing was made under it.
    shop.adjust("A", "k", &received(1)).await.expect(201);
}

#[tokio::test]
async fn a_sku_without_stock_gets_some_and_one_that_is_not_sold_does_not() {
    let shop = Shop::open().await;
    let product = json!({"title": "T", "slug": "t", "description": "", "status": "active", "category_ids": [],
        "options": [], "variants": [{"sku": "NEW", "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]});
    shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201);
    assert_eq!(shop.adjust("NEW", "k", &lost(1)).await.expect(409).problem(), "below_reserved");
    shop.adjust("NEW", "k", &received(3)).await.expect(201);
    assert_eq!(shop.stock("NEW").await, (3, 0, 3));
    shop.adjust("NOPE", "k2", &received(3)).await.expect(404);
    let most = json!({"delta": 1_000_000, "reason": "found"});
    assert_eq!(shop.adjust("NEW", "k3", &most).await.expect(409).problem(), "too_many_on_hand");
}

#[tokio::test]
async fn an_adjustment_needs_the_scope_and_a_return_that_of_services() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let post =
        |token: &str| shop.client.post("/inventory/A/adjustments").token(token).header(KEY, "k").json(&received(1));
    assert_eq!(post(&service()).send().await.expect(403).problem(), "forbidden");
    let returned = shop.client.put(&format!("/inventory/returns/{}", Uuid::from_u128(1))).token(&staff());
    returned.json(&json!({"lines": [{"sku": "A", "quantity": 1}]})).send().await.expect(403);
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}

/// Cuts the network after every possible number of commands; whatever is left, a repetition or the sweep puts right.
#[tokio::test]
async fn a_crash_between_any_two_commands_adjusts_once() {
    let shop = Shop::open().await;
    let mut cases = 0;
    for (what, expected) in [("lose", 3), ("receive", 9), ("count", 8), ("return", 6)] {
        for commands in 0..5 {
            for is_repeated in [true, false] {
                let sku = format!("S{cases}");
                cases += 1;
                shop.sell(&[(&sku, 5)]).await;
                let send = async || match what {
                    "lose" => shop.adjust(&sku, &sku, &lost(2)).await,
                    "receive" => shop.adjust(&sku, &sku, &received(4)).await,
                    "return" => shop.restock(Uuid::from_u128(cases), &[(&sku, 1)]).await,
                    _ => {
                        let path = format!("/inventory/{sku}");
                        shop.client.put(&path).token(&staff()).json(&json!({"on_hand": 8})).send().await
                    }
                };
                shop.network.cut_after(commands);
                let during = send().await.status.as_u16();
                assert!([200, 201, 503].contains(&during), "{what} {commands}: {during}");
                shop.network.heal();
                if is_repeated {
                    send().await;
                }
                shop.sweep_adjustments().await;
                let (on_hand, reserved, available) = shop.stock(&sku).await;
                assert_eq!((reserved, available), (0, on_hand), "{what} cut after {commands}");
                let is_done = on_hand == expected;
                assert!(is_done || (on_hand == 5 && !is_repeated && during == 503), "{what} {commands}: {on_hand}");
                let sum: i64 = shop.trail(&sku).await.iter().map(|(by, _)| by).sum();
                assert_eq!(sum, on_hand, "the audit log of {what} cut after {commands} has every change");
            }
        }
    }
    assert_eq!(shop.adjustments_under_way().await, 0);
}

#[tokio::test]
async fn what_a_dead_process_left_on_a_sku_is_finished_once_by_many_sweeps() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    let left = |claim: u128| {
        doc! { "id": Uuid::from_u128(7).to_string(), "claim": Uuid::from_u128(claim).to_string(), "delta": 3_i64,
        "reason": "received", "note": null, "by": "user:x", "at": DateTime::from_millis(0) }
    };
    // Two attempts at one adjustment, both dead.
    let update = doc! { "$push": { "adjustments": { "$each": [left(1), left(2)] } } };
    stock.update_one(doc! { "_id": "A" }, update).await.unwrap();
    tokio::join!(shop.sweep_adjustments(), shop.sweep_adjustments(), shop.sweep_adjustments());
    shop.sweep_adjustments().await;
    assert_eq!(shop.stock("A").await, (8, 0, 8));
    assert_eq!(shop.adjustments_under_way().await, 0);
}

#[tokio::test]
async fn a_return_is_restocked_once_its_lines_summed() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 1)]).await;
    let id = Uuid::from_u128(9);
    let answer = shop.restock(id, &[("B", 1), ("A", 1), ("A", 2), ("GONE", 1)]).await.expect(200).json();
    let line =
        |sku: &str, quantity: u32, restocked: bool| json!({"sku": sku, "quantity": quantity, "restocked": restocked});
    assert_eq!(answer["lines"], json!([line("A", 3, true), line("B", 1, true), line("GONE", 1, false)]));
    shop.restock(id, &[("A", 3), ("B", 1), ("GONE", 1)]).await.expect(200);
    assert_eq!((shop.stock("A").await, shop.stock("B").await), ((8, 0, 8), (2, 0, 2)));
    assert_eq!(shop.restock(id, &[("A", 2)]).await.expect(409).problem(), "return_differs");
    assert_eq!(shop.trail("A").await[0], (3, "returned".to_owned()));
}

#[tokio::test]
async fn a_sku_that_takes_backorders_is_sold_below_zero_and_no_other() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1), ("B", 1)]).await;
    let patch = |body: Value| shop.client.patch("/inventory/A").token(&staff()).json(&body).send();
    let on = patch(json!({"backorder": true})).await.expect(200).json();
    assert_eq!((on["backorder"].clone(), on["version"].clone()), (json!(true), json!(2)));
    let sold = order();
    shop.reserve(sold, &[("A", 3)]).await.expect(200);
    assert_eq!(shop.stock("A").await, (1, 3, -2));
    shop.reserve(order(), &[("B", 2)]).await.expect(409);
    let body = json!({"currency": "USD", "lines": [{"sku": "A", "quantity": 900}, {"sku": "B", "quantity": 900}]});
    let quote = shop.client.post("/inventory/quotes").token(&service()).json(&body).send().await.expect(200).json();
    assert!(quote["lines"][0]["available"].as_i64().unwrap() >= 900);
    assert_eq!(quote["lines"][1]["available"], 1);
    assert_eq!(patch(json!({"backorder": false})).await.expect(409).problem(), "below_reserved");
    shop.commit(sold).await.expect(200);
    assert_eq!(shop.stock("A").await, (-2, 0, -2), "two are owed");
    shop.adjust("A", "k", &received(2)).await.expect(201);
    assert_eq!(shop.stock("A").await, (0, 0, 0));
    let removed = patch(json!({"backorder": null})).await.expect(422).json();
    assert_eq!(removed["errors"][0]["pointer"], "/backorder", "there is nothing it could fall back to");
    patch(json!({"backorder": false})).await.expect(200);
    shop.reserve(order(), &[("A", 1)]).await.expect(409);
}

#[tokio::test]
async fn a_repeated_adjustment_that_is_in_progress_is_refused_as_such_and_not_for_want_of_units() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 2)]).await;
    shop.adjust("A", "k", &lost(2)).await.expect(201);
    // Back to where its maker has taken the two, and has not decided yet.
    let database = shop.mongo.database().await;
    let (stock, trail) = (database.collection::<Document>("stock"), database.collection::<Document>("adjustments"));
    let mut recorded = trail.find_one_and_delete(doc! { "reason": "lost" }).await.unwrap().unwrap();
    let id = recorded.remove("_id").unwrap();
    recorded.remove("sku");
    recorded.insert("id", id);
    let back = doc! { "$inc": { "on_hand": 2_i64 }, "$push": { "adjustments": recorded } };
    stock.update_one(doc! { "_id": "A" }, back).await.unwrap();

    let repeated = shop.adjust("A", "k", &lost(2)).await.expect(409);
    assert_eq!((repeated.problem().as_str(), repeated.header("retry-after")), ("adjustment_in_progress", "1"));
    assert_eq!(shop.adjust("A", "other", &lost(2)).await.expect(409).problem(), "below_reserved");
    assert_eq!(shop.sweep_adjustments().await, 1);
    assert_eq!(shop.adjust("A", "k", &lost(2)).await.expect(201).json()["delta"], -2);
    assert_eq!(shop.stock("A").await, (0, 0, 0));
    assert_eq!(shop.trail("A").await.len(), 2, "the two that came, and that they were lost");
}

#[tokio::test]
async fn a_return_for_which_there_is_no_room_is_refused_and_put_there_once_there_is() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 999_999), ("B", 1)]).await;
    let id = Uuid::from_u128(10);
    for _ in 0..2 {
        assert_eq!(shop.restock(id, &[("A", 2), ("B", 1)]).await.expect(409).problem(), "too_many_on_hand");
        assert_eq!((shop.stock("A").await.0, shop.stock("B").await.0), (999_999, 2), "the rest is on the shelf, once");
    }
    shop.set_stock("A", 7).await;
    let answer = shop.restock(id, &[("A", 2), ("B", 1)]).await.expect(200).json();
    assert_eq!(answer["lines"][0], json!({"sku": "A", "quantity": 2, "restocked": true}));
    assert_eq!((shop.stock("A").await.0, shop.stock("B").await.0), (9, 2));
}
