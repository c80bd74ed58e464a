//! product-service through its router, on a MongoDB server or its stand-in.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adjustments;
mod bad_input;
mod bucket;
mod bulk_fixture;
mod catalogue;
mod categories;
mod contract;
mod cursors;
mod exports;
mod health;
mod image_fixture;
mod images;
mod imports;
mod migrations;
mod model;
mod products;
mod quotes;
mod races;
mod reservations;
mod rotation;
mod search;
mod stock;
mod stock_sweep;
mod sweep;
mod table;
mod uploads;

use std::time::Duration;

use common::{etag::ETag, id::Id, timestamp::Timestamp};
use platform::{Service, config::Env, trigger::Direction};
use product_service::{App, ids::OrderId, router};
use serde_json::{Value, json};
use testkit::{Client, Proxy, mongo::Mongo, proxy::Protocol, tokens};
use uuid::Uuid;

/// A shop of the test's own.
struct Shop {
    app: App,
    client: Client,
    mongo: Mongo,
    /// Between the service and its database.
    network: Proxy,
}

impl Shop {
    /// An empty shop, migrated, behind a network that counts and can fail.
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// The same with other settings.
    async fn open_with(settings: &[(&str, &str)]) -> Self {
        let mongo = testkit::mongo::fresh();
        app(&mongo.uri).migrate(Direction::Up).await.expect("the empty database is migrated");
        let network = Proxy::start(&mongo.address(), Protocol::Mongo).await;
        let app = app_with(&mongo.uri_through(&network.address), settings);
        let client = Client::new(router(App { deadline: Duration::from_mins(1), ..app.clone() }));
        Self { app, client, mongo, network }
    }

    /// Makes a product with one variant for each SKU, at 10.00 USD, with so many on hand.
    async fn sell(&self, stock: &[(&str, i64)]) {
        for (sku, on_hand) in stock {
            let product = json!({
                "title": format!("Product {sku}"), "slug": sku.to_lowercase(), "description": "", "status": "active",
                "category_ids": [], "options": [],
                "variants": [{"sku": sku, "options": {}, "prices": [{"amount": 1000, "currency": "USD"}]}]
            });
            self.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201);
            self.set_stock(sku, *on_hand).await;
        }
    }

    async fn set_stock(&self, sku: &str, on_hand: i64) {
        let body = json!({ "on_hand": on_hand });
        self.client.put(&format!("/inventory/{sku}")).token(&staff()).json(&body).send().await.expect(200);
    }

    /// `(on hand, reserved, available)`.
    async fn stock(&self, sku: &str) -> (i64, i64, i64) {
        let answer = self.client.get(&format!("/inventory/{sku}")).token(&staff()).send().await.expect(200);
        let number = |field: &str| answer.json()[field].as_i64().unwrap();
        (number("on_hand"), number("reserved"), number("available"))
    }

    /// The tag of a SKU's stock.
    async fn stock_tag(&self, sku: &str) -> String {
        let answer = self.client.get(&format!("/inventory/{sku}")).token(&staff()).send().await.expect(200);
        answer.header("etag").to_owned()
    }

    async fn reserve(&self, order: OrderId, lines: &[(&str, u32)]) -> testkit::Answer {
        let lines: Vec<Value> = lines.iter().map(|(sku, n)| json!({"sku": sku, "quantity": n})).collect();
        let body = json!({"currency": "USD", "lines": lines});
        self.client.put(&path(order)).token(&service()).json(&body).send().await
    }

    async fn commit(&self, order: OrderId) -> testkit::Answer {
        self.client.post(&format!("{}/commit", path(order))).token(&service()).send().await
    }

    async fn release(&self, order: OrderId) -> testkit::Answer {
        self.client.post(&format!("{}/release", path(order))).token(&service()).send().await
    }

    /// Sweeps as if so much time had passed.
    async fn sweep_after(&self, pause: Duration) -> product_service::reservations::Swept {
        let later = Timestamp::now().plus(pause);
        product_service::reservations::sweep(&self.app.db, later).await.expect("the sweep ends")
    }

    /// How many movements stand on SKUs: none once nothing is under way.
    async fn movements(&self) -> usize {
        let stock = self.mongo.all("stock").await;
        stock.iter().map(|document| document.get_array("movements").unwrap().len()).sum()
    }
}

fn app(uri: &str) -> App {
    app_with(uri, &[])
}

fn app_with(uri: &str, settings: &[(&str, &str)]) -> App {
    let standard = [
        ("ISSUER", tokens::ISSUER),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked"),
        ("MONGODB_URI", uri),
        ("CURRENCIES", "USD,EUR,JPY"),
        ("IMAGE_BUCKET", "never-asked"),
        ("IMAGE_BASE_URL", "https://images.shop.example"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    // The last one of a name counts.
    let mut env = Env::from_pairs(standard.into_iter().chain(settings.iter().copied()));
    let app = App::configure(&mut env).unwrap_or_else(|| panic!("{}", env.report()));
    App { verifier: tokens::verifier(), ..app }
}

/// The tag of a version of a document, from its JSON.
fn tag(document: &Value, version: i64) -> String {
    ETag::new(document["id"].as_str().unwrap().parse().unwrap(), version).to_string()
}

fn path(order: OrderId) -> String {
    format!("/inventory/reservations/{order}")
}

fn order() -> OrderId {
    Id::new(Timestamp::now())
}

fn staff() -> String {
    tokens::user(Uuid::from_u128(1), "catalog:write inventory:write")
}

fn service() -> String {
    tokens::service("transaction-service", "inventory:reserve")
}
