//! Carts. A cart holds SKUs and quantities only: prices and titles are read from the catalogue when they are shown.

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

/// The owner of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A shopper with an account.
    User(Uuid),
    /// A shopper without an account.
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

    /// The id of the cart.
    pub fn id(self) -> OwnerId {
        match self {
            Self::User(id) | Self::Guest(id) => id.into(),
        }
    }
}

/// An item in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CartItem {
    /// SKU of the variant.
    pub sku: Sku,
    /// Units of the SKU.
    #[schema(minimum = 1, maximum = 999, example = 2)]
    pub quantity: u32,
}

/// The cart of a shopper. A shopper without items has an empty cart at version 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "owner_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "version": 3,
    "items": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}], "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Cart {
    /// Id of the user or guest that it belongs to.
    pub owner_id: OwnerId,
    /// Version of the cart; grows by one with every change.
    #[schema(minimum = 0)]
    pub version: i64,
    /// Items, one for each SKU, sorted by SKU; at most 100.
    pub items: Vec<CartItem>,
    /// When the cart was last changed; `null` at version 0.
    #[schema(required)]
    pub updated_at: Option<Timestamp>,
}

impl Cart {
    /// The cart of a shopper who has added nothing yet.
    pub fn empty(owner_id: OwnerId) -> Self {
        Self { owner_id, version: 0, items: Vec::new(), updated_at: None }
    }
}

/// Cart items from SKUs and quantities.
pub fn items(quantities: BTreeMap<Sku, u32>) -> Vec<CartItem> {
    quantities.into_iter().map(|(sku, quantity)| CartItem { sku, quantity }).collect()
}

/// The new quantity of a SKU in a cart.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(example = json!({"quantity": 2}))]
pub struct SetQuantity {
    /// Units of the SKU in all; replaces the quantity in the cart.
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

/// Id of an order of transaction-service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = Uuid, examples("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"))]
pub struct OrderId(pub Uuid);

impl FromStr for OrderId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(|id: Id<Self>| Self(id.uuid()))
    }
}

/// A line of an order.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = OrderedLine)]
pub struct LineItem {
    /// SKU of the ordered variant.
    pub sku: Sku,
    /// Ordered units of the SKU.
    #[schema(minimum = 1, maximum = 999, example = 2)]
    pub quantity: u32,
}

impl FromFields for LineItem {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = quantity(fields);
        Some(Self { sku: sku?, quantity: quantity? })
    }
}

/// The command to remove the items of an order from a cart.
#[derive(Debug, Clone, ToSchema)]
#[schema(as = Ordered, example = json!({
    "order_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]
}))]
pub struct ClearCart {
    /// Id of the order; the cart is cleared once for each.
    pub order_id: OrderId,
    /// Ordered lines; quantities of a repeated SKU are added up.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<LineItem>,
}

impl ClearCart {
    /// The ordered quantity of each SKU.
    pub fn quantities(&self) -> BTreeMap<&Sku, u32> {
        let mut sums = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(&line.sku).or_default() += line.quantity;
        }
        sums
    }
}

impl FromFields for ClearCart {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let order_id = fields.text("order_id");
        let lines = fields.objects::<LineItem>("lines", MAX_ITEMS)?;
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
        let command = Fields::read::<ClearCart>(body).unwrap();
        let sums: Vec<_> = command.quantities().into_iter().map(|(sku, sum)| (sku.as_str(), sum)).collect();
        assert_eq!(sums, [("A", 2), ("B", 1_000)]);
    }

    #[test]
    fn every_bad_field_of_what_was_ordered_is_named_at_once() {
        let refused = |body| {
            let errors = Fields::read::<ClearCart>(body).unwrap_err();
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
