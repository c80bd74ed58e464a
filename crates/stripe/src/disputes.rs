//! Disputes: a cardholder asks their bank for the money back, which changes the balance.

use serde::Deserialize;

use crate::{
    client::Stripe,
    error::StripeError,
    ids::{BalanceTransactionId, DisputeId, PaymentIntentId},
    list::List,
    open::open_enum,
};

/// A dispute.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    /// The dispute's id.
    pub id: DisputeId,
    /// The disputed amount, in Stripe's units.
    pub amount: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// The state of the dispute.
    pub status: Option<DisputeStatus>,
    /// The cardholder's reason, such as `fraudulent`.
    pub reason: Option<String>,
    /// Its changes of the balance: money is withdrawn, and returned if the dispute is won.
    #[serde(default)]
    pub balance_transactions: Vec<BalanceTransaction>,
}

/// One change of the balance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BalanceTransaction {
    /// The balance transaction's id.
    pub id: BalanceTransactionId,
    /// The gross amount in Stripe's units; negative when money was withdrawn.
    pub amount: i64,
    /// The fee on top: positive when it is charged, negative when it is refunded.
    pub fee: i64,
    /// The code of the account's payout currency in lower case, which may differ from the payment's.
    pub currency: String,
}

open_enum! {
    /// The state of a dispute: <https://docs.stripe.com/api/disputes/object>.
    DisputeStatus {
        /// An inquiry: no money was withdrawn, and an answer is due.
        WarningNeedsResponse = "warning_needs_response",
        /// An inquiry that was answered.
        WarningUnderReview = "warning_under_review",
        /// An inquiry that was closed without a dispute.
        WarningClosed = "warning_closed",
        /// An answer is due.
        NeedsResponse = "needs_response",
        /// The dispute was answered.
        UnderReview = "under_review",
        /// The dispute was won: the money was returned.
        Won = "won",
        /// The dispute was lost: the money stays withdrawn.
        Lost = "lost",
        /// The loss can be appealed, and an answer is due.
        AppealNeedsResponse = "appeal_needs_response",
        /// The loss is appealed.
        AppealUnderReview = "appeal_under_review",
        /// The dispute was resolved before it began.
        Prevented = "prevented",
    }
}

impl Dispute {
    /// Whether it is decided in the shop's favour. An unknown status does not count as decided.
    pub fn is_over_for_good(&self) -> bool {
        matches!(self.status, Some(DisputeStatus::Won | DisputeStatus::WarningClosed | DisputeStatus::Prevented))
    }
}

impl Stripe {
    /// All disputes of a payment, newest first.
    pub async fn list_disputes(&self, payment_intent: &PaymentIntentId) -> Result<List<Dispute>, StripeError> {
        self.list_all("/v1/disputes", payment_intent).await
    }
}
