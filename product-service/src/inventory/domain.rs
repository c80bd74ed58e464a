//! How many there are of a SKU, and how that changes.
//!
//! `on_hand` is what stands on the shelf, `available` what may still be promised; the difference is reserved. Reservations
//! change a SKU only through [`StockMovement`]s: a movement is first recorded on the SKU, then the reservation's document decides
//! whether it counts, and then it is settled, which takes it off the SKU again. Each of these is one conditional update of
//! one document, so a movement takes effect exactly once, however often its steps are tried and by whomever.

use common::{
    etag::{ETag, number},
    id::Id,
    input::{Fields, FromFields, Patch},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids::OrderId;

/// The most that can be on hand of one SKU.
pub const MAX_ON_HAND: i64 = 1_000_000;

/// How many there are of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "sku": "TEE-ORG-NAVY-M", "on_hand": 25, "reserved": 3, "available": 22, "backorder": false, "low_stock_at": 5,
    "low_stock": false, "version": 4, "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Stock {
    /// Of what.
    pub sku: Sku,
    /// On the shelf; below zero, where backorders are taken, what is owed to orders that are paid.
    pub on_hand: i64,
    /// Promised to orders that are not committed yet.
    pub reserved: i64,
    /// What may still be promised: `on_hand - reserved`. Below zero only where backorders are taken.
    pub available: i64,
    /// Whether more may be sold than there are.
    pub backorder: bool,
    /// Staff are told when so many are available, or fewer; `null` if they are not.
    #[schema(required)]
    pub low_stock_at: Option<i64>,
    /// Whether it is as low as that.
    pub low_stock: bool,
    /// Grows with every change of what is said here, whatever made it: staff, orders, returns.
    pub version: i64,
    /// Names this stock in its tags: that of a SKU which was taken away and came back is another one.
    #[serde(skip)]
    pub document: u64,
    /// When it was set last.
    pub updated_at: Timestamp,
}

impl Stock {
    /// Names this version of it.
    pub fn tag(&self) -> ETag {
        ETag { document: self.document, version: self.version }
    }

    /// Whether so many more, or fewer, can be on hand.
    pub fn has_room_for(&self, delta: i64) -> bool {
        if delta < 0 { self.backorder || self.available >= -delta } else { self.on_hand <= MAX_ON_HAND - delta }
    }
}

/// What a SKU's stock is named by in tags, where it was saved before stocks had a name of their own.
pub fn unnamed(sku: &Sku) -> u64 {
    number(Uuid::new_v5(&Uuid::NAMESPACE_OID, sku.as_str().as_bytes()))
}

/// How the catalogue shows a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Availability {
    /// Some are there.
    InStock,
    /// None is there.
    OutOfStock,
    /// It takes backorders, so it can be ordered whatever is there.
    Backorder,
}

impl Availability {
    /// How it should be shown.
    pub fn of(stock: &Stock) -> Self {
        match stock {
            Stock { backorder: true, .. } => Self::Backorder,
            Stock { available: 1.., .. } => Self::InStock,
            _ => Self::OutOfStock,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What may still be promised of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AvailableToPromise {
    /// How many are there for it.
    pub count: i64,
    /// How many more there would be if every attempt under way came to nothing.
    pub in_flight: i64,
    /// Whether more may be promised than there are.
    pub backorder: bool,
}

impl AvailableToPromise {
    /// Whether so many can be promised now, or could be soon: nobody knows yet what attempts under way will keep.
    pub fn may_cover(self, quantity: u32) -> bool {
        self.backorder || self.count + self.in_flight >= i64::from(quantity)
    }

    /// Whether so many can be promised.
    pub fn covers(self, quantity: u32) -> bool {
        self.backorder || self.count >= i64::from(quantity)
    }
}

/// How a SKU is sold; a JSON Merge Patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default, ToSchema)]
#[schema(example = json!({"backorder": true, "low_stock_at": 5}))]
pub struct StockPatch {
    /// Whether more may be sold than there are.
    #[schema(nullable = false)]
    pub backorder: Option<bool>,
    /// At how many staff are told; `null` for never.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000)]
    pub low_stock_at: Patch<i64>,
}

impl FromFields for StockPatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let backorder = fields.replaced("backorder", |fields| fields.flag("backorder"));
        let low_stock_at = fields.patch("low_stock_at", |fields| fields.integer("low_stock_at", 0..=MAX_ON_HAND));
        Some(Self { backorder: backorder?, low_stock_at: low_stock_at? })
    }
}

/// The stock as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"on_hand": 25}))]
pub struct SetStock {
    /// How many are on the shelf, reserved ones included.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub on_hand: i64,
}

impl FromFields for SetStock {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { on_hand: fields.integer("on_hand", 0..=MAX_ON_HAND)? })
    }
}

