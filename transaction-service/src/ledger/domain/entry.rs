//! What an entry of the ledger is: its account, its kind, and the booking that it is part of.

use common::{money::Currency, timestamp::Timestamp};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// Where money is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Account {
    /// What Stripe holds for the shop.
    Stripe,
    /// What was earned with goods, before tax.
    Sales,
    /// What was earned with shipping, before tax.
    Shipping,
    /// What is owed to the state.
    Tax,
    /// What was given back, where a refund was booked before refunds took their parts from sales, shipping and tax.
    Refunds,
    /// What cardholders disputed and their banks withdrew.
    Disputes,
    /// What Stripe charged for disputes.
    StripeFees,
    /// What Stripe holds and no order accounts for: staff refund it, or find out what it is.
    Unmatched,
}

impl Account {
    /// What a price is made of.
    pub(super) const PARTS: [Self; 3] = [Self::Sales, Self::Shipping, Self::Tax];

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Money was taken.
    Capture,
    /// Money was given back.
    Refund,
    /// Money that was given back returned to the shop: the refund failed.
    RefundFailure,
    /// Money was withdrawn for a dispute, with its fee.
    Dispute,
    /// Money that was withdrawn for a dispute came back.
    DisputeReversal,
    /// Money was taken that is not what the order costs, or that came when the order was over.
    Unmatched,
}

impl Kind {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One entry: a debit where the amount is positive, a credit where it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub account: Account,
    /// Minor units.
    pub amount: i64,
}

/// The entries of one movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// What happened.
    pub kind: Kind,
    /// The charge, refund or balance transaction at Stripe. Booked once, whoever hears of it how often.
    pub source: String,
    /// The source whose entries this takes back.
    pub reverses: Option<String>,
    /// What the amounts are in.
    pub currency: Currency,
    /// They sum to zero.
    pub entries: Vec<Entry>,
    /// When it was booked.
    pub booked_at: Timestamp,
}

/// An entry as staff read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerEntry {
    /// What happened.
    pub kind: Kind,
    /// The charge, refund or balance transaction at Stripe.
    #[schema(example = "ch_3MmlLrLkdIwHu7ix0snN0B15")]
    pub source: String,
    /// The source whose entries this takes back: a refund that failed; else `null`.
    #[schema(required, example = "re_1Nispe2eZvKYlo2Cd31jOCgZ")]
    pub reverses: Option<String>,
    /// Where.
    pub account: Account,
    /// Minor units; a debit where positive, a credit where negative.
    #[schema(example = -3998)]
    pub amount: i64,
    /// What the amount is in.
    #[schema(value_type = Currency)]
    pub currency: String,
    /// When it was booked.
    pub booked_at: Timestamp,
}
