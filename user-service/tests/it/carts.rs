use common::etag::ETag;
use futures_util::future::join_all;
use http::header::IF_MATCH;
use serde_json::{Value, json};
use testkit::{Answer, client::Sending, tokens};
use uuid::Uuid;

use crate::Home;

pub(crate) fn put(home: &Home, token: &str, sku: &str, quantity: impl Into<Value>) -> Sending {
    let body = json!({ "quantity": quantity.into() });
    home.client.put(&format!("/carts/mine/items/{sku}")).token(token).json(&body)
}

fn delete(home: &Home, token: &str, sku: &str) -> Sending {
    home.client.delete(&format!("/carts/mine/items/{sku}")).token(token)
}

pub(crate) async fn mine(home: &Home, token: &str) -> Answer {
    home.client.get("/carts/mine").token(token).send().await.expect(200)
}

/// A token of a new guest.
pub(crate) fn guest() -> String {
    tokens::guest(Uuid::now_v7(), "cart orders")
}

/// The tag of a version of the cart of this owner.
fn tag(owner: Uuid, version: i64) -> String {
    ETag::new(owner, version).to_string()
}

/// `A=2 B=1` of a cart.
pub(crate) fn held(cart: &Value) -> String {
    let items = cart["items"].as_array().unwrap().iter();
    let items: Vec<_> = items.map(|item| format!("{}={}", item["sku"].as_str().unwrap(), item["quantity"])).collect();
    items.join(" ")
}

#[tokio::test]
async fn a_cart_is_filled_read_and_emptied_by_customers_and_guests_alike() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let guest_id = Uuid::now_v7();
    for (id, token) in [(ada.id, ada.access), (guest_id, tokens::guest(guest_id, "cart orders"))] {
        let absent = mine(&home, &token).await;
        assert_eq!(absent.json(), json!({"owner_id": id, "version": 0, "items": [], "updated_at": null}));
        assert_eq!(absent.header("etag"), tag(id, 0));
        put(&home, &token, "TEE-M", 2).send().await.expect(200);
        let answer = put(&home, &token, "MUG", 1).send().await.expect(200);
        assert_eq!((answer.header("etag"), held(&answer.json()).as_str()), (tag(id, 2).as_str(), "MUG=1 TEE-M=2"));
        let answer = put(&home, &token, "TEE-M", 5).send().await.expect(200);
        assert_eq!((answer.header("etag"), held(&answer.json()).as_str()), (tag(id, 3).as_str(), "MUG=1 TEE-M=5"));
        assert_eq!(mine(&home, &token).await.json(), answer.json());
        let answer = delete(&home, &token, "MUG").send().await.expect(200);
        assert_eq!((answer.header("etag"), held(&answer.json()).as_str()), (tag(id, 4).as_str(), "TEE-M=5"));
        let answer = delete(&home, &token, "TEE-M").send().await.expect(200);
        assert_eq!((&answer.json()["version"], held(&answer.json()).as_str()), (&json!(5), ""));
        assert_eq!(mine(&home, &token).await.json(), answer.json());
    }
}

#[tokio::test]
async fn what_changes_nothing_leaves_the_version_alone() {
    let home = Home::open().await;
    let token = guest();
    assert_eq!(delete(&home, &token, "MUG").send().await.expect(200).json()["version"], 0);
    let first = put(&home, &token, "MUG", 2).send().await.expect(200).json();
    assert_eq!(put(&home, &token, "MUG", 2).send().await.expect(200).json(), first);
    assert_eq!(delete(&home, &token, "TEE").send().await.expect(200).json(), first);
}

#[tokio::test]
async fn only_the_version_that_was_seen_is_changed() {
    let home = Home::open().await;
    let id = Uuid::now_v7();
    let token = tokens::guest(id, "cart orders");
    let stale = |answer: Answer| assert_eq!(answer.expect(412).problem(), "stale");
    stale(put(&home, &token, "MUG", 1).header(IF_MATCH, &tag(id, 1)).send().await);
    stale(delete(&home, &token, "MUG").header(IF_MATCH, &tag(id, 1)).send().await);
    delete(&home, &token, "MUG").header(IF_MATCH, &tag(id, 0)).send().await.expect(200);
    put(&home, &token, "MUG", 1).header(IF_MATCH, &tag(id, 0)).send().await.expect(200);
    stale(put(&home, &token, "MUG", 2).header(IF_MATCH, &tag(id, 0)).send().await);
    stale(delete(&home, &token, "MUG").header(IF_MATCH, &tag(id, 0)).send().await);
    put(&home, &token, "MUG", 2).header(IF_MATCH, &format!("{}, {}", tag(id, 7), tag(id, 1))).send().await.expect(200);
    put(&home, &token, "MUG", 3).header(IF_MATCH, "*").send().await.expect(200);
    stale(put(&home, &token, "MUG", 4).header(IF_MATCH, &format!("W/{}", tag(id, 3))).send().await);
    delete(&home, &token, "MUG").header(IF_MATCH, &tag(id, 3)).send().await.expect(200);
    stale(put(&home, &token, "MUG", 1).header(IF_MATCH, &tag(Uuid::now_v7(), 4)).send().await);
    stale(put(&home, &token, "MUG", 1).header(IF_MATCH, "\"4\"").send().await);
    assert_eq!(mine(&home, &token).await.json()["version"], 4);
}

