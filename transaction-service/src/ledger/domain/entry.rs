//! Entries of the ledger: their accounts, their kinds, and the bookings that they are part of.

use common::{money::Currency, timestamp::Timestamp};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// Account of the ledger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Account {
    /// Balance of the shop at Stripe.
    Stripe,
    /// Revenue from goods, before tax.
    Sales,
    /// Revenue from shipping, before tax.
    Shipping,
    /// Tax that is owed.
    Tax,
    /// Refunds from before refunds were booked against sales, shipping and tax.
    Refunds,
    /// Amounts that banks withdrew for disputes.
    Disputes,
    /// Fees of Stripe for disputes.
    StripeFees,
    /// Money at Stripe that pays for no order: staff refund it or find its order.
    Unmatched,
}

impl Account {
    /// The accounts that a price is made of.
    pub(super) const PARTS: [Self; 3] = [Self::Sales, Self::Shipping, Self::Tax];

    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Kind of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A payment was captured.
    Capture,
    /// A refund was made.
    Refund,
    /// A refund failed, and its money returned to the shop.
    RefundFailure,
    /// A bank withdrew money for a dispute, with a fee.
    Dispute,
    /// Money that was withdrawn for a dispute came back.
    DisputeReversal,
    /// A payment was captured that is not the total of its order, or that came when the order was closed.
    Unmatched,
}

impl Kind {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One entry: a debit where the amount is positive, a credit where it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// Amount in minor units of the currency.
    pub amount: i64,
}

/// The entries of one movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Kind of the booking.
    pub kind: Kind,
    /// Id of the charge, refund or balance transaction at Stripe. Each is booked once.
    pub source: String,
    /// The source whose entries this reverses.
    pub reverses: Option<String>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// The entries, which sum to zero.
    pub entries: Vec<Entry>,
    /// When the entry was booked.
    pub booked_at: Timestamp,
}

/// Entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerEntry {
    /// Kind of the booking.
    pub kind: Kind,
    /// Id of the charge, refund or balance transaction at Stripe.
    #[schema(example = "ch_3MmlLrLkdIwHu7ix0snN0B15")]
    pub source: String,
    /// Id of the failed refund whose entries this reverses; else `null`.
    #[schema(required, example = "re_1Nispe2eZvKYlo2Cd31jOCgZ")]
    pub reverses: Option<String>,
    /// The account.
    pub account: Account,
    /// Amount in minor units of the currency: a debit if positive, a credit if negative.
    #[schema(example = -3998)]
    pub amount: i64,
    /// Currency of the amount (ISO 4217).
    #[schema(value_type = Currency)]
    pub currency: String,
    /// When the entry was booked.
    pub booked_at: Timestamp,
}
