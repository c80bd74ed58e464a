//! The stock of a SKU, and how it changes.
//!
//! `on_hand` is the number of units on the shelf, `available` the number that can still be reserved; the difference is
//! reserved. Reservations change a SKU only through [`StockMovement`]s: a movement is first recorded on the SKU, then the
//! reservation's document decides whether it is applied or discarded, and then it is settled, which removes it from the SKU.
//! Each of these is one conditional update of one document, so a movement takes effect exactly once, however often and by how
//! many processes its steps are tried.

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

/// The stock of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "sku": "TEE-ORG-NAVY-M", "on_hand": 25, "reserved": 3, "available": 22, "backorder": false, "low_stock_at": 5,
    "low_stock": false, "version": 4, "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Stock {
    /// SKU of the variant.
    pub sku: Sku,
    /// Number of units on the shelf, reserved ones included. Below zero, where backorders are taken: units owed to paid orders.
    pub on_hand: i64,
    /// Number of units reserved for orders that are not committed yet.
    pub reserved: i64,
    /// Number of units that can still be reserved: `on_hand - reserved`. Below zero only where backorders are taken.
    pub available: i64,
    /// Whether orders can reserve more units than are on hand.
    pub backorder: bool,
    /// Staff get a low-stock alert when this many units or fewer are available; `null` for no alert.
    #[schema(required)]
    pub low_stock_at: Option<i64>,
    /// Whether `available` is at or below `low_stock_at`.
    pub low_stock: bool,
    /// Grows with every change of this stock, by staff, orders or returns.
    pub version: i64,
    /// Identifies this stock in its tags: a SKU that was removed and added again has another one.
    #[serde(skip)]
    pub document: u64,
    /// When staff or a return last changed the stock; sales do not count.
    pub updated_at: Timestamp,
}

impl Stock {
    /// The tag of this version.
    pub fn tag(&self) -> ETag {
        ETag { document: self.document, version: self.version }
    }

    /// Whether the number on hand can change by `delta`.
    pub fn has_room_for(&self, delta: i64) -> bool {
        if delta < 0 { self.backorder || self.available >= -delta } else { self.on_hand <= MAX_ON_HAND - delta }
    }
}

/// The number that identifies a stock in tags when its document has none.
pub fn unnamed(sku: &Sku) -> u64 {
    number(Uuid::new_v5(&Uuid::NAMESPACE_OID, sku.as_str().as_bytes()))
}

/// The availability of a SKU, as the catalogue shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Availability {
    /// At least one unit is available.
    InStock,
    /// No unit is available.
    OutOfStock,
    /// The SKU takes backorders, so it can be ordered whatever is available.
    Backorder,
}

impl Availability {
    /// The availability that follows from a stock.
    pub fn of(stock: &Stock) -> Self {
        match stock {
            Stock { backorder: true, .. } => Self::Backorder,
            Stock { available: 1.., .. } => Self::InStock,
            _ => Self::OutOfStock,
        }
    }

    /// The name that is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The units of a SKU that can still be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AvailableToPromise {
    /// Number of units that can be reserved now.
    pub count: i64,
    /// Number of units that attempts in flight have taken: they come back if all of these are rolled back.
    pub in_flight: i64,
    /// Whether more can be reserved than are on hand.
    pub backorder: bool,
}

impl AvailableToPromise {
    /// Whether `quantity` units can be reserved now, or could be once attempts in flight are rolled back.
    pub fn may_cover(self, quantity: u32) -> bool {
        self.backorder || self.count + self.in_flight >= i64::from(quantity)
    }

    /// Whether `quantity` units can be reserved now.
    pub fn covers(self, quantity: u32) -> bool {
        self.backorder || self.count >= i64::from(quantity)
    }
}

/// How a SKU is sold; a JSON Merge Patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default, ToSchema)]
#[schema(example = json!({"backorder": true, "low_stock_at": 5}))]
pub struct StockPatch {
    /// Whether orders can reserve more units than are on hand.
    #[schema(nullable = false)]
    pub backorder: Option<bool>,
    /// Staff get a low-stock alert when this many units or fewer are available; `null` for no alert.
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

/// The number of units that staff counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"on_hand": 25}))]
pub struct SetStock {
    /// Number of units on the shelf, reserved ones included.
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
    /// Id that all movements of one step of a reservation share, one for each of its SKUs.
    pub id: MovementId,
    /// The order.
    pub order_id: OrderId,
    /// What the movement does.
    pub kind: MovementKind,
    /// Number of units.
    pub quantity: u32,
    /// When it was recorded.
    pub at: Timestamp,
}

/// What a movement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MovementKind {
    /// Reserves units for an order. They stop being available when the movement is recorded.
    Hold,
    /// The units leave the shelf, because the order is paid.
    Commit,
    /// The units become available again, because the order is cancelled.
    Release,
}

/// Whether the reservation's document applies a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The reservation is not decided yet.
    Pending,
    /// The movement takes effect.
    Applied,
    /// Another movement took its place; this one never takes effect.
    Discarded,
}

/// What is added to the numbers of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StockChange {
    /// To the units on the shelf.
    pub on_hand: i64,
    /// To the units that can be reserved.
    pub available: i64,
}

impl StockChange {
    /// Whether it changes no number.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl MovementKind {
    /// The name that is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The change that recording a movement makes.
    pub fn when_recorded(self, quantity: u32) -> StockChange {
        match self {
            Self::Hold => StockChange { available: -i64::from(quantity), ..StockChange::default() },
            Self::Commit | Self::Release => StockChange::default(),
        }
    }

    /// The change that settling a movement makes. A pending one is not settled.
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
    fn a_hold_that_is_applied_reserves_and_one_that_is_discarded_changes_nothing() {
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
    fn of_a_commit_and_a_release_only_the_one_that_is_applied_has_an_effect() {
        let (hold, commit, release) = (MovementKind::Hold, MovementKind::Commit, MovementKind::Release);
        assert_eq!(total(&[(hold, true), (commit, true), (release, false)]), (-3, -3));
        assert_eq!(total(&[(hold, true), (commit, false), (release, true)]), (0, 0));
    }
}
