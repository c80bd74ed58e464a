//! Saved payment methods, as their owner sees them: without any data that could be charged elsewhere.

use common::timestamp::Timestamp;
use serde::{Serialize, Serializer};
use stripe::{ClientSecret, PaymentMethodId, SetupIntentId};
use utoipa::ToSchema;

/// A saved payment method.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "pm_1PgafTB7WZ01zgkW5mhKPw9q", "kind": "card",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030}, "created_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct PaymentMethod {
    /// Id at Stripe, to name the payment method in an order.
    #[schema(value_type = String, pattern = "^pm_[A-Za-z0-9_]+$")]
    pub id: PaymentMethodId,
    /// Stripe's type of payment method, such as `card`.
    #[schema(example = "card")]
    pub kind: String,
    /// Card details; `null` for other kinds.
    #[schema(required)]
    pub card: Option<Card>,
    /// When the payment method was entered.
    pub created_at: Timestamp,
}

/// The details by which a customer recognises a card.
#[derive(Debug, Serialize, ToSchema)]
pub struct Card {
    /// Brand as Stripe names it, such as `visa` or `mastercard`.
    #[schema(example = "visa")]
    pub brand: String,
    /// Last four digits of the card number.
    #[schema(example = "4242")]
    pub last4: String,
    /// Month of expiry, from 1; the card is valid until its end.
    #[schema(minimum = 1, maximum = 12, example = 8)]
    pub exp_month: u32,
    /// Year of expiry, with four digits.
    #[schema(example = 2030)]
    pub exp_year: u32,
}

impl From<stripe::PaymentMethod> for PaymentMethod {
    fn from(method: stripe::PaymentMethod) -> Self {
        let stripe::PaymentMethod { id, kind, card, created, .. } = method;
        let card = card.map(|stripe::Card { brand, last4, exp_month, exp_year, .. }| Card {
            brand,
            last4,
            exp_month,
            exp_year,
        });
        let created_at = Timestamp::from_unix_millis(created.saturating_mul(1_000)).unwrap_or(Timestamp::EPOCH);
        Self { id, kind, card, created_at }
    }
}

/// A payment method that is being saved: Stripe's `SetupIntent`, for Stripe.js in the browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethodSetup, example = json!({
    "setup_intent_id": "seti_1PgafmB7WZ01zgkW6dKueIc5",
    "client_secret": "seti_1PgafmB7WZ01zgkW6dKueIc5_secret_QXg1o8vlGuL9zQ", "status": "requires_payment_method"
}))]
pub struct Setup {
    /// Id of the `SetupIntent`.
    #[schema(value_type = String)]
    pub setup_intent_id: SetupIntentId,
    /// Secret for Stripe.js. It allows saving a card to this account: do not log it, and do not put it in a URL.
    #[serde(serialize_with = "reveal")]
    #[schema(value_type = String)]
    pub client_secret: ClientSecret,
    /// Status of the `SetupIntent`; `requires_payment_method` at first.
    pub status: String,
}

impl From<stripe::SetupIntent> for Setup {
    fn from(intent: stripe::SetupIntent) -> Self {
        let stripe::SetupIntent { id, client_secret, status, .. } = intent;
        Self { setup_intent_id: id, client_secret, status }
    }
}

/// The only place that reveals the secret: the answer to its owner.
fn reveal<S: Serializer>(secret: &ClientSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}
