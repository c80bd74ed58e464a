use std::collections::BTreeSet;

use common::etag::ETag;
use http::{HeaderName, header::IF_MATCH};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

use crate::{Shop, order, service, staff};

#[tokio::test]
async fn stock_is_set_and_read() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    assert_eq!(shop.stock("A").await, (5, 0, 5));
    shop.set_stock("A", 7).await;
    assert_eq!(shop.stock("A").await, (7, 0, 7));
}

#[tokio::test]
async fn stock_of_a_sku_that_no_product_has_is_not_found() {
    let shop = Shop::open().await;
    let answer = shop.client.get("/inventory/NOPE").token(&staff()).send().await.expect(404);
    assert_eq!(answer.problem(), "not_found");
    shop.client.put("/inventory/NOPE").token(&staff()).json(&json!({"on_hand": 1})).send().await.expect(404);
    assert!(shop.mongo.all("stock").await.is_empty());
    for malformed in ["not-a-sku", "A.B", "reservations"] {
        let answer = shop.client.get(&format!("/inventory/{malformed}")).token(&staff()).send().await.expect(400);
        assert_eq!(answer.problem(), "invalid_path");
    }
}

#[tokio::test]
async fn setting_the_stock_keeps_what_is_reserved_and_never_goes_below_it() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    shop.reserve(order(), &[("A", 3)]).await.expect(200);
    shop.set_stock("A", 10).await;
    assert_eq!(shop.stock("A").await, (10, 3, 7));
    shop.set_stock("A", 3).await;
    assert_eq!(shop.stock("A").await, (3, 3, 0));
    let answer = shop.client.put("/inventory/A").token(&staff()).json(&json!({"on_hand": 2})).send().await.expect(409);
    assert_eq!(answer.problem(), "below_reserved");
    assert_eq!(shop.stock("A").await, (3, 3, 0));
}

#[tokio::test]
async fn a_stale_version_is_refused_and_a_fresh_one_taken() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let tag = shop.client.get("/inventory/A").token(&staff()).send().await.expect(200).header("etag").to_owned();
    let set = |on_hand: i64| {
        shop.client.put("/inventory/A").token(&staff()).header(IF_MATCH, &tag).json(&json!({"on_hand": on_hand}))
    };
    set(6).send().await.expect(200);
    let answer = set(7).send().await.expect(412);
    assert_eq!(answer.problem(), "stale");
    assert_eq!(shop.stock("A").await, (6, 0, 6));
}

impl Shop {
    /// What changes a SKU's stock, by each writer in turn, on the condition of a tag.
    async fn write_if(&self, writer: &str, tag: &str) -> Answer {
        let request = match writer {
            "set" => self.client.put("/inventory/A").json(&json!({"on_hand": 100})),
            "patch" => self.client.patch("/inventory/A").json(&json!({"backorder": false, "low_stock_at": 3})),
            _ => {
                let key = Uuid::now_v7().to_string();
                let found = json!({"delta": 1, "reason": "found"});
                self.client.post("/inventory/A/adjustments").header(IDEMPOTENCY_KEY, &key).json(&found)
            }
        };
        request.token(&staff()).header(IF_MATCH, tag).send().await
    }

    async fn change_stock(&self, by: &str) {
        let adjust = |delta: i64, reason: &str| {
            let key = Uuid::now_v7().to_string();
            let request = self.client.post("/inventory/A/adjustments").token(&staff()).header(IDEMPOTENCY_KEY, &key);
            request.json(&json!({"delta": delta, "reason": reason})).send()
        };
        match by {
            "a hold" => drop(self.reserve(order(), &[("A", 5)]).await.expect(200)),
            "a sale" => {
                let sold = order();
                self.reserve(sold, &[("A", 5)]).await.expect(200);
                self.commit(sold).await.expect(200);
            }
            "an order given up" => {
                let given_up = order();
                self.reserve(given_up, &[("A", 5)]).await.expect(200);
                self.release(given_up).await.expect(200);
            }
            "a return" => {
                let path = format!("/inventory/returns/{}", Uuid::now_v7());
                let lines = json!({"lines": [{"sku": "A", "quantity": 2}]});
                self.client.put(&path).token(&service()).json(&lines).send().await.expect(200);
            }
            "a delivery" => drop(adjust(3, "received").await.expect(201)),
            "breakage" => drop(adjust(-3, "damaged").await.expect(201)),
            "a count" => self.set_stock("A", 60).await,
            "a mark" => {
                let patch = json!({"low_stock_at": 7});
                self.client.patch("/inventory/A").token(&staff()).json(&patch).send().await.expect(200);
            }
            other => panic!("{other}"),
        }
    }

    async fn stock_json(&self) -> Value {
        self.client.get("/inventory/A").token(&staff()).send().await.expect(200).json()
    }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CHANGES: [&str; 8] =
    ["a hold", "a sale", "an order given up", "a return", "a delivery", "breakage", "a count", "a mark"];

#[tokio::test]
async fn whatever_changes_a_stock_makes_every_writer_who_saw_it_before_stale() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 50)]).await;
    let mut tags = BTreeSet::new();
    for change in CHANGES {
        let seen = shop.stock_tag("A").await;
        assert!(tags.insert(seen.clone()), "before {change}");
        shop.change_stock(change).await;
        let after = shop.stock_json().await;
        for writer in ["set", "patch", "adjust"] {
            let answer = shop.write_if(writer, &seen).await.expect(412);
            assert_eq!(answer.problem(), "stale", "{writer} after {change}");
        }
        assert_eq!(shop.stock_json().await, after, "after {change}");
    }
    for writer in ["set", "patch", "adjust"] {
        let tag = shop.stock_tag("A").await;
        let status = shop.write_if(writer, &format!("\"other\", {tag}")).await.status.as_u16();
        assert_eq!(status, if writer == "adjust" { 201 } else { 200 }, "{writer}");
        assert_eq!(shop.write_if(writer, &tag).await.expect(412).problem(), "stale", "{writer} twice");
        assert_eq!(shop.write_if(writer, &format!("W/{}", shop.stock_tag("A").await)).await.status, 412, "{writer}");
    }
    assert_eq!(shop.stock("A").await, (101, 5, 96));
    assert_eq!(shop.stock_json().await["low_stock_at"], 3);
}