/// The id of a movement.
pub type MovementId = Id<StockMovement>;

/// One change that a reservation makes to one SKU, recorded on it until it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockMovement {
    /// Shared by the movements that one attempt makes to several SKUs.
    pub id: MovementId,
    /// For which order.
    pub order_id: OrderId,
    /// What it does.
    pub kind: MovementKind,
    /// How many.
    pub quantity: u32,
    /// When it was recorded.
    pub at: Timestamp,
}

/// What a movement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MovementKind {
    /// Promises units to an order; takes them when recorded, so that nobody else can.
    Hold,
    /// The units leave the shelf: the order is paid.
    Commit,
    /// The units may be promised again: the order is given up.
    Release,
}

/// What the reservation's document says of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet.
    Pending,
    /// It is the one that took effect.
    Applied,
    /// It lost, and never will take effect.
    Discarded,
}

/// What is added to a SKU's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StockChange {
    /// To what stands on the shelf.
    pub on_hand: i64,
    /// To what may be promised.
    pub available: i64,
}

impl StockChange {
    /// Whether anybody can see it.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl MovementKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What recording a movement changes.
    pub fn when_recorded(self, quantity: u32) -> StockChange {
        match self {
            Self::Hold => StockChange { available: -i64::from(quantity), ..StockChange::default() },
            Self::Commit | Self::Release => StockChange::default(),
        }
    }

    /// What settling a movement changes. A pending one is not settled.
    pub fn when_settled(self, is_applied: bool, quantity: u32) -> StockChange {
        let quantity = i64::from(quantity);
        match (self, is_applied) {
            (Self::Hold, false) | (Self::Release, true) => {
                StockChange { available: quantity, ..StockChange::default() }
            }
            (Self::Commit, true) => StockChange { on_hand: -quantity, ..StockChange::default() },
            (Self::Hold, true) | (Self::Release | Self::Commit, false) => StockChange::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(steps: &[(MovementKind, bool)]) -> (i64, i64) {
        let changes =
            steps.iter().flat_map(|(kind, is_applied)| [kind.when_recorded(3), kind.when_settled(*is_applied, 3)]);
        changes.fold((0, 0), |(on_hand, available), change| (on_hand + change.on_hand, available + change.available))
    }

    #[test]
    fn a_hold_that_counts_promises_and_one_that_is_void_changes_nothing() {
        assert_eq!(total(&[(MovementKind::Hold, true)]), (0, -3));
        assert_eq!(total(&[(MovementKind::Hold, false)]), (0, 0));
    }

    #[test]
    fn a_sale_takes_the_units_once_from_each_number() {
        assert_eq!(total(&[(MovementKind::Hold, true), (MovementKind::Commit, true)]), (-3, -3));
    }

    #[test]
    fn a_release_leaves_everything_as_it_was() {
        assert_eq!(total(&[(MovementKind::Hold, true), (MovementKind::Release, true)]), (0, 0));
    }

    #[test]
    fn of_a_commit_and_a_release_only_the_one_that_counts_has_an_effect() {
        let (hold, commit, release) = (MovementKind::Hold, MovementKind::Commit, MovementKind::Release);
        assert_eq!(total(&[(hold, true), (commit, true), (release, false)]), (-3, -3));
        assert_eq!(total(&[(hold, true), (commit, false), (release, true)]), (0, 0));
    }
}
