//! Changes of the number on hand other than by a sale: deliveries, damage, stocktakes, returns.
//!
//! An adjustment takes effect once, however often it is asked for and wherever a crash falls. It is first recorded on the SKU
//! by an *attempt* with an id of its own, then its document in the audit log is inserted, which decides that this attempt is
//! applied, and then it is settled, which removes it from the SKU. Of two requests with one id, the second one's attempt is
//! discarded. A sweep that finds an adjustment recorded and not decided finishes it: the record has all that this needs.

use std::str::FromStr;

use common::{
    id::Id,
    idempotency::IdempotencyKey,
    input::{Fields, FromFields, Refusal, line},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use uuid::Uuid;

use crate::{
    basket::{LineItem, MAX_LINES, basket},
    inventory::domain::{MAX_ON_HAND, StockChange},
};

/// The longest note, in characters.
const MAX_NOTE: usize = 500;
/// The namespace from which ids of adjustments are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x0193_8f6e_71b0_7c1e_8a55_4c6f_2d9b_1e07);

/// The id of an adjustment.
pub type AdjustmentId = Id<Adjustment>;

/// Marks the id of an attempt.
#[derive(Debug)]
pub enum AttemptMarker {}
/// The id of one attempt at an adjustment.
pub type AttemptId = Id<AttemptMarker>;

/// Marks the id of a return.
#[derive(Debug)]
pub enum ReturnMarker {}
/// The id of a return. This service keeps no returns but their ids and lines.
pub type ReturnId = Id<ReturnMarker>;

/// The reason of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = AdjustmentReason)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// A delivery arrived.
    Received,
    /// Sold units were returned.
    Returned,
    /// Units were found that the stock did not include.
    Found,
    /// Units are damaged and cannot be sold.
    Damaged,
    /// Units are missing.
    Lost,
    /// A mistake was corrected.
    Correction,
    /// A stocktake set the number on hand.
    Counted,
}

impl Reason {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a change by `delta` can have this reason.
    fn goes_with(self, delta: i64) -> bool {
        match self {
            Self::Received | Self::Returned | Self::Found => delta > 0,
            Self::Damaged | Self::Lost => delta < 0,
            Self::Correction | Self::Counted => true,
        }
    }
}

/// The reasons that staff may give; `counted` is that of setting the number on hand.
const STAFF_REASONS: [Reason; 6] =
    [Reason::Received, Reason::Returned, Reason::Found, Reason::Damaged, Reason::Lost, Reason::Correction];

fn staff_reason_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(STAFF_REASONS.map(Reason::as_str)))
        .description(Some(
            "The reason. `received`, `returned` and `found` need a positive `delta`, `damaged` and `lost` a negative one, \
             `correction` either.",
        ))
        .build()
}

impl FromStr for Reason {
    type Err = Refusal;

    /// A reason that staff may give.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = STAFF_REASONS.into_iter().find(|reason| reason.as_str() == text);
        let names = || STAFF_REASONS.map(Reason::as_str).join(", ");
        known.ok_or_else(|| Refusal::new("unknown_reason", format!("must be one of {}", names())))
    }
}

/// An adjustment to make.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"delta": 24, "reason": "received", "note": "Delivery 4711"}))]
pub struct NewAdjustment {
    /// Change of the number on hand, negative for fewer; not 0.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub delta: i64,
    /// The reason.
    #[schema(schema_with = staff_reason_schema)]
    pub reason: Reason,
    /// A note of the person who adjusted.
    #[schema(required = false, max_length = 500, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub note: Option<String>,
}

impl FromFields for NewAdjustment {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let delta = fields.integer("delta", -MAX_ON_HAND..=MAX_ON_HAND);
        let reason = fields.text::<Reason>("reason");
        let note = fields.optional_text::<Note>("note");
        let (delta, reason) = (delta?, reason?);
        if delta == 0 {
            return fields.refuse("delta", "zero", "must not be 0");
        }
        if !reason.goes_with(delta) {
            let sign = if delta > 0 { "below" } else { "above" };
            return fields.refuse("delta", "contradiction", format!("must be {sign} 0 for this reason"));
        }
        Some(Self { delta, reason, note: note?.map(|note| note.0) })
    }
}

struct Note(String);

impl FromStr for Note {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=MAX_NOTE).map(Self)
    }
}

/// An entry of the audit log of stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-5d3a-9c41-5f0e8a1b2c3d", "sku": "TEE-ORG-NAVY-M", "delta": 24, "reason": "received",
    "note": "Delivery 4711", "by": "user:01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Adjustment {
    /// Id of the adjustment.
    #[schema(value_type = String, format = Uuid)]
    pub id: AdjustmentId,
    /// SKU of the variant.
    pub sku: Sku,
    /// Change of the number on hand, negative for fewer.
    pub delta: i64,
    /// The reason.
    pub reason: Reason,
    /// A note of the person who adjusted.
    #[schema(required)]
    pub note: Option<String>,
    /// The caller who made it: `sub` of the access token.
    pub by: String,
    /// When it was made.
    pub at: Timestamp,
}

