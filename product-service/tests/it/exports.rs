use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use common::{id::Id, timestamp::Timestamp};
use futures_util::future::join_all;
use http::StatusCode;
use mongodb::bson::{Document, doc};
use product_service::exports;
use serde_json::{Value, json};

use crate::{
    bucket::FaultMode,
    bulk_fixture::{BulkFixture, LATER, download, file, line, numbered, products},
};

#[tokio::test]
async fn what_is_exported_is_imported_without_any_change() {
    let fixture = BulkFixture::open().await;
    let shelf = fixture.category("shirts").await;
    fixture.create(&json!({
        "title": "Tee \u{1f455}", "slug": "tee", "description": "Midweight.\r\n\"Pre-shrunk\".", "brand": "Bodega",
        "tags": ["organic", "new"], "attributes": {"Material": ["cotton"], "Dense": 0.1, "Organic": true, "Count": 12},
        "status": "active", "category_ids": [shelf],
        "options": [{"name": "Size", "values": ["S", "M"]}],
        "variants": [
            {"sku": "TEE-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}, {"amount": 300, "currency": "JPY"}],
             "compare_at_prices": [{"amount": 2499, "currency": "USD"}], "weight_grams": 180,
             "barcode": "4006381333931", "tax_class": "reduced"},
            {"sku": "TEE-M", "options": {"Size": "M"}, "prices": [{"amount": 1999, "currency": "USD"}]}
        ]
    }))
    .await;
    let mut draft = line("draft");
    draft["status"] = json!("draft");
    fixture.import(&file(&[draft, line("plain"), line("gone")])).await;
    let gone = fixture.product("gone").await["id"].as_str().unwrap().to_owned();
    fixture.post(&format!("/admin/products/{gone}/archive")).await.expect(200);

    let (export, lines) = fixture.export().await;
    assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)), "archived ones are left out");
    let before = fixture.versions().await;
    let form = fixture.import(&lines).await;
    assert_eq!(fixture.counts(&form).await, [0, 0, 3, 0]);
    assert_eq!(fixture.versions().await, before);

    let other = BulkFixture::open().await;
    let form = other.import(&lines).await;
    assert_eq!(other.errors(&form).await, ["1 /categories/0 unknown_category"]);
    other.category("shirts").await;
    let form = other.import(&lines).await;
    assert_eq!(other.counts(&form).await, [1, 0, 2, 0]);
    let mut expected = fixture.catalogue().await;
    expected.remove("gone");
    assert_eq!(other.catalogue().await, expected);
    assert_eq!(other.product("tee").await["category_ids"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_shop_is_exported_into_several_files_and_an_empty_one_into_none() {
    let fixture = BulkFixture::open().await;
    let (export, _) = fixture.export().await;
    assert_eq!((&export["state"], &export["files"]), (&json!("done"), &json!([])));

    fixture.import(&file(&[line("a")])).await;
    let products = fixture.shop.mongo.database().await.collection::<Document>("products");
    let first = products.find_one(doc! {}).await.unwrap().unwrap();
    let copies = (1..=2_000).map(|n| {
        let mut copy = first.clone();
        copy.insert("_id", Id::<()>::new(Timestamp::now()).to_string());
        copy.insert("slug", format!("copy-{n}"));
        copy.get_array_mut("variants").unwrap()[0].as_document_mut().unwrap().insert("sku", format!("COPY-{n}"));
        copy
    });
    products.insert_many(copies).await.unwrap();
    let (export, lines) = fixture.export().await;
    let counts: Vec<i64> =
        export["files"].as_array().unwrap().iter().map(|file| file["products"].as_i64().unwrap()).collect();
    assert_eq!(counts, [2_000, 1]);
    let slugs: BTreeSet<String> = String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["slug"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(slugs.len(), 2_001);
}

#[tokio::test]
async fn an_export_is_finished_after_a_crash_between_any_two_commands_and_by_the_queue() {
    let fixture = BulkFixture::open().await;
    fixture.import(&file(&numbered(3))).await;
    for commands in 0.. {
        let begun = fixture.post("/admin/products/exports").await.expect(202);
        let path = begun.header("location").to_owned();
        let marker = format!("exports/{}/start", begun.json()["id"].as_str().unwrap());
        assert!(fixture.bucket.file(&marker).exists(), "the bucket notifies the queue of it");
        fixture.shop.network.cut_after(commands);
        let comes_again = fixture.deliver(&marker).await;
        fixture.shop.network.heal();
        assert!(comes_again || commands > 3, "cut after {commands}");
        exports::sweep(&fixture.shop.app, Timestamp::now().plus(LATER)).await.unwrap();
        let export = fixture.get(&path).await.expect(200).json();
        assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)), "cut after {commands}");
        assert_eq!(products(&download(&export).await), 3);
        if !comes_again {
            break;
        }
    }
}

#[tokio::test]
async fn exports_wait_for_the_bucket_and_many_workers_at_once_do_no_harm() {
    let fixture = BulkFixture::open().await;
    fixture.import(&file(&numbered(3))).await;
    fixture.bucket.set_mode(FaultMode::Broken);
    let path = fixture.post("/admin/products/exports").await.expect(202).header("location").to_owned();
    let swept = exports::sweep(&fixture.shop.app, Timestamp::now()).await.unwrap();
    assert_eq!((swept.finished, swept.failed), (0, 1));
    fixture.bucket.set_mode(FaultMode::None);
    let id: exports::domain::ExportId = path.rsplit_once('/').unwrap().1.parse().unwrap();
    let workers = (1..=4).map(|n| {
        let now = Timestamp::now().plus(LATER * n);
        exports::work(&fixture.shop.app, id, Instant::now() + Duration::from_mins(1), now)
    });
    let worked = join_all(workers).await;
    assert!(worked.iter().all(Result::is_ok), "{worked:?}");
    let export = fixture.get(&path).await.expect(200).json();
    assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)));
    assert_eq!(export["files"].as_array().unwrap().len(), 1);
    download(&export).await;
}

#[tokio::test]
async fn an_address_of_an_export_is_good_for_its_file_only() {
    let fixture = BulkFixture::open().await;
    fixture.import(&file(&[line("a")])).await;
    let (export, _) = fixture.export().await;
    let url = export["files"][0]["url"].as_str().unwrap();
    let other = url.replace("0001-", "0002-");
    let longer = url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000");
    let bare = url.split_once('?').unwrap().0;
    assert_ne!(longer, url);
    for refused in [other.as_str(), longer.as_str(), bare] {
        assert_eq!(reqwest::get(refused).await.unwrap().status(), StatusCode::FORBIDDEN, "{refused}");
    }
}
