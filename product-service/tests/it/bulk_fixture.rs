//! A shop with a bucket for its imports and exports, and what staff and the bucket do there.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::timestamp::Timestamp;
use http::StatusCode;
use mongodb::bson::Document;
use platform::Service;
use product_service::{error::Error, exports, imports, jobs::Swept};
use serde_json::{Value, json};
use testkit::Answer;

use crate::{
    Shop,
    bucket::Bucket,
    image_fixture::{Form, created},
    staff,
};

/// After this the lease of an import is free that a crash left.
pub(crate) const LATER: Duration = Duration::from_mins(2);

pub(crate) struct BulkFixture {
    pub(crate) shop: Shop,
    pub(crate) bucket: Bucket,
}

/// A product as a line of a file, with one variant.
pub(crate) fn line(slug: &str) -> Value {
    priced(slug, 1000)
}

pub(crate) fn priced(slug: &str, amount: i64) -> Value {
    let prices = json!([{"amount": amount, "currency": "USD"}]);
    json!({
        "slug": slug, "title": format!("Product {slug}"), "description": "", "status": "active", "categories": [],
        "options": [], "variants": [{"sku": slug.to_uppercase(), "options": {}, "prices": prices}]
    })
}

pub(crate) fn file(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect::<String>().into_bytes()
}

pub(crate) fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|n| line(&format!("p{n:04}"))).collect()
}

impl BulkFixture {
    pub(crate) async fn open() -> Self {
        let (shop, bucket) = Shop::open_with_bucket().await;
        Self { shop, bucket }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.shop.client.get(path).token(&staff()).send().await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.shop.client.post(path).token(&staff()).send().await
    }

    /// The form of a new import; its `image_id` is the import's.
    pub(crate) async fn form(&self) -> Form {
        let mut answer = self.post("/admin/products/imports").await.expect(201).json();
        answer["image_id"] = answer["import_id"].clone();
        Form::from(answer)
    }

    pub(crate) async fn upload(&self, file: &[u8]) -> Form {
        let form = self.form().await;
        assert_eq!(form.post(file).await, 204);
        form
    }

    pub(crate) async fn start(&self, form: &Form) -> Answer {
        self.post(&format!("/admin/products/imports/{}/start", form.image_id)).await
    }

    /// An import that was started, and has not run.
    pub(crate) async fn started(&self, file: &[u8]) -> Form {
        let form = self.upload(file).await;
        let answer = self.start(&form).await.expect(202);
        assert_eq!(answer.json()["state"], "running");
        form
    }

    /// An import that ran to its end.
    pub(crate) async fn import(&self, file: &[u8]) -> Form {
        let form = self.started(file).await;
        assert!(self.work_after(&form, Duration::ZERO).await.unwrap());
        form
    }

    pub(crate) async fn progress(&self, form: &Form) -> Value {
        self.get(&format!("/admin/products/imports/{}", form.image_id)).await.expect(200).json()
    }

    /// `[created, changed, unchanged, refused]`
    pub(crate) async fn counts(&self, form: &Form) -> [i64; 4] {
        let progress = self.progress(form).await;
        ["created", "changed", "unchanged", "refused"].map(|count| progress[count].as_i64().unwrap())
    }

    /// `line pointer code` of all lines that were refused.
    pub(crate) async fn errors(&self, form: &Form) -> Vec<String> {
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

    pub(crate) async fn sweep_after(&self, pause: Duration) -> Swept {
        imports::sweep(&self.shop.app, Timestamp::now().plus(pause)).await.expect("the sweep ends")
    }

    /// Runs the import, as of so much later, however long that takes; whether it has ended.
    pub(crate) async fn work_after(&self, form: &Form, pause: Duration) -> Result<bool, Error> {
        let until = Instant::now() + Duration::from_mins(5);
        let now = Timestamp::now().plus(pause);
        imports::work(&self.shop.app, form.image_id.parse().unwrap(), until, now).await
    }

    /// One step of the import, as of so much later, and not more.
    pub(crate) async fn step_after(&self, form: &Form, pause: Duration) -> bool {
        let now = Timestamp::now().plus(pause);
        imports::work(&self.shop.app, form.image_id.parse().unwrap(), Instant::now(), now).await.unwrap()
    }

    /// Has the bucket's notification come through the queue; whether it shall come again.
    pub(crate) async fn deliver(&self, key: &str) -> bool {
        let message = json!({"messageId": "1", "body": created(key), "eventSource": "aws:sqs", "attributes": {}});
        let answer = self.shop.app.queue(json!({ "Records": [message] })).await.expect("the batch is handled");
        !answer["batchItemFailures"].as_array().unwrap().is_empty()
    }

    pub(crate) async fn product(&self, slug: &str) -> Value {
        self.get(&format!("/products/{slug}")).await.expect(200).json()
    }

    /// Every product by slug, but for what differs from shop to shop.
    pub(crate) async fn catalogue(&self) -> BTreeMap<String, Value> {
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
    pub(crate) async fn versions(&self) -> BTreeMap<String, i64> {
        let products = self.shop.mongo.all("products").await;
        let version = |product: &Document| product.get_i64("version").unwrap();
        products.iter().map(|product| (product.get_str("slug").unwrap_or("-").to_owned(), version(product))).collect()
    }

    pub(crate) async fn category(&self, slug: &str) -> String {
        let body = json!({"slug": slug, "name": slug, "parent_id": null});
        let answer = self.shop.client.post("/admin/categories").token(&staff()).json(&body).send().await.expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn create(&self, body: &Value) -> Value {
        self.shop.client.post("/admin/products").token(&staff()).json(body).send().await.expect(201).json()
    }

    /// An export from beginning to end: its answer, and all its files joined.
    pub(crate) async fn export(&self) -> (Value, Vec<u8>) {
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

/// How many products are in a file.
pub(crate) fn products(file: &[u8]) -> usize {
    file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

/// All files of an export, by their URLs.
pub(crate) async fn download(export: &Value) -> Vec<u8> {
    let mut joined = Vec::new();
    for file in export["files"].as_array().unwrap() {
        let answer = reqwest::get(file["url"].as_str().unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(file["size"], bytes.len());
        assert_eq!(file["products"], products(&bytes));
        joined.extend_from_slice(&bytes);
    }
    joined
}
