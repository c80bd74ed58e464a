//! Why the number on hand changed other than by a sale: deliveries, breakage, counts, returns.
//!
//! An adjustment takes effect once, however often it is asked for and wherever a crash falls. It is first recorded on the
//! SKU under a *claim* of its own, then its document in the trail is inserted, which decides that this claim counts, and
//! then it is settled, which takes it off the SKU again. Of two requests with one id the second one's claim is void. Who
//! finds one that is recorded and not decided finishes it: everything that it is stands in the record.

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
    basket::{Line, MAX_LINES, basket},
    inventory::domain::{Change, MAX_ON_HAND},
};

/// The longest note, in characters.
const MAX_NOTE: usize = 500;
/// Under which ids of adjustments are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x0193_8f6e_71b0_7c1e_8a55_4c6f_2d9b_1e07);

/// The id of an adjustment.
pub type AdjustmentId = Id<Adjustment>;

/// Marks the id of an attempt at an adjustment.
#[derive(Debug)]
pub enum ClaimMarker {}
/// One attempt at an adjustment.
pub type ClaimId = Id<ClaimMarker>;

/// Marks the id of a return.
#[derive(Debug)]
pub enum ReturnMarker {}
/// The id of a return, which another program keeps; here it is only a name.
pub type ReturnId = Id<ReturnMarker>;

/// Why a number changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = AdjustmentReason)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// A delivery came in.
    Received,
    /// Sold units came back.
    Returned,
    /// More are there than was known.
    Found,
    /// Cannot be sold any more.
    Damaged,
    /// Fewer are there than was known.
    Lost,
    /// A mistake is put right.
    Correction,
    /// Somebody counted, and said how many there are.
    Counted,
}

impl Reason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a change by so many can have this reason.
    fn goes_with(self, delta: i64) -> bool {
        match self {
            Self::Received | Self::Returned | Self::Found => delta > 0,
            Self::Damaged | Self::Lost => delta < 0,
            Self::Correction | Self::Counted => true,
        }
    }
}

/// Those that somebody may give: who has counted says how many there are, and not how many more.
const GIVEN: [Reason; 6] =
    [Reason::Received, Reason::Returned, Reason::Found, Reason::Damaged, Reason::Lost, Reason::Correction];

fn given_reason() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(GIVEN.map(Reason::as_str)))
        .description(Some(
            "Why. `received`, `returned` and `found` go with more, `damaged` and `lost` with fewer, `correction` with \
             either.",
        ))
        .build()
}

impl FromStr for Reason {
    type Err = Refusal;

    /// A reason that somebody may give.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = GIVEN.into_iter().find(|reason| reason.as_str() == text);
        let names = || GIVEN.map(Reason::as_str).join(", ");
        known.ok_or_else(|| Refusal::new("unknown_reason", format!("must be one of {}", names())))
    }
}

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"delta": 24, "reason": "received", "note": "Delivery 4711"}))]
pub struct NewAdjustment {
    /// How many more are on hand, or fewer where it is below zero; not 0.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub delta: i64,
    /// Why. `received`, `returned` and `found` go with more, `damaged` and `lost` with fewer, `correction` with either.
    #[schema(schema_with = given_reason)]
    pub reason: Reason,
    /// What else there is to say.
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

/// A change of the number on hand of a SKU, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-5d3a-9c41-5f0e8a1b2c3d", "sku": "TEE-ORG-NAVY-M", "delta": 24, "reason": "received",
    "note": "Delivery 4711", "by": "user:01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Adjustment {
    /// Names it for ever.
    #[schema(value_type = String, format = Uuid)]
    pub id: AdjustmentId,
    /// Of what.
    pub sku: Sku,
    /// How many more are on hand, or fewer where it is below zero.
    pub delta: i64,
    /// Why.
    pub reason: Reason,
    /// What else there is to say.
    #[schema(required)]
    pub note: Option<String>,
    /// Who did it, as in `sub` of the access token.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Adjustment {
    /// What somebody asks for under a key: the same key of the same caller is the same adjustment.
    pub fn new(new: NewAdjustment, sku: Sku, by: String, key: &IdempotencyKey, now: Timestamp) -> Self {
        let id = Uuid::new_v5(&NAMESPACE, format!("{by}\n{key}").as_bytes()).into();
        Self { id, sku, delta: new.delta, reason: new.reason, note: new.note, by, at: now }
    }

    /// What somebody counted; the store knows by how many that differs from what was there.
    pub fn count(sku: Sku, by: String, now: Timestamp) -> Self {
        Self { id: Id::new(now), sku, delta: 0, reason: Reason::Counted, note: None, by, at: now }
    }

    /// What came back of one SKU with a return.
    pub fn returned(id: ReturnId, line: &Line, by: String, now: Timestamp) -> Self {
        let sku = line.sku.clone();
        let id = Uuid::new_v5(&id.uuid(), sku.as_str().as_bytes()).into();
        Self { id, sku, delta: i64::from(line.quantity), reason: Reason::Returned, note: None, by, at: now }
    }

    /// Whether it asks for the same, whoever asked when.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { id, sku, delta, reason, note, .. } = self;
        (id, sku, delta, reason, note) == (&other.id, &other.sku, &other.delta, &other.reason, &other.note)
    }

    /// What recording it changes. Units that go are taken at once, so that nobody is promised them. A count has its
    /// effect when it is recorded, by the same write.
    pub fn when_recorded(&self) -> Change {
        match self.reason {
            Reason::Counted => Change::default(),
            _ => Change { available: self.delta.min(0), ..Change::default() },
        }
    }

    /// What settling it changes.
    pub fn when_settled(&self, counts: bool) -> Change {
        match self.reason {
            Reason::Counted => Change::default(),
            _ if counts => Change { on_hand: self.delta, available: self.delta.max(0) },
            _ => Change { available: -self.delta.min(0), ..Change::default() },
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 1}]}))]
pub struct RestockRequest {
    /// What is put on the shelf again; a SKU that is named twice is summed.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<Line>,
}

impl FromFields for RestockRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let lines = fields.objects::<Line>("lines", MAX_LINES)?;
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

    fn total(adjustment: &Adjustment, counts: bool) -> (i64, i64) {
        let (first, second) = (adjustment.when_recorded(), adjustment.when_settled(counts));
        (first.on_hand + second.on_hand, first.available + second.available)
    }

    #[test]
    fn what_counts_changes_both_numbers_once_and_what_is_void_neither() {
        for delta in [5, -5] {
            let adjustment = adjustment(delta, Reason::Correction);
            assert_eq!(total(&adjustment, true), (delta, delta));
            assert_eq!(total(&adjustment, false), (0, 0));
        }
        assert_eq!(total(&adjustment(5, Reason::Counted), true), (0, 0), "the write that recorded it did it");
    }

    #[test]
    fn units_that_go_are_promised_to_nobody_from_the_start_and_units_that_come_only_at_the_end() {
        assert_eq!(adjustment(-5, Reason::Lost).when_recorded().available, -5);
        assert_eq!(adjustment(5, Reason::Received).when_recorded(), Change::default());
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
