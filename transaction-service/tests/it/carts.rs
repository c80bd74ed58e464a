//! A version of a cart becomes at most one live order of its owner.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{client::Sending, tokens};

use crate::{KEY, Shop, Shopper, insist};

impl Shop {
    /// One unit of TEE-1 is in the shopper's cart, in this version.
    fn fill_cart(&self, shopper: &Shopper, version: i64) {
        self.services.set_cart(&shopper.id.to_string(), version, &json!([{"sku": "TEE-1", "quantity": 1}]));
    }

    fn order_cart(&self, shopper: &Shopper, key: &str, version: i64) -> Sending {
        let mut request = shopper.request();
        request.as_object_mut().unwrap().remove("lines");
        request["cart_version"] = json!(version);
        self.client.post("/orders").token(&shopper.token).header(KEY, key).json(&request)
    }

    /// The cart is refused, because it became this order.
    async fn is_ordered_already(&self, shopper: &Shopper, key: &str, order: &Value) {
        let refused = self.order_cart(shopper, key, 1).send().await.expect(409);
        assert_eq!((refused.problem().as_str(), &refused.json()["order_id"]), ("cart_already_ordered", &order["id"]));
    }
}

#[tokio::test]
async fn a_cart_that_became_an_order_is_refused_under_another_key_before_any_stock_is_reserved() {
    let shop = Shop::open().await;
    let guest = Shopper::guest();
    shop.fill_cart(&guest, 1);
    let order = shop.order_cart(&guest, "a", 1).send().await.expect(201);
    let reserved = shop.services.seen("PUT /inventory").len();
    shop.network.take_commands();
    shop.is_ordered_already(&guest, "b", &order.json()).await;
    assert_eq!(shop.network.take_commands().len(), 1, "the first look says so");
    assert_eq!(shop.services.seen("PUT /inventory").len(), reserved);
    let again = shop.order_cart(&guest, "a", 1).send().await.expect(201);
    assert_eq!(again.body, order.body, "its own key has its answer");
}

#[tokio::test]
async fn one_cart_under_sixteen_keys_at_once_is_one_order_and_one_hold() {
    let mut shop = Shop::open_with_default_limits().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.fill_cart(&ada, 1);
    let keys: Vec<String> = (0..16).map(|nth| format!("key-{nth}")).collect();
    let send = |key: &str| shop.order_cart(&ada, key, 1);
    let answers = join_all(keys.iter().map(|key| insist(send, key))).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!((made.len(), shop.charged().0, shop.count("orders").await), (1, 1, 1));
    let id = made[0].json()["id"].clone();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let (status, kind) = (answer.status.as_u16(), answer.problem());
        let is_ordered = kind == "cart_already_ordered" && answer.json()["order_id"] == id;
        // Those who came while five were under way may have met that limit first.
        assert!(status == 409 && (is_ordered || kind == "too_many_open_orders"), "{}", answer.text());
    }
    while shop.count("outbox").await > 0 {
        shop.relay().await;
    }
    for seen in shop.services.seen("PUT /inventory") {
        let order = seen.line.rsplit('/').next().unwrap();
        let expected = if id == order { "committed" } else { "released" };
        assert_eq!(shop.services.reservation(order), Some(expected));
    }
    assert_eq!(shop.sweep().await["counters"]["repaired"], 0);
    assert_eq!(shop.count("limit_counters WHERE open_orders <> 0 OR held_units <> 0").await, 0);
}

#[tokio::test]
async fn a_cart_is_free_again_once_its_order_failed_was_cancelled_or_expired() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    shop.fill_cart(&guest, 1);
    let cancelled = shop.order_cart(&guest, "a", 1).send().await.expect(201).json();
    shop.cancel(&guest, &cancelled).await.expect(200);
    let expired = shop.order_cart(&guest, "b", 1).send().await.expect(201).json();
    shop.is_ordered_already(&guest, "c", &expired).await;
    shop.let_orders_expire().await;
    shop.sweep().await;
    assert_eq!(shop.read(&guest, &expired).await["state"], "expired");
    shop.order_cart(&guest, "c", 1).send().await.expect(201);

    let bob = shop.customer("pm_card_chargeCustomerFail").await;
    shop.fill_cart(&bob, 1);
    for key in ["a", "b"] {
        assert_eq!(shop.order_cart(&bob, key, 1).send().await.expect(201).json()["state"], "payment_failed");
    }
}

#[tokio::test]
async fn a_cart_that_is_paid_is_not_ordered_again_and_one_that_was_sold_out_and_refunded_is() {
    let mut shop = Shop::open().await;
    let ada = shop.customer("pm_card_visa").await;
    shop.fill_cart(&ada, 1);
    let order = shop.order_cart(&ada, "a", 1).send().await.expect(201).json();
    assert_eq!(order["state"], "paid");
    shop.is_ordered_already(&ada, "b", &order).await;
    shop.services.set_reservation(order["id"].as_str().unwrap(), "released");
    shop.relay().await;
    assert_eq!(shop.read(&ada, &order).await["closing_reason"], "sold_out");
    shop.fill_cart(&ada, 1);
    assert_eq!(shop.order_cart(&ada, "b", 1).send().await.expect(201).json()["state"], "paid");
}

#[tokio::test]
async fn another_version_and_another_owner_have_carts_of_their_own() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    let customer = Shopper { id: guest.id, token: tokens::user(guest.id, "orders"), payment_method: None };
    shop.fill_cart(&guest, 1);
    for shopper in [&guest, &customer, &Shopper::guest()] {
        shop.fill_cart(shopper, 1);
        shop.order_cart(shopper, "k", 1).send().await.expect(201);
    }
    shop.fill_cart(&guest, 2);
    shop.order_cart(&guest, "k2", 2).send().await.expect(201);
    assert_eq!(shop.count("orders").await, 4);
}

#[tokio::test]
async fn two_orders_of_the_same_lines_are_two_orders() {
    let mut shop = Shop::open().await;
    let guest = Shopper::guest();
    shop.ordered(&guest, "a").await;
    shop.ordered(&guest, "b").await;
    assert_eq!(shop.count("orders WHERE cart_version IS NULL").await, 2);
}