#[tokio::test]
async fn an_adjustment_that_is_sent_again_is_answered_whatever_has_changed_since() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 50)]).await;
    let tag = shop.stock_tag("A").await;
    let send = || {
        let request = shop.client.post("/inventory/A/adjustments").token(&staff()).header(IF_MATCH, &tag);
        request.header(IDEMPOTENCY_KEY, "k").json(&json!({"delta": 2, "reason": "found"})).send()
    };
    let made = send().await.expect(201).json();
    shop.change_stock("a sale").await;
    assert_eq!(send().await.expect(201).json(), made);
    assert_eq!(shop.stock("A").await, (47, 0, 47));
}

#[tokio::test]
async fn of_a_count_and_a_sale_at_once_no_unit_is_invented() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 100)]).await;
    let (mut taken, mut left) = (0, 100);
    for round in 0..24 {
        let sold = order();
        shop.reserve(sold, &[("A", 3)]).await.expect(200);
        let tag = shop.stock_tag("A").await;
        let body = json!({"on_hand": left});
        let set = shop.client.put("/inventory/A").token(&staff()).header(IF_MATCH, &tag).json(&body).send();
        let (answer, committed) = tokio::join!(set, shop.commit(sold));
        committed.expect(200);
        assert!([200, 412].contains(&answer.status.as_u16()), "{}", answer.text());
        taken += usize::from(answer.status == 200);
        left -= 3;
        assert_eq!(shop.stock("A").await, (left, 0, left), "round {round}, {taken} counts taken");
    }
}

#[tokio::test]
async fn of_many_counts_from_one_sight_one_is_taken() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let tag = shop.stock_tag("A").await;
    let set = |on_hand: i64| {
        let request = shop.client.put("/inventory/A").token(&staff()).header(IF_MATCH, &tag);
        request.json(&json!({ "on_hand": on_hand })).send()
    };
    let answers = futures_util::future::join_all((10..18).map(set)).await;
    let taken: Vec<i64> =
        answers.iter().filter(|one| one.status == 200).map(|one| one.json()["on_hand"].as_i64().unwrap()).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(shop.stock("A").await.0, taken[0]);
}

#[tokio::test]
async fn the_stock_of_a_sku_that_was_taken_away_and_came_back_is_another() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let seen = shop.stock_json().await["version"].clone();
    let tag = shop.stock_tag("A").await;
    shop.mongo.database().await.collection::<Document>("stock").delete_one(doc! { "_id": "A" }).await.unwrap();
    for writer in ["set", "patch", "adjust"] {
        assert_eq!(shop.write_if(writer, &tag).await.expect(412).problem(), "stale", "{writer} where there is none");
    }
    assert!(shop.mongo.all("stock").await.is_empty());
    shop.set_stock("A", 5).await;
    assert_eq!(shop.stock_json().await["version"], seen);
    for writer in ["set", "patch", "adjust"] {
        assert_eq!(shop.write_if(writer, &tag).await.expect(412).problem(), "stale", "{writer}");
    }
}

#[tokio::test]
async fn a_stock_that_an_earlier_version_saved_without_a_name_has_a_tag_too() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    for writer in ["set", "patch", "adjust"] {
        stock.update_one(doc! { "_id": "A" }, doc! { "$unset": { "document": "" } }).await.unwrap();
        let tag = shop.stock_tag("A").await;
        shop.change_stock("a sale").await;
        assert_eq!(shop.write_if(writer, &tag).await.expect(412).problem(), "stale", "{writer}");
        assert!(shop.write_if(writer, &shop.stock_tag("A").await).await.status.is_success(), "{writer}");
        assert_eq!(shop.write_if(writer, &ETag::new(Uuid::nil(), 1).to_string()).await.status, 412, "{writer}");
    }
}

#[tokio::test]
async fn a_patch_that_says_nothing_leaves_a_stock_as_it_is() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let (before, tag) = (shop.stock_json().await, shop.stock_tag("A").await);
    let patch = |seen: &str| shop.client.patch("/inventory/A").token(&staff()).header(IF_MATCH, seen).json(&json!({}));
    assert_eq!(patch(&tag).send().await.expect(200).header("etag"), tag);
    assert_eq!(patch("\"other\"").send().await.expect(412).problem(), "stale");
    assert_eq!(shop.stock_json().await, before);
}

#[tokio::test]
async fn a_tag_costs_no_round_trip() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let tag = shop.stock_tag("A").await;
    shop.network.take_commands();
    shop.write_if("adjust", &tag).await.expect(201);
    assert_eq!(shop.network.take_commands(), ["bulkWrite"]);
}

#[tokio::test]
async fn numbers_that_no_shelf_holds_are_refused() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    for number in [json!(-1), json!(1_000_001), json!(1.5), json!("7"), json!(null)] {
        shop.client.put("/inventory/A").token(&staff()).json(&json!({"on_hand": number})).send().await.expect(422);
    }
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}

#[tokio::test]
async fn the_database_itself_refuses_stock_below_zero() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    for field in ["available", "on_hand"] {
        let update = stock.update_one(doc! { "_id": "A" }, doc! { "$inc": { field: -6_i64 } }).await;
        assert!(update.is_err(), "{field} went below zero");
    }
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}
