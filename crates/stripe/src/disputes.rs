//! Disputes: a cardholder asks their bank for the money back, and what that does to the balance.

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
    /// Its id.
    pub id: DisputeId,
    /// The disputed amount, as Stripe counts.
    pub amount: i64,
    /// In lower case.
    pub currency: String,
    /// How far it has come.
    pub status: Option<DisputeStatus>,
    /// The cardholder's reason, such as `fraudulent`.
    pub reason: Option<String>,
    /// What it did to the balance: money is withdrawn, and comes back where the dispute is won.
    #[serde(default)]
    pub balance_transactions: Vec<BalanceTransaction>,
}

/// One change of the balance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BalanceTransaction {
    /// Its id.
    pub id: BalanceTransactionId,
    /// The gross amount, negative where money left, as Stripe counts.
    pub amount: i64,
    /// The fee on top, positive where it is charged, negative where it is given back.
    pub fee: i64,
    /// In lower case: the currency that the account is paid in, which may differ from the payment's.
    pub currency: String,
}

open_enum! {
    /// How far a dispute has come: <https://docs.stripe.com/api/disputes/object>.
    DisputeStatus {
        /// An inquiry: no money was withdrawn, and an answer is due.
        WarningNeedsResponse = "warning_needs_response",
        /// An inquiry that was answered.
        WarningUnderReview = "warning_under_review",
        /// An inquiry that came to nothing.
        WarningClosed = "warning_closed",
        /// An answer is due.
        NeedsResponse = "needs_response",
        /// It was answered.
        UnderReview = "under_review",
        /// The money came back.
        Won = "won",
        /// The money is gone.
        Lost = "lost",
        /// The loss may be appealed, and an answer is due.
        AppealNeedsResponse = "appeal_needs_response",
        /// The loss is appealed.
        AppealUnderReview = "appeal_under_review",
        /// It was settled before it began.
        Prevented = "prevented",
    }
}

impl Dispute {
    /// Whether it is decided and the money is the shop's. A word that is unknown decides nothing.
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