impl Adjustment {
    /// The adjustment of a request: the same key of the same caller is the same adjustment.
    pub fn new(new: NewAdjustment, sku: Sku, by: String, key: &IdempotencyKey, now: Timestamp) -> Self {
        let id = Uuid::new_v5(&NAMESPACE, format!("{by}\n{key}").as_bytes()).into();
        Self { id, sku, delta: new.delta, reason: new.reason, note: new.note, by, at: now }
    }

    /// The adjustment of a stocktake; the write that records it computes `delta`.
    pub fn stocktake(sku: Sku, by: String, now: Timestamp) -> Self {
        Self { id: Id::new(now), sku, delta: 0, reason: Reason::Counted, note: None, by, at: now }
    }

    /// The adjustment of one line of a return.
    pub fn returned(id: ReturnId, line: &LineItem, by: String, now: Timestamp) -> Self {
        let sku = line.sku.clone();
        let id = Uuid::new_v5(&id.uuid(), sku.as_str().as_bytes()).into();
        Self { id, sku, delta: i64::from(line.quantity), reason: Reason::Returned, note: None, by, at: now }
    }

    /// Whether both ask for the same change; caller and time may differ.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { id, sku, delta, reason, note, .. } = self;
        (id, sku, delta, reason, note) == (&other.id, &other.sku, &other.delta, &other.reason, &other.note)
    }

    /// The change that recording it makes. Removed units stop being available at once, so that no order reserves them. A
    /// stocktake takes effect by the write that records it.
    pub fn when_recorded(&self) -> StockChange {
        match self.reason {
            Reason::Counted => StockChange::default(),
            _ => StockChange { available: self.delta.min(0), ..StockChange::default() },
        }
    }

    /// The change that settling it makes.
    pub fn when_settled(&self, is_applied: bool) -> StockChange {
        match self.reason {
            Reason::Counted => StockChange::default(),
            _ if is_applied => StockChange { on_hand: self.delta, available: self.delta.max(0) },
            _ => StockChange { available: -self.delta.min(0), ..StockChange::default() },
        }
    }
}

/// The lines of a return.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 1}]}))]
pub struct RestockRequest {
    /// The lines to restock; quantities of the same SKU are added up.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<LineItem>,
}

impl FromFields for RestockRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let lines = fields.objects::<LineItem>("lines", MAX_LINES)?;
        if lines.is_empty() {
            return fields.refuse("lines", "too_few", "must have at least one line");
        }
        Some(Self { lines: basket(&lines) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn adjustment(delta: i64, reason: Reason) -> Adjustment {
        let (id, at) = (Uuid::from_u128(1).into(), Timestamp::EPOCH);
        Adjustment { id, sku: "A".parse().unwrap(), delta, reason, note: None, by: String::new(), at }
    }

    fn total(adjustment: &Adjustment, is_applied: bool) -> (i64, i64) {
        let (first, second) = (adjustment.when_recorded(), adjustment.when_settled(is_applied));
        (first.on_hand + second.on_hand, first.available + second.available)
    }

    #[test]
    fn what_is_applied_changes_both_numbers_once_and_what_is_discarded_neither() {
        for delta in [5, -5] {
            let adjustment = adjustment(delta, Reason::Correction);
            assert_eq!(total(&adjustment, true), (delta, delta));
            assert_eq!(total(&adjustment, false), (0, 0));
        }
        assert_eq!(total(&adjustment(5, Reason::Counted), true), (0, 0), "the write that recorded it did it");
    }

    #[test]
    fn removed_units_stop_being_available_at_once_and_added_units_become_so_at_the_end() {
        assert_eq!(adjustment(-5, Reason::Lost).when_recorded().available, -5);
        assert_eq!(adjustment(5, Reason::Received).when_recorded(), StockChange::default());
    }

    #[test]
    fn a_reason_that_contradicts_the_number_is_refused() {
        let read = |delta: i64, reason: &str| {
            Fields::read::<NewAdjustment>(json!({"delta": delta, "reason": reason}))
                .map_err(|errors| errors[0].code.clone())
        };
        for (delta, reason) in
            [(1, "received"), (1, "found"), (1, "returned"), (-1, "lost"), (-1, "damaged"), (-1, "correction")]
        {
            assert!(read(delta, reason).is_ok(), "{delta} {reason}");
        }
        for (delta, reason) in [(-1, "received"), (-1, "found"), (-1, "returned"), (1, "lost"), (1, "damaged")] {
            assert_eq!(read(delta, reason).unwrap_err(), "contradiction", "{delta} {reason}");
        }
        assert_eq!(read(0, "correction").unwrap_err(), "zero");
        assert_eq!(read(1, "counted").unwrap_err(), "unknown_reason");
    }
}
