//! What a saved payment method is to its owner: nothing that could be charged elsewhere.

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
    /// Its id at Stripe; an order is paid with it by this.
    #[schema(value_type = String, pattern = "^pm_[A-Za-z0-9_]+$")]
    pub id: PaymentMethodId,
    /// `card`, or another of Stripe's types.
    #[schema(example = "card")]
    pub kind: String,
    /// What is printed on it; `null` for other kinds.
    #[schema(required)]
    pub card: Option<Card>,
    /// When it was entered.
    pub created_at: Timestamp,
}

/// What a card is recognised by.
#[derive(Debug, Serialize, ToSchema)]
pub struct Card {
    /// `visa`, `mastercard`, ..., as Stripe writes them.
    #[schema(example = "visa")]
    pub brand: String,
    /// The last four digits of its number.
    #[schema(example = "4242")]
    pub last4: String,
    /// The month after which it is not good any more, from 1.
    #[schema(minimum = 1, maximum = 12, example = 8)]
    pub exp_month: u32,
    /// The year of that month.
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

/// A payment method that is being saved: Stripe's `SetupIntent`, as the browser needs it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentMethodSetup, example = json!({
    "setup_intent_id": "seti_1PgafmB7WZ01zgkW6dKueIc5",
    "client_secret": "seti_1PgafmB7WZ01zgkW6dKueIc5_secret_QXg1o8vlGuL9zQ", "status": "requires_payment_method"
}))]
pub struct Setup {
    /// Its id at Stripe.
    #[schema(value_type = String)]
    pub setup_intent_id: SetupIntentId,
    /// For Stripe's library in the browser. Whoever has it can save a card here: don't log it, don't put it in a URL.
    #[serde(serialize_with = "reveal")]
    #[schema(value_type = String)]
    pub client_secret: ClientSecret,
    /// What is to happen next, as Stripe writes it; `requires_payment_method` at first.
    pub status: String,
}

impl From<stripe::SetupIntent> for Setup {
    fn from(intent: stripe::SetupIntent) -> Self {
        let stripe::SetupIntent { id, client_secret, status, .. } = intent;
        Self { setup_intent_id: id, client_secret, status }
    }
}

/// The one place where it leaves us: the answer to its owner.
fn reveal<S: Serializer>(secret: &ClientSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}
