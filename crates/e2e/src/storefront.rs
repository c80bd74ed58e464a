//! A shop as browsers and staff have it: HTTP, whatever runs behind the address.

use reqwest::Method;
use serde_json::{Value, json};

/// The password of every account that is made here.
pub const PASSWORD: &str = "seven green umbrellas sing";

/// A shop as seen from outside: what browsers and staff can do over HTTP, whatever runs behind the address.
#[derive(Debug, Clone)]
pub struct Storefront {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    /// Where the shop's Stripe is: cardholders act there.
    pub stripe_base: String,
    pub(crate) http: reqwest::Client,
}

impl Storefront {
    /// The shop that answers at `address`, with this double of Stripe.
    pub fn new(address: String, stripe_base: String) -> Self {
        Self { address, stripe_base, http: reqwest::Client::new() }
    }

    /// One request from outside.
    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// A request that must succeed.
    pub async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.send(method.clone(), path, Some(token), body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Reads something that must be there.
    pub async fn get(&self, path: &str, token: &str) -> Value {
        self.ask(Method::GET, path, token, None).await
    }

    /// An access token of an account.
    pub async fn log_in(&self, email: &str, password: &str) -> String {
        let body = json!({"email": email, "password": password});
        let (status, body) = self.send(Method::POST, "/auth/login", None, Some(body)).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Makes one product of this SKU at 10.00 USD, with so many on the shelf.
    pub async fn sell(&self, staff: &str, sku: &str, units: i64) {
        let product = json!({
            "title": format!("Product {sku}"), "slug": sku.to_lowercase(), "description": "", "status": "active",
            "category_ids": [], "options": [],
            "variants": [{"sku": sku, "options": {}, "prices": [{"amount": 1000, "currency": "USD"}]}]
        });
        self.ask(Method::POST, "/admin/products", staff, Some(product)).await;
        self.stock(staff, sku, units).await;
    }

    /// Puts so many on the shelf.
    pub async fn stock(&self, staff: &str, sku: &str, units: i64) {
        self.ask(Method::PUT, &format!("/inventory/{sku}"), staff, Some(json!({"on_hand": units}))).await;
    }

    /// `(on hand, reserved)`.
    pub async fn stock_of(&self, staff: &str, sku: &str) -> (i64, i64) {
        let stock = self.get(&format!("/inventory/{sku}"), staff).await;
        (stock["on_hand"].as_i64().unwrap(), stock["reserved"].as_i64().unwrap())
    }
}
