use std::time::Duration;

use e2e::{Card, Shop, Shopper, total};
use platform::Service;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// An order by a new key.
async fn order(shopper: &Shopper, skus: &[&str]) -> Value {
    let (status, body) = shopper.order(&Uuid::new_v4().to_string(), &shopper.request(skus)).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// Waits until the order is in this state; webhooks and messages take a moment.
async fn until(shop: &Shop, shopper: &Shopper, order: &Value, state: &str) -> Value {
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    for _ in 0..100 {
        let now = shop.get(&path, &shopper.token).await;
        if now["state"] == state {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} does not become {state}")
}

/// Relays the outbox until every message was accepted.
async fn deliver(shop: &Shop) {
    let mut db = shop.orders.connect().await;
    for _ in 0..400 {
        shop.transactions.sweep().await.unwrap();
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&mut db).await.unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("messages stay in the outbox");
}

#[tokio::test]
async fn a_customer_buys_their_cart_with_a_saved_card() {
    let shop = Shop::open().await;
    let staff = shop.admin().await;
    shop.sell(&staff, "TEE", 3).await;
    let ada = shop.customer("ada", Card::Saved).await;
    let cart = json!({"quantity": 2});
    let cart = shop.ask(Method::PUT, "/carts/mine/items/TEE", &ada.token, Some(cart)).await;
    let quote = json!({"currency": "USD", "shipping_method": "standard"});
    let quote = shop.ask(Method::POST, "/quotes", &ada.token, Some(quote)).await;
    assert_eq!((&quote["cart_version"], &quote["total"]["amount"]), (&cart["version"], &json!(total(2))));
    let mut request = ada.request(&[]);
    request.as_object_mut().unwrap().remove("lines");
    request["cart_version"] = quote["cart_version"].clone();
    request["expected_total"] = quote["total"].clone();
    let (status, body) = ada.order("once", &request).await;
    let bought: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &bought["state"]), (201, &json!("paid")), "{bought}");
    deliver(&shop).await;
    assert_eq!(shop.stock_of(&staff, "TEE").await, (1, 0));
    assert_eq!(shop.get("/carts/mine", &ada.token).await["items"], json!([]));
    assert_eq!(ada.order("once", &request).await, (201, body), "the same answer, though the cart is empty now");
    assert_eq!(shop.charged(), (1, total(2)));
}

#[tokio::test]
async fn a_sku_that_an_order_names_twice_is_bought_and_confirmed_as_one_line() {
    let shop = Shop::open_with(&e2e::UNLIMITED).await;
    let staff = shop.admin().await;
    shop.sell(&staff, "MUG", 1_500).await;
    let ada = shop.customer("ada", Card::Saved).await;
    let mut request = ada.request(&[]);
    request["lines"] = json!([{"sku": "MUG", "quantity": 999}, {"sku": "MUG", "quantity": 1}]);
    request["expected_total"]["amount"] = json!(total(1_000));
    let (status, body) = ada.order("once", &request).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    // No receiver refuses its message: neither product-service nor notification-service.
    deliver(&shop).await;
    assert_eq!((shop.stock_of(&staff, "MUG").await, shop.charged()), ((500, 0), (1, total(1_000))));
}

#[tokio::test]
async fn a_guest_pays_in_the_frontend_and_the_webhook_finishes_the_order() {
    let shop = Shop::open().await;
    let staff = shop.admin().await;
    shop.sell(&staff, "TEE", 1).await;
    let guest = shop.guest().await;
    let waiting = order(&guest, &["TEE"]).await;
    assert_eq!((&waiting["state"], shop.stock_of(&staff, "TEE").await), (&json!("requires_action"), (1, 1)));
    let intent = waiting["payment"]["client_secret"].as_str().unwrap().split("_secret_").next().unwrap().to_owned();
    let pay = format!("{}/_double/payment_intents/{intent}/confirm", shop.stripe.base());
    reqwest::Client::new().post(pay).json(&json!({"payment_method": "pm_card_visa"})).send().await.unwrap();
    until(&shop, &guest, &waiting, "paid").await;
    deliver(&shop).await;
    assert_eq!((shop.stock_of(&staff, "TEE").await, shop.charged()), ((0, 0), (1, total(1))));
}

#[tokio::test]
async fn a_cancelled_and_a_declined_order_give_their_stock_back() {
    let shop = Shop::open().await;
    let staff = shop.admin().await;
    shop.sell(&staff, "TEE", 2).await;
    let guest = shop.guest().await;
    let waiting = order(&guest, &["TEE"]).await;
    let path = format!("/orders/{}/cancel", waiting["id"].as_str().unwrap());
    assert_eq!(shop.ask(Method::POST, &path, &guest.token, None).await["state"], "cancelled");
    let bob = shop.customer("bob", Card::SavedAndDeclined).await;
    assert_eq!(order(&bob, &["TEE"]).await["state"], "payment_failed");
    deliver(&shop).await;
    assert_eq!((shop.stock_of(&staff, "TEE").await, shop.charged()), ((2, 0), (0, 0)));
}

#[tokio::test]
async fn the_last_unit_is_sold_to_one_of_two() {
    let shop = Shop::open().await;
    let staff = shop.admin().await;
    shop.sell(&staff, "TEE", 1).await;
    let (ada, bob) = (shop.anonymous(), shop.anonymous());
    let (request, other) = (ada.request(&["TEE"]), bob.request(&["TEE"]));
    let (first, second) = futures_util::future::join(ada.order("a", &request), bob.order("b", &other)).await;
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}
