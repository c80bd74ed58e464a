use mongodb::bson::{Document, doc};
use platform::{Service, trigger::Direction};

use crate::Shop;

#[tokio::test]
async fn migrations_can_be_repeated_and_run_at_once() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    let up = || shop.app.migrate(Direction::Up);
    let (one, two, three) = tokio::join!(up(), up(), up());
    for result in [one, two, three] {
        result.expect("migrating again changes nothing");
    }
    assert_eq!(shop.stock("A").await, (5, 0, 5));
}

#[tokio::test]
async fn an_empty_database_can_be_migrated_by_three_at_once() {
    let mongo = testkit::mongo::fresh();
    let app = crate::app(&mongo.uri);
    let (one, two, three) =
        tokio::join!(app.migrate(Direction::Up), app.migrate(Direction::Up), app.migrate(Direction::Up));
    for result in [one, two, three] {
        result.expect("migrations do not get in each other's way");
    }
}

#[tokio::test]
async fn back_and_forth_keeps_the_documents() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    shop.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    let indexes = stock.list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_"]);
    shop.app.migrate(Direction::Up).await.unwrap();
    assert_eq!(shop.stock("A").await, (5, 0, 5));
    assert!(stock.update_one(doc! { "_id": "A" }, doc! { "$set": { "available": -1_i64 } }).await.is_err());
    assert!(shop.app.migrate(Direction::Down { to: 3 }).await.is_err());
}

#[tokio::test]
async fn a_migration_that_the_data_contradicts_is_refused_and_loses_nothing() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5)]).await;
    shop.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    let products = shop.mongo.database().await.collection::<Document>("products");
    let mut twin = products.find_one(doc! {}).await.unwrap().unwrap();
    twin.insert("_id", "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d");
    products.insert_one(twin).await.unwrap();
    assert!(shop.app.migrate(Direction::Up).await.is_err(), "two products with one slug");
    assert_eq!(products.count_documents(doc! {}).await.unwrap(), 2);
}

#[tokio::test]
async fn a_migration_whose_rules_refuse_what_is_there_names_it_and_changes_nothing() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 5), ("B", 5)]).await;
    shop.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    stock.update_one(doc! { "_id": "B" }, doc! { "$set": { "available": -1_i64 } }).await.unwrap();
    let refusal = shop.app.migrate(Direction::Up).await.unwrap_err().to_string();
    assert!(refusal.contains("stock") && refusal.contains("\"B\""), "{refusal}");
    let products = shop.mongo.database().await.collection::<Document>("products");
    assert_eq!(products.list_index_names().await.unwrap(), ["_id_"], "not even what comes before it");
    stock.update_one(doc! { "_id": "B" }, doc! { "$set": { "available": 5_i64 } }).await.unwrap();
    shop.app.migrate(Direction::Up).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_migration_oversells_nothing_and_invents_no_stock() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    shop.app.migrate(Direction::Down { to: 0 }).await.unwrap();
    let stock = shop.mongo.database().await.collection::<Document>("stock");
    shop.reserve(crate::order(), &[("A", 2)]).await.expect(409);
    stock.delete_one(doc! { "_id": "A" }).await.unwrap();
    let answer = shop.reserve(crate::order(), &[("A", 1)]).await.expect(409);
    assert_eq!(answer.problem(), "out_of_stock");
    assert!(shop.mongo.all("stock").await.is_empty());
}
