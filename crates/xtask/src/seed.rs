//! Loading the demo catalogue through the public API, as a team's own tool would.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::catalogue::{self, Product};

/// Whether anything is on sale yet.
pub(crate) async fn is_empty(api: &str) -> Result<bool> {
    let page = Api::public(api).call(Method::GET, "/products?limit=1", None).await?;
    Ok(page["items"].as_array().is_none_or(Vec::is_empty))
}

/// Puts every category, product and stock level in place, skipping what exists. Returns how many products are new.
pub(crate) async fn load(api: &str, password: &str) -> Result<usize> {
    let catalogue = catalogue::read()?;
    let api = Api::log_in(api, password).await?;
    let existing = api.all("/categories").await?.into_iter();
    let existing =
        existing.map(|category| (category["slug"].as_str().unwrap_or_default().to_owned(), category["id"].clone()));
    let mut categories: HashMap<String, Value> = existing.collect();
    for category in &catalogue.categories {
        if categories.contains_key(&category.slug) {
            continue;
        }
        let parent = category.parent.as_ref().and_then(|parent| categories.get(parent));
        let body = json!({ "slug": category.slug, "name": category.name, "parent_id": parent });
        let made = api.call(Method::POST, "/admin/categories", Some(body)).await?;
        categories.insert(category.slug.clone(), made["id"].clone());
    }
    let mut new = 0;
    for product in &catalogue.products {
        if !api.create("/admin/products", product_body(product, &categories)?).await? {
            continue;
        }
        new += 1;
        for variant in &product.variants {
            let path = format!("/inventory/{}", variant.sku);
            api.call(Method::PUT, &path, Some(json!({ "on_hand": variant.on_hand }))).await?;
        }
    }
    Ok(new)
}

fn product_body(product: &Product, categories: &HashMap<String, Value>) -> Result<Value> {
    let mut body = product.rest.clone();
    body.insert("slug".to_owned(), json!(product.slug));
    let ids: Option<Vec<&Value>> = product.categories.iter().map(|slug| categories.get(slug)).collect();
    body.insert("category_ids".to_owned(), json!(ids.with_context(|| format!("categories of {}", product.slug))?));
    let variants = product.variants.iter().map(|variant| {
        let mut body: Map<String, Value> = variant.rest.clone();
        body.insert("sku".to_owned(), json!(variant.sku));
        Value::Object(body)
    });
    body.insert("variants".to_owned(), variants.collect());
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::extract::Request;
    use axum::response::{IntoResponse as _, Response};
    use reqwest::StatusCode;

    use super::*;

    type Seen = Arc<Mutex<Vec<(String, Value)>>>;

    /// The API in a few lines: the first category and the first product exist, everything else can be made.
    async fn answer(seen: Seen, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let authorized = head.headers.get("authorization").is_some_and(|token| token == "Bearer token");
        let path = head.uri.path().to_owned();
        let known = catalogue::read().unwrap();
        let exists = path == "/admin/products" && body["slug"] == known.products[0].slug.as_str();
        let category = json!({ "slug": known.categories[0].slug, "id": known.categories[0].name });
        let answer = match path.as_str() {
            "/auth/login" => json!({ "access_token": "token" }),
            "/categories" => json!({ "items": [category], "next_cursor": null }),
            "/products" => json!({ "items": [], "next_cursor": null }),
            _ if !authorized => return StatusCode::UNAUTHORIZED.into_response(),
            _ if exists => return StatusCode::CONFLICT.into_response(),
            "/admin/categories" => json!({ "id": body["name"] }),
            _ => json!({}),
        };
        seen.lock().unwrap().push((path, body));
        Json(answer).into_response()
    }

    async fn api() -> (String, Seen) {
        let seen = Seen::default();
        let shared = Arc::clone(&seen);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(move |request| answer(Arc::clone(&shared), request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (base, seen)
    }

    #[tokio::test]
    async fn what_exists_is_skipped_and_the_rest_is_made_with_its_stock() {
        let (base, seen) = api().await;
        assert!(is_empty(&base).await.unwrap());
        let catalogue = catalogue::read().unwrap();
        assert_eq!(load(&base, "password").await.unwrap(), catalogue.products.len() - 1);

        let seen = seen.lock().unwrap();
        let body = |wanted: &str| seen.iter().find(|(path, _)| path == wanted).map(|(_, body)| body.clone());
        let product = &catalogue.products[1];
        let made = body("/admin/products").unwrap();
        assert_eq!(made["slug"], product.slug.as_str());
        assert_eq!(made["category_ids"].as_array().unwrap().len(), product.categories.len());
        assert_eq!(seen.iter().filter(|(path, _)| path == "/admin/categories").count(), catalogue.categories.len() - 1);
        assert_eq!(body("/admin/categories").unwrap()["parent_id"], catalogue.categories[0].name.as_str());
        assert!(made.get("categories").is_none() && made["variants"][0].get("on_hand").is_none());
        let stock = body(&format!("/inventory/{}", product.variants[0].sku)).unwrap();
        assert_eq!(stock, json!({ "on_hand": product.variants[0].on_hand }));
        assert!(body(&format!("/inventory/{}", catalogue.products[0].variants[0].sku)).is_none());
    }
}
