//! Refunds: returning captured money, never more than was captured.

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
    /// The refund's id.
    pub id: RefundId,
    /// The amount, in Stripe's units.
    pub amount: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// The state of the refund; Stripe's types allow `null`.
    pub status: Option<RefundStatus>,
    /// The refunded payment.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub payment_intent: Option<PaymentIntentId>,
    /// The withdrawal from the balance.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub balance_transaction: Option<BalanceTransactionId>,
    /// The return to the balance when the refund failed.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub failure_balance_transaction: Option<BalanceTransactionId>,
    /// The reason of a failure, such as `expired_or_canceled_card`.
    pub failure_reason: Option<String>,
}

open_enum! {
    /// The state of a refund: <https://docs.stripe.com/refunds>. One that succeeded may fail later.
    RefundStatus {
        /// The refund is being processed.
        Pending = "pending",
        /// The shopper has to provide details for the refund.
        RequiresAction = "requires_action",
        /// The money was refunded.
        Succeeded = "succeeded",
        /// The money could not be refunded.
        Failed = "failed",
        /// The refund was cancelled.
        Canceled = "canceled",
    }
}

impl Stripe {
    /// Refunds `amount`, or all that is left.
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