#[tokio::test]
async fn of_two_changes_of_one_version_at_once_one_is_made_and_one_is_stale() {
    let home = Home::open().await;
    for seen in 0..4 {
        let id = Uuid::now_v7();
        let token = tokens::guest(id, "cart orders");
        for n in 0..seen {
            put(&home, &token, "MUG", n + 1).send().await.expect(200);
        }
        let change =
            |sku: &str| tokio::spawn(put(&home, &token, sku, 1).header(IF_MATCH, &tag(id, seen.into())).send());
        let (one, other) = tokio::join!(change("TEE-A"), change("TEE-B"));
        let mut found = [one.unwrap().status.as_u16(), other.unwrap().status.as_u16()];
        found.sort_unstable();
        assert_eq!(found, [200, 412], "from version {seen}");
    }
}

#[tokio::test]
async fn sixteen_skus_put_in_at_once_are_all_counted() {
    let home = Home::open().await;
    let token = guest();
    let puts = (0..16).map(|n| tokio::spawn(put(&home, &token, &format!("SKU{n}"), n + 1).send()));
    let mut versions: Vec<i64> = Vec::new();
    for answer in join_all(puts).await {
        versions.push(answer.unwrap().expect(200).json()["version"].as_i64().unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=16).collect::<Vec<_>>());
    let cart = mine(&home, &token).await.json();
    assert_eq!(cart["items"].as_array().unwrap().len(), 16);
    assert_eq!(cart["version"], 16);
}

#[tokio::test]
async fn a_cart_has_a_hundred_items_at_most_however_many_are_put_in_at_once() {
    let home = Home::open().await;
    let token = guest();
    for n in 0..97 {
        put(&home, &token, &format!("SKU{n}"), 1).send().await.expect(200);
    }
    let puts = (0..8).map(|n| tokio::spawn(put(&home, &token, &format!("LAST{n}"), 1).send()));
    let mut full = 0;
    for answer in join_all(puts).await {
        let answer = answer.unwrap();
        if answer.status != 200 {
            assert_eq!(answer.expect(409).problem(), "cart_full");
            full += 1;
        }
    }
    assert_eq!((full, mine(&home, &token).await.json()["items"].as_array().unwrap().len()), (5, 100));
    // Items in the cart can still be changed.
    put(&home, &token, "SKU0", 9).send().await.expect(200);
    delete(&home, &token, "SKU0").send().await.expect(200);
    put(&home, &token, "ONEMORE", 1).send().await.expect(200);
}

#[tokio::test]
async fn quantities_and_skus_that_no_order_takes_are_refused() {
    let home = Home::open().await;
    let token = guest();
    for (quantity, code) in [
        (json!(0), "out_of_range"),
        (json!(1_000), "out_of_range"),
        (json!(-1), "out_of_range"),
        (json!(1.5), "wrong_type"),
        (json!("2"), "wrong_type"),
        (json!(null), "wrong_type"),
    ] {
        let answer = put(&home, &token, "MUG", quantity.clone()).send().await.expect(422);
        assert_eq!(answer.refused_fields(), [format!("/quantity {code}")], "{quantity}");
    }
    for sku in ["mug", "MUG-", &"A".repeat(41), "M%20G"] {
        assert_eq!(put(&home, &token, sku, 1).send().await.expect(400).problem(), "invalid_path", "{sku}");
        assert_eq!(delete(&home, &token, sku).send().await.expect(400).problem(), "invalid_path", "{sku}");
    }
    put(&home, &token, "MUG", 999).send().await.expect(200);
    put(&home, &token, &"A".repeat(40), 1).send().await.expect(200);
}

#[tokio::test]
async fn a_service_has_no_cart_even_with_the_scope() {
    let home = Home::open().await;
    let token = tokens::service("transaction-service", "cart checkout:read");
    for request in
        [home.client.get("/carts/mine").token(&token), put(&home, &token, "MUG", 1), delete(&home, &token, "MUG")]
    {
        assert_eq!(request.send().await.expect(403).problem(), "forbidden");
    }
    assert_eq!(home.number("SELECT count(*) FROM carts").await, 0);
}

#[tokio::test]
async fn whose_account_is_gone_cannot_fill_a_cart() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    put(&home, &ada.access, "MUG", 1).send().await.expect(200);
    home.sql("DELETE FROM users").await;
    assert_eq!(home.number("SELECT count(*) FROM carts").await, 0, "a cart goes with its account");
    assert_eq!(put(&home, &ada.access, "MUG", 1).send().await.expect(404).problem(), "not_found");
}

#[tokio::test]
async fn a_checkout_reads_the_cart_of_a_user_or_a_guest_and_shoppers_only_their_own() {
    let home = Home::open().await;
    let ada = home.customer("ada@example.com").await;
    let guest_id = Uuid::now_v7();
    let guest = tokens::guest(guest_id, "cart orders");
    let service = tokens::service("transaction-service", "checkout:read");
    let read = |id: Uuid, token: &str| home.client.get(&format!("/carts/{id}")).token(token).send();
    put(&home, &ada.access, "MUG", 1).send().await.expect(200);
    put(&home, &guest, "TEE", 2).send().await.expect(200);
    for (id, token) in [(ada.id, &ada.access), (guest_id, &guest)] {
        let answer = read(id, &service).await.expect(200);
        assert_eq!(answer.json(), mine(&home, token).await.json());
        assert_eq!(answer.header("etag"), tag(id, 1));
        assert_eq!(read(id, token).await.expect(403).problem(), "forbidden");
    }
    let nobody = Uuid::now_v7();
    let absent = json!({"owner_id": nobody, "version": 0, "items": [], "updated_at": null});
    assert_eq!(read(nobody, &service).await.expect(200).json(), absent);
}
