//! Refunds: giving money back, never more than was taken.

use common::money::Money;
use serde::Deserialize;

use crate::{List, PaymentIntentId, RefundId, Stripe, StripeError, amount::to_stripe, customers::metadata_form};

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much, as Stripe counts.
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    /// How far it has come.
    pub status: RefundStatus,
    /// Of which payment.
    #[serde(default, deserialize_with = "crate::reference")]
    pub payment_intent: Option<PaymentIntentId>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The shopper has to say where the money goes.
    RequiresAction,
    /// The money is given back.
    Succeeded,
    /// It could not be given back.
    Failed,
    /// It was called off.
    Canceled,
}

impl Stripe {
    /// Gives back `amount`, or all that is left.
    pub async fn create_refund(
        &self,
        key: &str,
        payment_intent: &PaymentIntentId,
        amount: Option<Money>,
        metadata: &[(&str, &str)],
    ) -> Result<Refund, StripeError> {
        let mut form = metadata_form(metadata);
        form.push(("payment_intent".to_owned(), payment_intent.to_string()));
        form.extend(amount.map(|amount| ("amount".to_owned(), to_stripe(amount).to_string())));
        self.post("/v1/refunds", key, &form).await
    }

    /// The refunds of a payment, newest first; the first 100.
    pub async fn list_refunds(&self, payment_intent: &PaymentIntentId) -> Result<List<Refund>, StripeError> {
        let query = [("payment_intent", payment_intent.as_str()), ("limit", "100")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        self.get("/v1/refunds", &query).await
    }
}
