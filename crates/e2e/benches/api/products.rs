//! A shop with what product-service's examples name.

use e2e::Shop;
use reqwest::Method;
use serde_json::json;

use crate::fixture::Fixture;

pub(crate) async fn open() -> Fixture {
    let shop = Shop::open_with(&e2e::UNLIMITED).await;
    let staff = shop.admin().await;
    make_bucket().await;
    let image = stock_shelves(&shop, &staff).await;
    let service = shop.service_token().await;
    let names = vec![("STAFF_TOKEN", staff), ("SERVICE_TOKEN", service), ("IMAGE_ID", image)];
    Fixture { shop, names }
}

/// Where uploads go.
async fn make_bucket() {
    let bucket = format!("{}/images", testkit::stores::aws_endpoint());
    let made = reqwest::Client::new().put(bucket).send().await.unwrap().status();
    assert!(made.is_success() || made == 409, "S3 did not make the bucket: {made}");
}

/// What the description's examples name, so that they find something; the id of an image that waits for its upload.
async fn stock_shelves(shop: &Shop, staff: &str) -> String {
    let category = json!({"slug": "coffee", "name": "Coffee"});
    shop.ask(Method::POST, "/admin/categories", staff, Some(category)).await;
    for sku in ["TEE-ORG-NAVY-M", "OUT-FLASK-500-STL"] {
        shop.sell(staff, sku, 1_000).await;
    }
    let page = shop.get("/products?limit=1", staff).await;
    let path = format!("/admin/products/{}/images", page["items"][0]["id"].as_str().unwrap());
    let image = json!({"content_type": "image/png", "size": 4_096, "alt": ""});
    let form = shop.ask(Method::POST, &path, staff, Some(image)).await;
    form["image_id"].as_str().unwrap().to_owned()
}
