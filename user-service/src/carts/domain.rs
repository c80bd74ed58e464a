//! What a cart is. It holds SKUs and quantities only: prices and titles come from the catalogue when somebody looks.

use std::{collections::BTreeMap, str::FromStr};

use common::{
    auth::Subject,
    id::Id,
    input::{Fields, FromFields, Refusal},
    sku::Sku,
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most units of one SKU in a cart, as in an order; a constraint of the table has the same.
pub const MAX_QUANTITY: i64 = 999;
/// Most items a cart may have, as lines in an order; a constraint of the table has the same.
pub const MAX_ITEMS: usize = 100;

/// Marks the id of a cart's owner.
#[derive(Debug)]
pub enum OwnerMarker {}
/// The id of a cart's owner: a user's or a guest's, as in the subject of their tokens.
pub type OwnerId = Id<OwnerMarker>;

/// Whose cart it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Somebody with an account.
    User(Uuid),
    /// Somebody without one.
    Guest(Uuid),
}

impl Owner {
    /// The owner that a token speaks for; a service has no cart.
    pub fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::User(id) => Some(Self::User(*id)),
            Subject::Guest(id) => Some(Self::Guest(*id)),
            Subject::Service(_) => None,
        }
    }

    /// What names their cart.
    pub fn id(self) -> OwnerId {
        match self {
            Self::User(id) | Self::Guest(id) => id.into(),
        }
    }
}

/// So many of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CartItem {
    /// Of what.
    pub sku: Sku,
    /// How many.
    #[schema(minimum = 1, maximum = 999, example = 2)]
    pub quantity: u32,
}

/// What a shopper means to buy. Whoever has put in nothing yet has an empty cart at version 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "owner_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "version": 3,
    "items": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}], "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Cart {
    /// The user or guest it belongs to.
    pub owner_id: OwnerId,
    /// Grows by one with every change.
    #[schema(minimum = 0)]
    pub version: i64,
    /// One for each SKU, sorted by SKU; at most 100.
    pub items: Vec<CartItem>,
    /// When it was last changed; `null` at version 0.
    #[schema(required)]
    pub updated_at: Option<Timestamp>,
}

impl Cart {
    /// The cart of somebody who has put in nothing yet.
    pub fn empty(owner_id: OwnerId) -> Self {
        Self { owner_id, version: 0, items: Vec::new(), updated_at: None }
    }
}

/// Items from SKUs and quantities.
pub fn items(quantities: BTreeMap<Sku, u32>) -> Vec<CartItem> {
    quantities.into_iter().map(|(sku, quantity)| CartItem { sku, quantity }).collect()
}

/// How many of a SKU a cart is to hold.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(example = json!({"quantity": 2}))]
pub struct SetQuantity {
    /// In all, not in addition to what is there.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u32,
}

impl FromFields for SetQuantity {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { quantity: quantity(fields)? })
    }
}

fn quantity(fields: &mut Fields<'_>) -> Option<u32> {
    u32::try_from(fields.integer("quantity", 1..=MAX_QUANTITY)?).ok()
}

/// An order, which transaction-service keeps; here it only names a clearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Uuid, examples("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"))]
pub struct OrderId(pub Uuid);

impl FromStr for OrderId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(|id: Id<Self>| Self(id.uuid()))
    }
}

/// So many of one SKU, ordered.
#[derive(Debug, Clone, ToSchema)]
pub struct OrderedLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    #[schema(minimum = 1, maximum = 999, example = 2)]
    pub quantity: u32,
}

impl FromFields for OrderedLine {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = quantity(fields);
        Some(Self { sku: sku?, quantity: quantity? })
    }
}

/// What was ordered, to be taken out of a cart.
#[derive(Debug, Clone, ToSchema)]
#[schema(example = json!({
    "order_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]
}))]
pub struct Ordered {
    /// Names the clearing: it happens once.
    pub order_id: OrderId,
    /// What was ordered; a SKU that is named twice is summed.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<OrderedLine>,
}

impl Ordered {
    /// How many of each SKU.
    pub fn quantities(&self) -> BTreeMap<&Sku, u32> {
        let mut sums = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(&line.sku).or_default() += line.quantity;
        }
        sums
    }
}

impl FromFields for Ordered {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order_id = fields.text("order_id");
        let lines = fields.objects::<OrderedLine>("lines", MAX_ITEMS)?;
        if lines.is_empty() {
            return fields.refuse("lines", "too_few", "must have at least one line");
        }
        Some(Self { order_id: order_id?, lines })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn users_and_guests_have_carts_and_services_have_none() {
        let id = Uuid::from_u128(7);
        assert_eq!(Owner::of(&Subject::User(id)), Some(Owner::User(id)));
        assert_eq!(Owner::of(&Subject::Guest(id)).map(Owner::id), Some(id.into()));
        assert_eq!(Owner::of(&Subject::Service("transaction-service".into())), None);
    }

    #[test]
    fn a_sku_that_was_ordered_on_two_lines_is_summed() {
        let line = |sku: &str, quantity: u32| json!({"sku": sku, "quantity": quantity});
        let body = json!({"order_id": Uuid::from_u128(7), "lines": [line("B", 1), line("A", 2), line("B", 999)]});
        let ordered = Fields::read::<Ordered>(body).unwrap();
        let sums: Vec<_> = ordered.quantities().into_iter().map(|(sku, sum)| (sku.as_str(), sum)).collect();
        assert_eq!(sums, [("A", 2), ("B", 1_000)]);
    }

    #[test]
    fn every_bad_field_of_what_was_ordered_is_named_at_once() {
        let refused = |body| {
            let errors = Fields::read::<Ordered>(body).unwrap_err();
            errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>()
        };
        let body = json!({"order_id": "7", "lines": [{"sku": "a", "quantity": 0}]});
        assert_eq!(
            refused(body),
            ["/order_id invalid_id", "/lines/0/sku invalid_sku", "/lines/0/quantity out_of_range"]
        );
        assert_eq!(refused(json!({"order_id": Uuid::from_u128(7), "lines": []})), ["/lines too_few"]);
    }
}
