use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{client::Sending, tokens};
use uuid::Uuid;

use crate::{
    Home,
    carts::{held, mine, put},
};

struct CartFixture {
    home: Home,
    id: Uuid,
    token: String,
}

impl CartFixture {
    /// A guest whose cart holds this.
    async fn with(items: &[(&str, u32)]) -> Self {
        let id = Uuid::now_v7();
        let fixture = Self { home: Home::open().await, id, token: tokens::guest(id, "cart orders") };
        for (sku, quantity) in items {
            fixture.put(sku, *quantity).send().await.expect(200);
        }
        fixture
    }

    fn put(&self, sku: &str, quantity: u32) -> Sending {
        put(&self.home, &self.token, sku, quantity)
    }

    fn clear(&self, order: Uuid, lines: &[(&str, u32)]) -> Sending {
        let lines: Vec<Value> = lines.iter().map(|(sku, n)| json!({"sku": sku, "quantity": n})).collect();
        let request = self.home.client.post(&format!("/carts/{}/clear", self.id)).token(&service());
        request.json(&json!({"order_id": order, "lines": lines}))
    }

    /// The items of the cart, and its version.
    async fn cart(&self) -> (String, i64) {
        let cart = mine(&self.home, &self.token).await.json();
        (held(&cart), cart["version"].as_i64().unwrap())
    }
}

fn service() -> String {
    tokens::service("transaction-service", "carts:clear")
}

#[tokio::test]
async fn what_was_ordered_leaves_the_cart_and_what_was_added_since_stays() {
    let fixture = CartFixture::with(&[("MUG", 3), ("TEE", 1), ("CAP", 1)]).await;
    // The order has two mugs, the tee, and a hat that was removed from the cart meanwhile.
    let lines = [("MUG", 1), ("TEE", 1), ("HAT", 1), ("MUG", 1)];
    assert!(fixture.clear(Uuid::now_v7(), &lines).send().await.expect(204).body.is_empty());
    assert_eq!(fixture.cart().await, ("CAP=1 MUG=1".into(), 4));
    // More was ordered than is left in the cart.
    fixture.clear(Uuid::now_v7(), &[("MUG", 9), ("CAP", 1)]).send().await.expect(204);
    assert_eq!(fixture.cart().await, (String::new(), 5));
}

#[tokio::test]
async fn an_order_is_cleared_once_however_often_it_is_sent() {
    let fixture = CartFixture::with(&[("MUG", 5)]).await;
    let order = Uuid::now_v7();
    for _ in 0..3 {
        fixture.clear(order, &[("MUG", 2)]).send().await.expect(204);
        assert_eq!(fixture.cart().await, ("MUG=3".into(), 2));
    }
    fixture.clear(Uuid::now_v7(), &[("MUG", 2)]).send().await.expect(204);
    assert_eq!(fixture.cart().await, ("MUG=1".into(), 3));
}

#[tokio::test]
async fn sixteen_messages_of_one_order_at_once_take_it_out_once_while_the_shopper_goes_on() {
    let fixture = CartFixture::with(&[("MUG", 500)]).await;
    let order = Uuid::now_v7();
    let clears = (0..16).map(|_| tokio::spawn(fixture.clear(order, &[("MUG", 7)]).send()));
    let puts = (0..16).map(|n| tokio::spawn(fixture.put(&format!("NEW{n:02}"), n + 1).send()));
    let (cleared, put) = tokio::join!(join_all(clears), join_all(puts));
    for answer in cleared {
        answer.unwrap().expect(204);
    }
    for answer in put {
        answer.unwrap().expect(200);
    }
    let added: Vec<_> = (0..16).map(|n| format!("NEW{n:02}={}", n + 1)).collect();
    assert_eq!(fixture.cart().await, (format!("MUG=493 {}", added.join(" ")), 18));
}

#[tokio::test]
async fn sixteen_orders_at_once_are_all_taken_out() {
    let fixture = CartFixture::with(&[("MUG", 100)]).await;
    let clears = (0..16).map(|_| tokio::spawn(fixture.clear(Uuid::now_v7(), &[("MUG", 3)]).send()));
    for answer in join_all(clears).await {
        answer.unwrap().expect(204);
    }
    assert_eq!(fixture.cart().await, ("MUG=52".into(), 17));
}

#[tokio::test]
async fn clearing_changes_nothing_without_a_cart_or_the_ordered_items() {
    let fixture = CartFixture::with(&[]).await;
    let order = Uuid::now_v7();
    fixture.clear(order, &[("MUG", 1)]).send().await.expect(204);
    assert_eq!(fixture.cart().await, (String::new(), 0));
    fixture.put("MUG", 1).send().await.expect(200);
    // The order was cleared before this item was added.
    fixture.clear(order, &[("MUG", 1)]).send().await.expect(204);
    fixture.clear(Uuid::now_v7(), &[("TEE", 1)]).send().await.expect(204);
    assert_eq!(fixture.cart().await, ("MUG=1".into(), 1));
}

#[tokio::test]
async fn every_bad_field_of_what_was_ordered_is_named_at_once() {
    let fixture = CartFixture::with(&[]).await;
    let path = format!("/carts/{}/clear", fixture.id);
    let body = json!({"order_id": "x", "lines": [{"sku": "mug", "quantity": 0}]});
    let answer = fixture.home.client.post(&path).token(&service()).json(&body).send().await.expect(422);
    let expected = ["/order_id invalid_id", "/lines/0/sku invalid_sku", "/lines/0/quantity out_of_range"];
    assert_eq!(answer.refused_fields(), expected);
    assert_eq!(fixture.home.number("SELECT count(*) FROM cart_clearings").await, 0);
}
