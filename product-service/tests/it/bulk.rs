//! Imports and exports: a shop with a bucket for its files, and what staff and the bucket do there.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::timestamp::Timestamp;
use futures_util::future::join_all;
use http::StatusCode;
use mongodb::bson::{DateTime, Document, doc};
use platform::Service;
use product_service::{error::Error, exports, imports};
use serde_json::{Value, json};
use testkit::Answer;

use crate::{
    Shop,
    bucket::{self, Bucket, Mood},
    gallery::{Form, created},
    order, staff,
};

/// After this nobody has an import any more that a crash left.
const LATER: Duration = Duration::from_mins(2);

struct Office {
    shop: Shop,
    bucket: Bucket,
}

/// A product as a line of a file, with one variant.
fn line(slug: &str) -> Value {
    priced(slug, 1000)
}

fn priced(slug: &str, amount: i64) -> Value {
    let prices = json!([{"amount": amount, "currency": "USD"}]);
    json!({
        "slug": slug, "title": format!("Product {slug}"), "description": "", "status": "active", "categories": [],
        "options": [], "variants": [{"sku": slug.to_uppercase(), "options": {}, "prices": prices}]
    })
}

fn file(lines: &[Value]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|n| line(&format!("p{n:04}"))).collect()
}

impl Office {
    async fn open() -> Self {
        let bucket = Bucket::start().await;
        let shop = Shop::open_with(&[
            ("IMAGE_BUCKET", bucket::NAME),
            ("AWS_ENDPOINT_URL", &bucket.endpoint()),
            ("AWS_ACCESS_KEY_ID", bucket::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", bucket::SECRET_KEY),
        ])
        .await;
        Self { shop, bucket }
    }

    async fn get(&self, path: &str) -> Answer {
        self.shop.client.get(path).token(&staff()).send().await
    }

    async fn post(&self, path: &str) -> Answer {
        self.shop.client.post(path).token(&staff()).send().await
    }

    /// The form of a new import; its `image_id` is the import's.
    async fn form(&self) -> Form {
        let mut answer = self.post("/admin/products/imports").await.expect(201).json();
        answer["image_id"] = answer["import_id"].clone();
        Form::from(answer)
    }

    async fn upload(&self, file: &[u8]) -> Form {
        let form = self.form().await;
        assert_eq!(form.post(file).await, 204);
        form
    }

    async fn start(&self, form: &Form) -> Answer {
        self.post(&format!("/admin/products/imports/{}/start", form.image_id)).await
    }

    /// An import that was started, and waits to be worked off.
    async fn started(&self, file: &[u8]) -> Form {
        let form = self.upload(file).await;
        let answer = self.start(&form).await.expect(202);
        assert_eq!(answer.json()["state"], "running");
        form
    }

    /// An import that was worked off in one go.
    async fn import(&self, file: &[u8]) -> Form {
        let form = self.started(file).await;
        assert!(self.work_after(&form, Duration::ZERO).await.unwrap());
        form
    }

    async fn progress(&self, form: &Form) -> Value {
        self.get(&format!("/admin/products/imports/{}", form.image_id)).await.expect(200).json()
    }

    /// `[created, changed, unchanged, refused]`
    async fn counts(&self, form: &Form) -> [i64; 4] {
        let progress = self.progress(form).await;
        ["created", "changed", "unchanged", "refused"].map(|count| progress[count].as_i64().unwrap())
    }

    /// `line pointer code` of all lines that were refused.
    async fn errors(&self, form: &Form) -> Vec<String> {
        let path = format!("/admin/products/imports/{}/errors", form.image_id);
        let page = self.get(&format!("{path}?limit=100")).await.expect(200).json();
        assert_eq!(page["next_cursor"], Value::Null);
        let mut found = Vec::new();
        for item in page["items"].as_array().unwrap() {
            for error in item["errors"].as_array().unwrap() {
                let text = |name: &str| error[name].as_str().unwrap();
                assert!(!text("message").is_empty());
                found.push(format!("{} {} {}", item["line"], text("pointer"), text("code")));
            }
        }
        found
    }

    async fn sweep_after(&self, pause: Duration) -> imports::Swept {
        imports::sweep(&self.shop.app, Timestamp::now().plus(pause)).await.expect("the sweep ends")
    }

    /// Works the import off, as of so much later, however long that takes; whether it is over.
    async fn work_after(&self, form: &Form, pause: Duration) -> Result<bool, Error> {
        let until = Instant::now() + Duration::from_mins(5);
        let now = Timestamp::now().plus(pause);
        imports::work(&self.shop.app, form.image_id.parse().unwrap(), until, now).await
    }

    /// One step of the import, as of so much later, and not more.
    async fn step_after(&self, form: &Form, pause: Duration) -> bool {
        let now = Timestamp::now().plus(pause);
        imports::work(&self.shop.app, form.image_id.parse().unwrap(), Instant::now(), now).await.unwrap()
    }

    /// Has the bucket's notification come through the queue; whether it shall come again.
    async fn deliver(&self, key: &str) -> bool {
        let message = json!({"messageId": "1", "body": created(key), "eventSource": "aws:sqs", "attributes": {}});
        let answer = self.shop.app.queue(json!({ "Records": [message] })).await.expect("the batch is worked off");
        !answer["batchItemFailures"].as_array().unwrap().is_empty()
    }

    async fn product(&self, slug: &str) -> Value {
        self.get(&format!("/products/{slug}")).await.expect(200).json()
    }

    /// Every product by slug, but for what differs from shop to shop.
    async fn catalogue(&self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        let mut path = "/admin/products?limit=100".to_owned();
        loop {
            let page = self.get(&path).await.expect(200).json();
            for product in page["items"].as_array().unwrap() {
                let mut product = product.clone();
                let fields = product.as_object_mut().unwrap();
                for name in ["id", "version", "created_at", "updated_at", "category_ids"] {
                    fields.remove(name);
                }
                found.insert(product["slug"].as_str().unwrap().to_owned(), product);
            }
            let Some(cursor) = page["next_cursor"].as_str() else { return found };
            path = format!("/admin/products?limit=100&cursor={cursor}");
        }
    }

    /// Versions by slug.
    async fn versions(&self) -> BTreeMap<String, i64> {
        let products = self.shop.mongo.all("products").await;
        let version = |product: &Document| product.get_i64("version").unwrap();
        products.iter().map(|product| (product.get_str("slug").unwrap_or("-").to_owned(), version(product))).collect()
    }

    async fn category(&self, slug: &str) -> String {
        let body = json!({"slug": slug, "name": slug, "parent_id": null});
        let answer = self.shop.client.post("/admin/categories").token(&staff()).json(&body).send().await.expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn create(&self, body: &Value) -> Value {
        self.shop.client.post("/admin/products").token(&staff()).json(body).send().await.expect(201).json()
    }

    /// An export from beginning to end: its answer, and all its files joined.
    async fn export(&self) -> (Value, Vec<u8>) {
        let begun = self.post("/admin/products/exports").await.expect(202);
        let path = begun.header("location").to_owned();
        assert_eq!((&begun.json()["state"], &begun.json()["files"]), (&json!("running"), &json!([])));
        let swept = exports::sweep(&self.shop.app, Timestamp::now()).await.unwrap();
        assert_eq!((swept.finished, swept.unfinished, swept.failed), (1, 0, 0));
        let export = self.get(&path).await.expect(200).json();
        let joined = download(&export).await;
        (export, joined)
    }
}

/// All files of an export, as anybody with its addresses gets them.
async fn download(export: &Value) -> Vec<u8> {
    let mut joined = Vec::new();
    for file in export["files"].as_array().unwrap() {
        let answer = reqwest::get(file["url"].as_str().unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(file["size"], bytes.len());
        assert_eq!(file["products"], bytes.iter().filter(|byte| **byte == b'\n').count());
        joined.extend_from_slice(&bytes);
    }
    joined
}

#[tokio::test]
async fn a_file_makes_products_changes_them_and_leaves_those_alone_that_are_as_it_says() {
    let office = Office::open().await;
    let shelf = office.category("shirts").await;
    office.import(&file(&[line("a"), line("b")])).await;
    let before = office.product("a").await;
    let mut b = priced("b", 1500);
    b["categories"] = json!(["shirts"]);
    let c = json!({
        "slug": "c", "title": "Tee", "description": "Midweight.\nPre-shrunk.", "brand": "Bodega", "tags": ["organic"],
        "attributes": {"Material": "cotton", "Organic": true, "Weight.kg": 0.18}, "status": "draft",
        "categories": ["shirts"], "options": [{"name": "Size", "values": ["S", "M"]}],
        "variants": [
            {"sku": "C-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}],
             "compare_at_prices": [{"amount": 2499, "currency": "USD"}], "weight_grams": 180,
             "barcode": "4006381333931", "tax_class": "reduced"},
            {"sku": "C-M", "options": {"Size": "M"}, "prices": [{"amount": 1999, "currency": "USD"}]}
        ]
    });
    let form = office.import(&file(&[line("a"), b, c])).await;

    assert_eq!(office.counts(&form).await, [1, 1, 1, 0]);
    assert_eq!(office.errors(&form).await, Vec::<String>::new());
    let progress = office.progress(&form).await;
    assert_eq!((&progress["state"], &progress["lines_done"]), (&json!("done"), &json!(3)));
    assert_eq!(progress["size"], progress["bytes_done"]);
    assert_eq!(office.product("a").await, before, "nothing of it, not even its version");
    let b = office.product("b").await;
    assert_eq!((&b["version"], &b["variants"][0]["prices"][0]["amount"]), (&json!(2), &json!(1500)));
    assert_eq!(b["category_ids"], json!([shelf]));
    let c = office.get("/admin/products?status=draft").await.json()["items"][0].clone();
    assert_eq!(c["attributes"], json!({"Material": "cotton", "Organic": true, "Weight.kg": 0.18}));
    assert_eq!((&c["variants"][0]["barcode"], &c["status"]), (&json!("4006381333931"), &json!("draft")));
    let found = office.get(&format!("/products?category_id={shelf}")).await.expect(200).json();
    assert_eq!(found["items"][0]["slug"], "b", "and is found there");
}

#[tokio::test]
async fn bad_lines_are_reported_by_number_and_reason_and_good_ones_are_kept() {
    let office = Office::open().await;
    office
        .create(&json!({
            "title": "Old", "slug": "old", "description": "", "status": "active", "category_ids": [], "options": [],
            "variants": [{"sku": "TAKEN", "options": {}, "prices": [{"amount": 1, "currency": "USD"}]}]
        }))
        .await;
    let mut unknown_field = line("f");
    unknown_field["category_ids"] = json!([]);
    let mut unknown_category = line("g");
    unknown_category["categories"] = json!(["nowhere"]);
    let mut taken = line("h");
    taken["variants"][0]["sku"] = json!("TAKEN");
    let mut two_errors = line("j");
    two_errors["title"] = json!("");
    two_errors["variants"][0]["prices"] = json!([]);
    let lines: Vec<Vec<u8>> = vec![
        format!("\u{feff}{}\r", line("a")).into_bytes(),
        b"\r".to_vec(),
        b"{\"slug\":".to_vec(),
        b"  ".to_vec(),
        b"{\"slug\":\"\xff\"}".to_vec(),
        unknown_field.to_string().into_bytes(),
        unknown_category.to_string().into_bytes(),
        taken.to_string().into_bytes(),
        vec![b'x'; 3 * 1024 * 1024],
        two_errors.to_string().into_bytes(),
        b"\"text\"".to_vec(),
        line("z").to_string().into_bytes(),
    ];
    let form = office.import(&lines.join(&b'\n')).await;
    let expected = [
        "3  malformed_json",
        "5  not_utf8",
        "6 /category_ids unknown_field",
        "7 /categories/0 unknown_category",
        "8 /variants/0/sku sku_taken",
        "9  too_long",
        "10 /title too_short",
        "10 /variants/0/prices not_distinct",
        "11  wrong_type",
    ];
    assert_eq!(office.errors(&form).await, expected);
    assert_eq!(office.counts(&form).await, [2, 0, 0, 8]);
    assert_eq!(office.progress(&form).await["lines_done"], 12);
    assert_eq!(office.versions().await.into_keys().collect::<Vec<_>>(), ["a", "old", "z"]);
}

#[tokio::test]
async fn refused_lines_come_in_pages_by_number() {
    let office = Office::open().await;
    let form = office.import(&b"no\n".repeat(25)).await;
    let path = format!("/admin/products/imports/{}/errors?limit=10", form.image_id);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = office.get(&format!("{path}{cursor}")).await.expect(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["line"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    let other = office.import(b"no\n").await;
    assert_eq!(office.errors(&other).await, ["1  malformed_json"], "not those of another import");
    office.get(&format!("{path}&cursor=x")).await.expect(400);
}

#[tokio::test]
async fn no_more_than_ten_thousand_refused_lines_are_kept_and_all_are_counted() {
    let office = Office::open().await;
    let form = office.started(&b"no\n".repeat(5)).await;
    let imports = office.shop.mongo.database().await.collection::<Document>("imports");
    let before = doc! { "$set": { "counts.refused": 9_998_i64 } };
    imports.update_one(doc! { "_id": &form.image_id }, before).await.unwrap();
    assert!(office.work_after(&form, Duration::ZERO).await.unwrap());
    assert_eq!(office.counts(&form).await, [0, 0, 0, 10_003]);
    assert_eq!(office.errors(&form).await, ["1  malformed_json", "2  malformed_json"]);
}

#[tokio::test]
async fn a_slug_that_comes_twice_is_made_and_then_changed() {
    let office = Office::open().await;
    let form = office.import(&file(&[priced("a", 1), priced("b", 1), priced("a", 2), priced("a", 3)])).await;
    assert_eq!(office.counts(&form).await, [2, 2, 0, 0]);
    let a = office.product("a").await;
    assert_eq!((&a["version"], &a["variants"][0]["prices"][0]["amount"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn images_stay_when_a_line_changes_their_product() {
    let office = Office::open().await;
    office.import(&file(&[line("a")])).await;
    let id = office.product("a").await["id"].as_str().unwrap().to_owned();
    let image = json!({"content_type": "image/png", "size": 9, "alt": ""});
    let path = format!("/admin/products/{id}/images");
    let answer = office.shop.client.post(&path).token(&staff()).json(&image).send().await.expect(201).json();
    let form = Form::from(answer);
    assert_eq!(form.post(&crate::gallery::PNG[..9]).await, 204);
    office.post(&format!("/uploads/{}/complete", form.image_id)).await.expect(200);
    let import = office.import(&file(&[priced("a", 5)])).await;
    assert_eq!(office.counts(&import).await, [0, 1, 0, 0]);
    assert_eq!(office.product("a").await["images"][0]["id"], form.image_id);
}

#[tokio::test]
async fn a_line_takes_no_variant_away_that_orders_hold_and_forgets_the_stock_of_others() {
    let office = Office::open().await;
    let size = |size: &str| json!({"sku": format!("T-{size}"), "options": {"Size": size}, "prices": [{"amount": 1, "currency": "USD"}]});
    let tee = |sizes: &[&str]| {
        let mut tee = line("tee");
        tee["options"] = json!([{"name": "Size", "values": ["S", "M", "L"]}]);
        tee["variants"] = sizes.iter().map(|name| size(name)).collect();
        tee
    };
    office.import(&file(&[tee(&["S", "M", "L"]), line("other")])).await;
    for sku in ["T-S", "T-M", "T-L"] {
        office.shop.set_stock(sku, 5).await;
    }
    let held = order();
    office.shop.reserve(held, &[("T-M", 1)]).await.expect(200);

    let form = office.import(&file(&[tee(&["L"])])).await;
    assert_eq!(office.errors(&form).await, ["1  variant_reserved"]);
    assert_eq!(office.shop.stock("T-S").await, (5, 0, 5), "a line that is refused takes nothing");

    let mut greedy = tee(&["M", "L"]);
    greedy["variants"][1]["sku"] = json!("OTHER");
    let form = office.import(&file(&[greedy])).await;
    assert_eq!(office.errors(&form).await, ["1 /variants/1/sku sku_taken"]);
    assert_eq!(office.shop.stock("T-S").await, (5, 0, 5));

    let form = office.import(&file(&[tee(&["M", "L"])])).await;
    assert_eq!(office.counts(&form).await, [0, 1, 0, 0]);
    office.get("/inventory/T-S").await.expect(404);
    assert_eq!(office.shop.stock("T-M").await, (5, 1, 4));
}

#[tokio::test]
async fn an_import_waits_for_its_file_and_starts_once_however_often_it_is_told_to() {
    let office = Office::open().await;
    let form = office.form().await;
    assert_eq!(office.progress(&form).await["state"], "pending");
    assert_eq!(office.start(&form).await.expect(409).problem(), "not_uploaded");
    assert!(!office.deliver(form.key()).await, "nothing is there, so nothing is left to do");
    assert_eq!(form.post(&file(&[line("a"), line("b")])).await, 204);
    assert_eq!(office.progress(&form).await["state"], "pending");
    for _ in 0..2 {
        assert_eq!(office.start(&form).await.expect(202).json()["state"], "running");
    }
    for _ in 0..2 {
        assert!(!office.deliver(form.key()).await);
        assert_eq!(office.counts(&form).await, [2, 0, 0, 0]);
    }
    assert_eq!(office.start(&form).await.expect(202).json()["state"], "done");
    assert_eq!(office.sweep_after(LATER).await, imports::Swept::default());
}

#[tokio::test]
async fn the_buckets_notification_starts_an_import_and_works_it_off() {
    let office = Office::open().await;
    let form = office.upload(&file(&numbered(120))).await;
    assert!(!office.deliver(form.key()).await);
    assert_eq!(office.counts(&form).await, [120, 0, 0, 0]);
    assert_eq!(office.progress(&form).await["state"], "done");
    for nobodys in ["imports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson", "imports/x", "exports/x/start"] {
        assert!(!office.deliver(nobodys).await, "{nobodys}");
    }
}

#[tokio::test]
async fn work_goes_on_where_it_stopped_and_a_message_comes_again_until_it_is_over() {
    let office = Office::open().await;
    let form = office.started(&file(&numbered(120))).await;
    assert!(!office.step_after(&form, Duration::ZERO).await);
    let first = office.progress(&form).await;
    let done = first["lines_done"].as_i64().unwrap();
    assert!((1..120).contains(&done), "{first}");
    assert_eq!((&first["created"], &first["state"]), (&json!(done), &json!("running")));
    assert_eq!(office.versions().await.len(), usize::try_from(done).unwrap());

    let busy = office.shop.mongo.database().await.collection::<Document>("imports");
    let lease = |millis| doc! { "$set": { "lease_until": DateTime::from_millis(millis) } };
    busy.update_one(doc! {}, lease(DateTime::now().timestamp_millis() + 60_000)).await.unwrap();
    assert!(office.deliver(form.key()).await, "somebody else works on it");
    assert_eq!(office.progress(&form).await["lines_done"], done);
    busy.update_one(doc! {}, lease(0)).await.unwrap();
    assert!(!office.deliver(form.key()).await);
    assert_eq!(office.counts(&form).await, [120, 0, 0, 0]);
    assert!(office.versions().await.into_values().all(|version| version == 1));
}

/// Cuts the network after every possible number of commands; whatever was done, the rest is done once and all is counted
/// once.
#[tokio::test]
async fn a_crash_between_any_two_commands_counts_no_line_twice_and_none_as_something_else() {
    let office = Office::open().await;
    for commands in 0.. {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| format!("{name}{commands}"));
        office.import(&file(&[priced(&a, 1), line(&b)])).await;
        let first = file(&[priced(&a, 2), line(&b), line(&c)]);
        let form = office.started(&[&first[..], b"no\n", &file(&[line(&d), priced(&c, 2)])].concat()).await;
        office.shop.network.cut_after(commands);
        let worked = office.work_after(&form, Duration::ZERO).await;
        office.shop.network.heal();
        let case = format!("cut after {commands}");
        let is_whole = worked.is_ok();
        assert!(!is_whole || commands > 8, "{case}");
        assert!(office.work_after(&form, LATER).await.unwrap(), "{case}");
        let progress = office.progress(&form).await;
        assert_eq!((&progress["state"], &progress["lines_done"]), (&json!("done"), &json!(6)), "{case}");
        assert_eq!(office.counts(&form).await, [2, 2, 1, 1], "{case}");
        assert_eq!(office.errors(&form).await, ["4  malformed_json"], "{case}");
        let versions = office.versions().await;
        assert_eq!([a, b, c, d].map(|slug| versions[&slug]), [2, 1, 2, 1], "{case}");
        if is_whole {
            break;
        }
    }
}

#[tokio::test]
async fn many_workers_at_once_do_no_harm() {
    let office = Office::open().await;
    let form = office.started(&file(&numbered(120))).await;
    // Each as of later than the lease of the one before, so that it takes the import away in the midst of its work.
    let worked = join_all((1..=4).map(|n| office.work_after(&form, LATER * n))).await;
    assert!(worked.iter().all(Result::is_ok), "{worked:?}");
    assert!(office.work_after(&form, LATER * 9).await.unwrap());
    assert_eq!(office.progress(&form).await["lines_done"], 120);
    assert_eq!(office.counts(&form).await, [120, 0, 0, 0]);
    let versions = office.versions().await;
    assert_eq!(versions.len(), 120);
    assert!(versions.into_values().all(|version| version == 1));
}

#[tokio::test]
async fn work_goes_on_when_the_bucket_is_back() {
    let office = Office::open().await;
    let form = office.upload(&file(&[line("a")])).await;
    office.bucket.becomes(Mood::Broken);
    assert_eq!(office.start(&form).await.expect(503).problem(), "unavailable");
    assert!(office.deliver(form.key()).await);
    office.bucket.becomes(Mood::Well);
    office.start(&form).await.expect(202);
    office.bucket.becomes(Mood::Broken);
    assert_eq!(office.sweep_after(Duration::ZERO).await.failed, 1);
    office.bucket.becomes(Mood::Well);
    assert_eq!(office.sweep_after(LATER).await.finished, 1);
    assert_eq!(office.counts(&form).await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_file_that_is_exchanged_or_deleted_midway_fails_its_import_and_keeps_what_was_done() {
    let office = Office::open().await;
    for (exchange, reason) in [
        (true, "The file was exchanged while it was worked off."),
        (false, "The file was deleted before it was worked off."),
    ] {
        let form = office.started(&file(&numbered(120))).await;
        assert!(!office.step_after(&form, Duration::ZERO).await);
        let counted = office.counts(&form).await;
        if exchange {
            assert_eq!(form.post(&file(&numbered(121))).await, 204);
        } else {
            std::fs::remove_file(office.bucket.file(form.key())).unwrap();
        }
        assert_eq!(office.sweep_after(LATER).await.finished, 1);
        let progress = office.progress(&form).await;
        assert_eq!((&progress["state"], &progress["reason"]), (&json!("failed"), &json!(reason)));
        assert_eq!(office.counts(&form).await, counted);
        assert!(office.versions().await.len() < 120);
        assert_eq!(office.start(&form).await.expect(409).problem(), "import_failed");
        assert!(!office.deliver(form.key()).await);
    }
}

#[tokio::test]
async fn the_bucket_takes_one_file_of_the_right_type_and_whatever_came_past_it_is_refused() {
    let office = Office::open().await;
    let form = office.form().await;
    assert_eq!(form.key(), format!("imports/{}.ndjson", form.image_id));
    for (what, wrong) in [
        ("another type", form.clone().with("Content-Type", "text/csv")),
        ("another key", form.clone().with("key", "imports/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.ndjson")),
        ("no signature", form.clone().without("x-amz-signature")),
    ] {
        assert!((400..500).contains(&wrong.post(b"x").await), "{what}");
    }
    assert!((400..500).contains(&form.post(b"").await), "an empty file");
    assert_eq!(office.bucket.objects(), 0);

    // Written beside the server: it knows no type of this one.
    let path = office.bucket.file(form.key());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file(&[line("a")])).unwrap();
    for _ in 0..2 {
        let answer = office.start(&form).await.expect(409);
        assert_eq!(answer.problem(), "import_failed");
        assert_eq!(answer.json()["detail"], "The file was not uploaded as application/x-ndjson.");
    }
    assert_eq!(office.progress(&form).await["state"], "failed");
    assert_eq!(office.versions().await.len(), 0);
}

#[tokio::test]
async fn what_is_exported_is_imported_without_any_change() {
    let office = Office::open().await;
    let shelf = office.category("shirts").await;
    office.create(&json!({
        "title": "Tee \u{1f455}", "slug": "tee", "description": "Midweight.\r\n\"Pre-shrunk\"\u{2028}.", "brand": "Bodega",
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
    office.import(&file(&[draft, line("plain"), line("gone")])).await;
    let gone = office.product("gone").await["id"].as_str().unwrap().to_owned();
    office.post(&format!("/admin/products/{gone}/archive")).await.expect(200);

    let (export, lines) = office.export().await;
    assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)), "archived ones are left out");
    let before = office.versions().await;
    let form = office.import(&lines).await;
    assert_eq!(office.counts(&form).await, [0, 0, 3, 0]);
    assert_eq!(office.versions().await, before);

    let other = Office::open().await;
    let form = other.import(&lines).await;
    assert_eq!(other.errors(&form).await, ["1 /categories/0 unknown_category"]);
    other.category("shirts").await;
    let form = other.import(&lines).await;
    assert_eq!(other.counts(&form).await, [1, 0, 2, 0]);
    let mut expected = office.catalogue().await;
    expected.remove("gone");
    assert_eq!(other.catalogue().await, expected);
    assert_eq!(other.product("tee").await["category_ids"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_shop_is_exported_into_several_files_and_an_empty_one_into_none() {
    let office = Office::open().await;
    let (export, _) = office.export().await;
    assert_eq!((&export["state"], &export["files"]), (&json!("done"), &json!([])));

    office.import(&file(&[line("a")])).await;
    let products = office.shop.mongo.database().await.collection::<Document>("products");
    let first = products.find_one(doc! {}).await.unwrap().unwrap();
    let copies = (1..=2_000).map(|n| {
        let mut copy = first.clone();
        copy.insert("_id", common::id::Id::<()>::new(Timestamp::now()).to_string());
        copy.insert("slug", format!("copy-{n}"));
        copy.get_array_mut("variants").unwrap()[0].as_document_mut().unwrap().insert("sku", format!("COPY-{n}"));
        copy
    });
    products.insert_many(copies).await.unwrap();
    let (export, lines) = office.export().await;
    let counts: Vec<i64> =
        export["files"].as_array().unwrap().iter().map(|file| file["products"].as_i64().unwrap()).collect();
    assert_eq!(counts, [2_000, 1]);
    let slugs: std::collections::BTreeSet<String> = String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["slug"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(slugs.len(), 2_001);
}

#[tokio::test]
async fn an_export_is_finished_after_a_crash_between_any_two_commands_and_by_the_queue() {
    let office = Office::open().await;
    office.import(&file(&numbered(3))).await;
    for commands in 0.. {
        let begun = office.post("/admin/products/exports").await.expect(202);
        let path = begun.header("location").to_owned();
        let signal = format!("exports/{}/start", begun.json()["id"].as_str().unwrap());
        assert!(office.bucket.file(&signal).exists(), "the bucket tells the queue of it");
        office.shop.network.cut_after(commands);
        let comes_again = office.deliver(&signal).await;
        office.shop.network.heal();
        assert!(comes_again || commands > 3, "cut after {commands}");
        exports::sweep(&office.shop.app, Timestamp::now().plus(LATER)).await.unwrap();
        let export = office.get(&path).await.expect(200).json();
        assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)), "cut after {commands}");
        assert_eq!(download(&export).await.iter().filter(|byte| **byte == b'\n').count(), 3);
        if !comes_again {
            break;
        }
    }
}

#[tokio::test]
async fn exports_wait_for_the_bucket_and_many_workers_at_once_do_no_harm() {
    let office = Office::open().await;
    office.import(&file(&numbered(3))).await;
    office.bucket.becomes(Mood::Broken);
    let path = office.post("/admin/products/exports").await.expect(202).header("location").to_owned();
    let swept = exports::sweep(&office.shop.app, Timestamp::now()).await.unwrap();
    assert_eq!((swept.finished, swept.failed), (0, 1));
    office.bucket.becomes(Mood::Well);
    let id: exports::domain::ExportId = path.rsplit_once('/').unwrap().1.parse().unwrap();
    let workers = (1..=4).map(|n| {
        let now = Timestamp::now().plus(LATER * n);
        exports::work(&office.shop.app, id, Instant::now() + Duration::from_mins(1), now)
    });
    let worked = join_all(workers).await;
    assert!(worked.iter().all(Result::is_ok), "{worked:?}");
    let export = office.get(&path).await.expect(200).json();
    assert_eq!((&export["state"], &export["products"]), (&json!("done"), &json!(3)));
    assert_eq!(export["files"].as_array().unwrap().len(), 1);
    download(&export).await;
}

#[tokio::test]
async fn an_address_of_an_export_is_good_for_its_file_only() {
    let office = Office::open().await;
    office.import(&file(&[line("a")])).await;
    let (export, _) = office.export().await;
    let url = export["files"][0]["url"].as_str().unwrap();
    let other = url.replace("0001-", "0002-");
    let longer = url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000");
    let bare = url.split_once('?').unwrap().0;
    assert_ne!(longer, url);
    for refused in [other.as_str(), longer.as_str(), bare] {
        assert_eq!(reqwest::get(refused).await.unwrap().status(), StatusCode::FORBIDDEN, "{refused}");
    }
}

#[tokio::test]
async fn staff_see_their_jobs_uncached_and_nobody_else_does() {
    let office = Office::open().await;
    let form = office.import(b"no\n").await;
    let export = office.post("/admin/products/exports").await.expect(202).header("location").to_owned();
    let import = format!("/admin/products/imports/{}", form.image_id);
    let errors = format!("{import}/errors");
    let other = testkit::tokens::user(uuid::Uuid::from_u128(1), "inventory:write orders");
    for path in [&import, &errors, &export] {
        assert_eq!(office.get(path).await.expect(200).header("cache-control"), "no-store");
        office.shop.client.get(path).send().await.expect(401);
        office.shop.client.get(path).token(&other).send().await.expect(403);
    }
    for path in ["/admin/products/imports", "/admin/products/exports", &format!("{import}/start")] {
        office.shop.client.post(path).send().await.expect(401);
        office.shop.client.post(path).token(&other).send().await.expect(403);
    }
    let nobodys = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
    for path in ["imports/{}", "imports/{}/errors", "exports/{}"] {
        office.get(&format!("/admin/products/{}", path.replace("{}", nobodys))).await.expect(404);
    }
    office.post(&format!("/admin/products/imports/{nobodys}/start")).await.expect(404);
}

#[tokio::test]
async fn jobs_and_reasons_are_deleted_by_the_server_after_a_week_and_those_that_wait_are_found_by_an_index() {
    let office = Office::open().await;
    office.import(b"no\n").await;
    office.export().await;
    let database = office.shop.mongo.database().await;
    for name in ["imports", "import_errors", "exports"] {
        let document = office.shop.mongo.all(name).await.remove(0);
        let left = document.get_datetime("delete_at").unwrap().timestamp_millis() - DateTime::now().timestamp_millis();
        assert!((6 * 86_400_000..=7 * 86_400_000).contains(&left), "{name}");
        let indexes = database.run_command(doc! { "listIndexes": name }).await.unwrap();
        assert!(indexes.to_string().contains("expireAfterSeconds"), "{name}: {indexes}");
    }
    for (name, filter) in [
        ("imports", imports::store::waiting_filter(Timestamp::now())),
        ("exports", exports::store::waiting_filter(Timestamp::now())),
    ] {
        let find = doc! { "find": name, "filter": filter, "sort": { "lease_until": 1 } };
        let plan = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
        assert!(plan.to_string().contains("IXSCAN"), "{plan}");
    }
}
