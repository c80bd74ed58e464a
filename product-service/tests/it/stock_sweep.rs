//! The sweep of stock: it updates the availability in the catalogue, and sends low-stock alerts to staff.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, routing::post};
use common::timestamp::Timestamp;
use http::StatusCode;
use product_service::inventory::{
    self, Swept,
    domain::Availability,
    store::availability::{self, StaleAvailability},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Shop, order, staff};

impl Shop {
    pub(crate) async fn sweep_stock(&self) -> Swept {
        inventory::sweep(&self.app, Timestamp::now()).await.expect("the sweep ends")
    }

    /// The slugs of what is listed as in stock, by title.
    pub(crate) async fn in_stock(&self, more: &str) -> Vec<String> {
        let path = format!("/products?in_stock=true&sort=title{more}");
        let page = self.client.get(&path).send().await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
    }

    async fn patch_stock(&self, sku: &str, body: Value) -> Value {
        self.client.patch(&format!("/inventory/{sku}")).token(&staff()).json(&body).send().await.expect(200).json()
    }
}

#[tokio::test]
async fn the_catalogue_lists_what_is_in_stock_as_it_comes_and_goes() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1), ("B", 0), ("C", 2)]).await;
    assert!(shop.in_stock("").await.is_empty(), "no sweep has run yet");
    assert_eq!(shop.sweep_stock().await.updated, 3);
    assert_eq!(shop.in_stock("").await, ["a", "c"]);
    assert_eq!(shop.in_stock("&q=product").await, ["a", "c"], "beside other filters");
    assert_eq!(shop.sweep_stock().await, Swept::default());

    let sold = order();
    shop.reserve(sold, &[("A", 1)]).await.expect(200);
    shop.set_stock("B", 3).await;
    assert_eq!(shop.sweep_stock().await.updated, 2);
    assert_eq!(shop.in_stock("").await, ["b", "c"]);

    shop.release(sold).await.expect(200);
    shop.patch_stock("C", json!({"backorder": true})).await;
    shop.set_stock("C", 0).await;
    tokio::join!(shop.sweep_stock(), shop.sweep_stock(), shop.sweep_stock());
    shop.sweep_stock().await;
    assert_eq!(shop.in_stock("").await, ["a", "b", "c"], "what takes backorders can be ordered");
    assert_eq!(shop.sweep_stock().await.updated, 0, "all is as it should be");
}

#[tokio::test]
async fn backorders_that_staff_end_or_allow_while_a_sweep_writes_are_seen_by_the_next_one() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 0)]).await;
    shop.patch_stock("A", json!({"backorder": true})).await;
    for backorder in [false, true] {
        // The sweep has read the stock and writes to the catalogue; staff are faster.
        let [read]: [StaleAvailability; 1] =
            availability::find_stale(&shop.app.db, 10).await.unwrap().try_into().expect("one SKU is unknown");
        shop.patch_stock("A", json!({"backorder": backorder})).await;
        let written = if backorder { Availability::OutOfStock } else { Availability::Backorder };
        availability::save(&shop.app.db, &read, written).await.unwrap();
        let found = availability::find_stale(&shop.app.db, 10).await.unwrap();
        assert_eq!(found.len(), 1, "backorder: {backorder}");
        assert_eq!((found[0].shown, found[0].stock.backorder), (None, backorder));
    }
    shop.sweep_stock().await;
    assert_eq!(shop.in_stock("").await, ["a"]);
    assert_eq!(shop.sweep_stock().await.updated, 0);
}

#[tokio::test]
async fn a_product_is_in_stock_while_any_of_its_variants_is() {
    let shop = Shop::open().await;
    let variant = |sku: &str, size: &str| json!({"sku": sku, "options": {"Size": size}, "prices": [{"amount": 1000, "currency": "USD"}]});
    let product = json!({"title": "Tee", "slug": "tee", "description": "", "status": "active", "category_ids": [],
        "options": [{"name": "Size", "values": ["S", "M"]}], "variants": [variant("S", "S"), variant("M", "M")]});
    let made = shop.client.post("/admin/products").token(&staff()).json(&product).send().await.expect(201).json();
    shop.set_stock("S", 1).await;
    shop.set_stock("M", 0).await;
    shop.sweep_stock().await;
    assert_eq!(shop.in_stock("").await, ["tee"]);
    // A change of the product by staff leaves that alone.
    let path = format!("/admin/products/{}", made["id"].as_str().unwrap());
    shop.client.patch(&path).token(&staff()).json(&json!({"title": "Other tee"})).send().await.expect(200);
    assert_eq!(shop.in_stock("").await, ["tee"]);
    shop.client.delete(&format!("{path}/variants/S")).token(&staff()).send().await.expect(200);
    assert!(shop.in_stock("").await.is_empty(), "the one in stock is not sold any more");
}

/// notification-service: remembers what it was asked, and answers with the status it is given.
#[derive(Clone, Default)]
struct NotificationServer(Arc<Mutex<(Vec<Value>, Option<StatusCode>)>>);

