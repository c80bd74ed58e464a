//! Shoppers: guests and customers who order.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::tokens;
use uuid::Uuid;

use crate::{
    gateway::SOURCE,
    storefront::{PASSWORD, Storefront},
};

/// How a shopper pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Saved, and good.
    Saved,
    /// Saved, and declined when charged.
    SavedAndDeclined,
    /// Saved, and wants 3-D Secure.
    SavedWithThreeDSecure,
    /// Typed into the frontend.
    AtTheFrontend,
}

/// A shopper with a token that is good.
#[derive(Debug, Clone)]
pub struct Shopper {
    /// The access token.
    pub token: String,
    payment: Value,
    /// The address that a guest gives; a customer's is that of the account.
    email: Option<String>,
    source: String,
    shop: String,
    http: reqwest::Client,
}

impl Storefront {
    /// A guest, by a token of the shop's own.
    pub async fn guest(&self) -> Shopper {
        let (status, guest) = self.send(Method::POST, "/auth/guest", None, None).await;
        assert_eq!(status, 201, "{guest}");
        self.shopper(guest["access_token"].as_str().unwrap(), json!({"method": "client"}))
    }

    /// A customer with an account, who has saved a card by the shop's own routes.
    pub async fn customer(&self, name: &str, card: Card) -> Shopper {
        let email = format!("{name}@example.com");
        let account = json!({"email": email, "password": PASSWORD, "name": name});
        assert_eq!(self.send(Method::POST, "/auth/register", None, Some(account)).await.0, 202);
        let token = self.log_in(&email, PASSWORD).await;
        self.with_card(&token, card).await
    }

    /// The shopper of a token, with a card saved by the shop's own routes.
    pub async fn with_card(&self, token: &str, card: Card) -> Shopper {
        let name = match card {
            Card::Saved => "pm_card_visa",
            Card::SavedAndDeclined => "pm_card_chargeCustomerFail",
            Card::SavedWithThreeDSecure => "pm_card_threeDSecure2Required",
            Card::AtTheFrontend => return self.shopper(token, json!({"method": "client"})),
        };
        let setup = self.ask(Method::POST, "/users/me/payment-methods/setup", token, None).await;
        self.save_card(setup["setup_intent_id"].as_str().unwrap(), name).await;
        let saved = self.get("/users/me/payment-methods", token).await;
        let id = &saved["items"][0]["id"];
        assert!(id.is_string(), "no card was saved: {saved}");
        self.shopper(token, json!({"method": "saved", "payment_method_id": id}))
    }

    /// Plays the frontend, which saves a card with the client secret it got, and the cardholder, who agrees.
    async fn save_card(&self, setup_intent: &str, card: &str) {
        let path = format!("{}/_double/setup_intents/{setup_intent}", self.stripe_base);
        let confirm = self.http.post(format!("{path}/confirm")).json(&json!({"payment_method": card}));
        let confirmed: Value = confirm.send().await.unwrap().json().await.unwrap_or_default();
        if confirmed["status"] == "requires_action" {
            let agree = self.http.post(format!("{path}/authenticate")).json(&json!({"outcome": "approve"}));
            agree.send().await.unwrap();
        }
    }

    /// The shopper of a token, who pays so.
    pub fn shopper(&self, token: &str, payment: Value) -> Shopper {
        let (shop, http) = (self.address.clone(), self.http.clone());
        // Each shopper has a source address of their own: limits count orders by source.
        let source = std::net::Ipv4Addr::from_bits((10 << 24) | fastrand::u32(..1 << 24)).to_string();
        let mut shopper = Shopper { token: token.to_owned(), payment, email: None, source, shop, http };
        let subject = shopper.subject();
        if subject.starts_with("guest:") {
            shopper.email = Some(format!("{}@example.com", subject.replace(':', "-")));
        }
        shopper
    }

    /// A guest by a token that the test signed itself, for crowds.
    pub fn anonymous(&self) -> Shopper {
        let token = self.token(&format!("guest:{}", Uuid::now_v7()), "cart orders");
        self.shopper(&token, json!({"method": "client"}))
    }

    /// A token that the test signed itself, good for fifteen minutes from now.
    pub fn token(&self, subject: &str, scope: &str) -> String {
        let mut claims = tokens::claims(subject, scope);
        claims.iss.clone_from(&self.address);
        tokens::signer().token(&claims)
    }
}

impl Shopper {
    /// The same shopper at this source address.
    #[must_use]
    pub fn at(self, source: &str) -> Self {
        Self { source: source.to_owned(), ..self }
    }

    /// What the token names.
    fn subject(&self) -> String {
        let claims = self.token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["sub"].as_str().unwrap().to_owned()
    }

    /// An order of these SKUs, one unit each, at what they cost: 10.00 USD and 8 % each, shipped for 5.40.
    pub fn request(&self, skus: &[&str]) -> Value {
        let lines: Vec<Value> = skus.iter().map(|sku| json!({"sku": sku, "quantity": 1})).collect();
        json!({
            "lines": lines, "shipping_method": "standard", "payment": self.payment,
            "expected_total": {"amount": total(skus.len()), "currency": "USD"},
            "email": self.email, "locale": "en-US",
            "shipping_address": {"name": "Sam Shopper", "line1": "1 High Street", "city": "Oxford", "country": "GB"}
        })
    }

    /// The id of the account or guest, as the token says.
    pub fn owner(&self) -> Uuid {
        self.subject().split(':').nth(1).and_then(|id| id.parse().ok()).unwrap()
    }

    /// Orders; the status (0 where there was no answer) and the body's bytes.
    pub async fn order(&self, key: &str, request: &Value) -> (u16, Vec<u8>) {
        let sent =
            self.http.post(format!("{}/orders", self.shop)).bearer_auth(&self.token).header(SOURCE, &self.source);
        let Ok(answered) = sent.header("idempotency-key", key).json(request).send().await else {
            return (0, Vec::new());
        };
        let status = answered.status().as_u16();
        match answered.bytes().await {
            Ok(body) => (status, body.to_vec()),
            Err(_) => (0, Vec::new()),
        }
    }
}

/// What so many units come to, in cents.
pub fn total(units: usize) -> i64 {
    i64::try_from(units).unwrap_or_default() * 1080 + 540
}
