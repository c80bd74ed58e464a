//! Refunds: giving money back, never more than was taken.

use common::money::Money;
use serde::Deserialize;

use crate::{
    amount::to_stripe,
    client::Stripe,
    customers::metadata_form,
    error::StripeError,
    ids::{BalanceTransactionId, PaymentIntentId, RefundId},
    list::List,
    open::open_enum,
};

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much, as Stripe counts.
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    /// How far it has come; Stripe's types allow `null`, which says nothing.
    pub status: Option<RefundStatus>,
    /// Of which payment.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub payment_intent: Option<PaymentIntentId>,
    /// What took the money from the balance.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub balance_transaction: Option<BalanceTransactionId>,
    /// What put the money back into the balance when the refund failed.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub failure_balance_transaction: Option<BalanceTransactionId>,
    /// Why it failed, such as `expired_or_canceled_card`.
    pub failure_reason: Option<String>,
}

open_enum! {
    /// How far a refund has come: <https://docs.stripe.com/refunds>. One that succeeded may fail later.
    RefundStatus {
        /// On its way.
        Pending = "pending",
        /// The shopper has to say where the money goes.
        RequiresAction = "requires_action",
        /// The money is given back.
        Succeeded = "succeeded",
        /// It could not be given back.
        Failed = "failed",
        /// It was called off.
        Canceled = "canceled",
    }
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

    /// All refunds of a payment, newest first.
    pub async fn list_refunds(&self, payment_intent: &PaymentIntentId) -> Result<List<Refund>, StripeError> {
        self.list_all("/v1/refunds", payment_intent).await
    }
}
