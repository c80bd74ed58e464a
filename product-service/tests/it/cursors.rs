//! Cursors as an attacker writes them, for every list of the catalogue.

use serde_json::json;
use testkit::cursors::assert_safe;

use crate::{Shop, bulk_fixture::BulkFixture, staff};

impl Shop {
    /// Tries made-up cursors on a list of at least two; `path` has a query already.
    async fn defend(&self, path: &str) {
        let list = |query: &str| self.client.get(&format!("{path}&limit=1{query}")).token(&staff());
        let page = list("").send().await.expect(200).json();
        let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{path} has one page: {page}"));
        assert_safe(cursor, |cursor| list(&format!("&cursor={cursor}"))).await;
    }
}

#[tokio::test]
async fn a_made_up_cursor_of_products_is_refused_or_read_and_never_fails() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1), ("B", 1), ("C", 1)]).await;
    for path in [
        "/products?sort=newest",
        "/products?sort=title",
        "/products?sort=price&currency=USD",
        "/admin/products?status=active",
    ] {
        shop.defend(path).await;
    }
}

#[tokio::test]
async fn a_made_up_cursor_of_a_search_is_refused_or_read_and_never_fails() {
    let shop = Shop::open().await;
    for slug in ["one", "two", "three"] {
        let price = json!({"amount": 900, "currency": "USD"});
        let mug = json!({
            "title": format!("Mug {slug}"), "slug": slug, "status": "active", "description": "", "category_ids": [],
            "options": [], "variants": [{"sku": slug.to_uppercase(), "options": {}, "prices": [price]}]
        });
        shop.client.post("/admin/products").token(&staff()).json(&mug).send().await.expect(201);
    }
    shop.defend("/products?q=mug").await;
}

#[tokio::test]
async fn a_made_up_cursor_of_categories_is_refused_or_read_and_never_fails() {
    let shop = Shop::open().await;
    for slug in ["home", "garden"] {
        let new = json!({"slug": slug, "name": slug});
        shop.client.post("/admin/categories").token(&staff()).json(&new).send().await.expect(201);
    }
    let list = |query: &str| shop.client.get(&format!("/categories?limit=1{query}"));
    let page = list("").send().await.expect(200).json();
    assert_safe(page["next_cursor"].as_str().unwrap(), |cursor| list(&format!("&cursor={cursor}"))).await;
}

#[tokio::test]
async fn a_made_up_cursor_of_a_trail_is_refused_or_read_and_never_fails() {
    let shop = Shop::open().await;
    shop.sell(&[("A", 1)]).await;
    let adjustment = json!({"delta": 1, "reason": "received"});
    let key = common::idempotency::IDEMPOTENCY_KEY;
    let adjust = shop.client.post("/inventory/A/adjustments").token(&staff()).header(key, "k").json(&adjustment);
    adjust.send().await.expect(201);
    let list = |query: &str| shop.client.get(&format!("/inventory/A/adjustments?limit=1{query}")).token(&staff());
    let page = list("").send().await.expect(200).json();
    assert_safe(page["next_cursor"].as_str().unwrap(), |cursor| list(&format!("&cursor={cursor}"))).await;
}

#[tokio::test]
async fn a_made_up_cursor_of_refused_lines_is_refused_or_read_and_never_fails() {
    let fixture = BulkFixture::open().await;
    let form = fixture.import(&b"no\n".repeat(3)).await;
    let path = format!("/admin/products/imports/{}/errors?limit=1", form.image_id);
    let list = |query: &str| fixture.shop.client.get(&format!("{path}{query}")).token(&staff());
    let page = list("").send().await.expect(200).json();
    assert_safe(page["next_cursor"].as_str().unwrap(), |cursor| list(&format!("&cursor={cursor}"))).await;
}