impl NotificationServer {
    async fn open() -> (Self, String) {
        let notifications = Self::default();
        let token = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 900});
        let take = |State(notifications): State<Self>, Json(asked): Json<Value>| async move {
            let mut notifications = notifications.0.lock().unwrap();
            if let Some(status) = notifications.1 {
                return (status, Json(json!({"type": "unavailable"})));
            }
            let answer = json!({"event_id": asked["event_id"], "channels": [{"channel": "email", "state": "sent"}]});
            notifications.0.push(asked);
            (StatusCode::OK, Json(answer))
        };
        let router = Router::new()
            .route("/oauth/token", post(move || async move { Json(token.clone()) }))
            .route("/notifications", post(take))
            .with_state(notifications.clone());
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (notifications, address)
    }

    fn received(&self) -> Vec<Value> {
        self.0.lock().unwrap().0.clone()
    }

    fn answer(&self, status: Option<StatusCode>) {
        self.0.lock().unwrap().1 = status;
    }
}

async fn shop_with_notifications() -> (Shop, NotificationServer) {
    let (notifications, address) = NotificationServer::open().await;
    let settings = [
        ("STAFF_EMAIL", "staff@bodega.example"),
        ("API_BASE_URL", address.as_str()),
        ("PRODUCT_SERVICE_CLIENT_SECRET", "secret"),
    ];
    (Shop::open_with(&settings).await, notifications)
}

#[tokio::test]
async fn staff_get_one_low_stock_alert_and_another_one_after_a_restock() {
    let (shop, notifications) = shop_with_notifications().await;
    shop.sell(&[("A", 5), ("B", 5)]).await;
    let stock = shop.patch_stock("A", json!({"low_stock_at": 3})).await;
    assert_eq!((stock["low_stock_at"].clone(), stock["low_stock"].clone()), (json!(3), json!(false)));
    shop.sweep_stock().await;
    assert!(notifications.received().is_empty());

    for sku in ["A", "B"] {
        shop.reserve(order(), &[(sku, 3)]).await.expect(200);
    }
    assert_eq!(shop.sweep_stock().await.notified, 1);
    assert_eq!(shop.sweep_stock().await.notified, 0);
    let received = notifications.received();
    let expected = json!({"sku": "A", "title": "Product A", "available": 2, "low_stock_at": 3});
    assert_eq!((received.len(), &received[0]["data"]["stock"]), (1, &expected));
    assert_eq!(received[0]["recipient"], json!({"email": "staff@bodega.example"}));
    let description = testkit::contract::committed("notification-service");
    let breaches = testkit::contract::request_breaches(&description, "/notifications", "post", &received[0]);
    assert_eq!(breaches, Vec::<String>::new());
    assert_eq!((&received[0]["template"], &received[0]["channels"]), (&json!("low_stock"), &json!(["email"])));

    shop.set_stock("A", 20).await;
    shop.sweep_stock().await;
    shop.set_stock("A", 6).await;
    tokio::join!(shop.sweep_stock(), shop.sweep_stock());
    let received = notifications.received();
    let ids: std::collections::BTreeSet<String> = received.iter().map(|asked| asked["event_id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "a second alert, under one id however many sweeps send it: {received:?}");

    shop.patch_stock("A", json!({"low_stock_at": null})).await;
    shop.set_stock("A", 3).await;
    assert_eq!(shop.sweep_stock().await.notified, 0, "the alert is switched off");
}

#[tokio::test]
async fn an_alert_that_was_not_accepted_is_sent_again_by_the_next_sweep() {
    let (shop, notifications) = shop_with_notifications().await;
    shop.sell(&[("A", 1)]).await;
    shop.patch_stock("A", json!({"low_stock_at": 3})).await;
    notifications.answer(Some(StatusCode::SERVICE_UNAVAILABLE));
    let report = shop.sweep_stock().await;
    assert_eq!((report.notified, report.failed, report.updated), (0, 1, 1));
    notifications.answer(None);
    assert_eq!(shop.sweep_stock().await.notified, 1);
    assert_eq!(notifications.received().len(), 1);
}

#[tokio::test]
async fn without_a_recipient_low_stock_is_only_marked() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    let stock = shop.patch_stock("A", json!({"low_stock_at": 1})).await;
    assert_eq!(stock["low_stock"], true);
    assert_eq!(shop.sweep_stock().await.notified, 1);
    assert_eq!(shop.sweep_stock().await.notified, 0);
}

#[tokio::test]
async fn the_sweep_finds_what_it_is_about_by_an_index() {
    use mongodb::bson::doc;
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    let database = shop.mongo.database().await;
    for filter in [
        doc! { "listed": null },
        doc! { "listed": "in_stock", "available": { "$lt": 1 } },
        doc! { "listed": "out_of_stock", "available": { "$gte": 1 } },
        doc! { "low_stock": "watched", "above_low_stock": { "$lt": 1 } },
        doc! { "adjustments.at": { "$lt": mongodb::bson::DateTime::now() } },
    ] {
        let explained = database.run_command(doc! { "explain": { "find": "stock", "filter": &filter } }).await.unwrap();
        let plan = explained.to_string();
        assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN"), "{filter}: {plan}");
    }
}

#[tokio::test]
async fn during_an_outage_a_sweep_tries_once_and_a_refused_alert_keeps_no_other_back() {
    let (shop, notifications) = shop_with_notifications().await;
    for sku in ["A", "B", "C"] {
        shop.sell(&[(sku, 1)]).await;
        shop.patch_stock(sku, json!({"low_stock_at": 3})).await;
    }
    notifications.answer(Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(shop.sweep_stock().await.failed, 1, "the others would wait for the same answer");
    notifications.answer(Some(StatusCode::UNPROCESSABLE_ENTITY));
    assert_eq!(shop.sweep_stock().await.failed, 3);
    notifications.answer(None);
    assert_eq!(shop.sweep_stock().await.notified, 3);
}
