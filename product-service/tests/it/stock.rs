use http::header::IF_MATCH;
use serde_json::json;

use crate::{Shop, order, staff};

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
    use mongodb::bson::{Document, doc};
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    for field in ["available", "on_hand"] {
        let update = stock.update_one(doc! { "_id": "A" }, doc! { "$inc": { field: -6_i64 } }).await;
        assert!(update.is_err(), "{field} went below zero");
    }
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}
