//! A shop with one product and a bucket for its images, and what browsers and the bucket do there.

use std::{collections::BTreeMap, time::Duration};

use common::timestamp::Timestamp;
use platform::Service;
use product_service::{App, images::Swept, router};
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::{
    Shop,
    bucket::{self, Bucket},
    staff,
};

/// Has nothing but the picture: it is published as it is.
pub(crate) const PNG: &[u8] = include_bytes!("../images/plain.png");
/// With place and names, taken with the camera on its side.
pub(crate) const PHOTO: &[u8] = include_bytes!("../images/photo.jpg");

pub(crate) struct ImageFixture {
    pub(crate) shop: Shop,
    pub(crate) bucket: Bucket,
    pub(crate) product_id: String,
}

/// The form that a browser fills in.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) image_id: String,
    pub(crate) url: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Form {
    pub(crate) fn key(&self) -> &str {
        &self.fields["key"]
    }

    /// Key of the published image.
    pub(crate) fn published(&self) -> String {
        self.key().replacen("uploads/", "products/", 1)
    }

    pub(crate) fn with(mut self, field: &str, value: &str) -> Self {
        self.fields.insert(field.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, field: &str) -> Self {
        self.fields.remove(field);
        self
    }

    /// Posts the form with a file, as a browser does; the status.
    pub(crate) async fn post(&self, file: &[u8]) -> u16 {
        const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(part.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = reqwest::Client::new().post(&self.url).header("content-type", content_type).body(body);
        request.send().await.unwrap().status().as_u16()
    }
}

impl From<Value> for Form {
    fn from(answer: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let fields = answer["fields"].as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.clone(), text(value))).collect();
        Self { image_id: text(&answer["image_id"]), url: text(&answer["url"]), fields }
    }
}

impl ImageFixture {
    pub(crate) async fn open() -> Self {
        let (shop, bucket) = Shop::open_with_bucket().await;
        shop.sell(&[("A", 1)]).await;
        let product_id = shop.client.get("/products/a").send().await.expect(200).json()["id"].clone();
        Self { shop, bucket, product_id: product_id.as_str().unwrap().to_owned() }
    }

    pub(crate) fn app(&self) -> &App {
        &self.shop.app
    }

    pub(crate) fn images_path(&self) -> String {
        format!("/admin/products/{}/images", self.product_id)
    }

    pub(crate) async fn ask(&self, content_type: &str, size: usize, alt: &str) -> Answer {
        let body = json!({"content_type": content_type, "size": size, "alt": alt});
        self.shop.client.post(&self.images_path()).token(&staff()).json(&body).send().await
    }

    pub(crate) async fn form(&self, content_type: &str, size: usize) -> Form {
        Form::from(self.ask(content_type, size, "A picture").await.expect(201).json())
    }

    /// A PNG in the bucket, and not yet in the list.
    pub(crate) async fn upload(&self) -> Form {
        let form = self.form("image/png", PNG.len()).await;
        assert_eq!(form.post(PNG).await, 204);
        form
    }

    /// What the public gets under a key; `None` when nothing is there.
    pub(crate) fn seen_at(&self, key: &str) -> Option<Vec<u8>> {
        // The CDN reads this and nothing else.
        assert!(key.starts_with("products/"), "{key}");
        std::fs::read(self.bucket.file(key)).ok()
    }

    /// An image in the list.
    pub(crate) async fn show(&self) -> Form {
        let form = self.upload().await;
        self.complete(&form).await.expect(200);
        form
    }

    pub(crate) async fn complete(&self, form: &Form) -> Answer {
        self.shop.client.post(&format!("/uploads/{}/complete", form.image_id)).token(&staff()).send().await
    }

    pub(crate) async fn state(&self, form: &Form) -> Value {
        let path = format!("/uploads/{}", form.image_id);
        self.shop.client.get(&path).token(&staff()).send().await.expect(200).json()
    }

    pub(crate) async fn arrange(&self, images: &[(&Form, &str)]) -> Answer {
        self.arrange_if(images, "*").await
    }

    pub(crate) async fn arrange_if(&self, images: &[(&Form, &str)], version: &str) -> Answer {
        let images: Vec<Value> = images.iter().map(|(form, alt)| json!({"id": form.image_id, "alt": alt})).collect();
        let request = self.shop.client.put(&self.images_path()).token(&staff());
        request.header(http::header::IF_MATCH, version).json(&json!({ "images": images })).send().await
    }

    pub(crate) async fn product(&self) -> Value {
        self.shop.client.get("/products/a").send().await.expect(200).json()
    }

    /// The ids in the list, as the public sees it.
    pub(crate) async fn shown(&self) -> Vec<String> {
        let product = self.product().await;
        product["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
    }

    /// How many more images the product could take.
    pub(crate) async fn free_slots(&self) -> usize {
        let product = self.shop.mongo.all("products").await.remove(0);
        10 - product.get_array("image_slots").map_or(0, Vec::len)
    }

    pub(crate) async fn uploads(&self) -> usize {
        self.shop.mongo.all("uploads").await.len()
    }

    /// Has the bucket's notifications come through the queue; the messages that shall come again.
    pub(crate) async fn deliver(&self, messages: &[(&str, String)]) -> Vec<String> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|(id, body)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": {}}))
            .collect();
        let answer = self.app().queue(json!({ "Records": messages })).await.expect("the batch is handled");
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// Sweeps as if so much time had passed.
    pub(crate) async fn sweep_after(&self, pause: Duration) -> Swept {
        product_service::images::sweep(self.app(), Timestamp::now().plus(pause)).await.expect("the sweep ends")
    }

    /// The same shop with the deadline of production.
    pub(crate) fn in_a_hurry(&self) -> Client {
        Client::new(router(self.app().clone()))
    }
}

/// What the bucket says when an object was made.
pub(crate) fn created(key: &str) -> String {
    let bucket = json!({"name": bucket::NAME, "arn": format!("arn:aws:s3:::{}", bucket::NAME)});
    let object = json!({"key": key, "size": PNG.len(), "eTag": "d41d8cd98f00b204e9800998ecf8427e"});
    let record = json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Post",
        "s3": {"s3SchemaVersion": "1.0", "bucket": bucket, "object": object}
    });
    json!({ "Records": [record] }).to_string()
}
