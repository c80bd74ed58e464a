//! Line items of quotes, orders and carts, and how many a request may have. Pure; imports no room.

use common::{
    input::{Fields, FromFields},
    sku::Sku,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most lines a basket may have.
pub const MAX_LINES: usize = 100;
/// Most units of one line.
pub const MAX_QUANTITY: i64 = 999;

/// A number of units of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BasketLine, example = json!({"sku": "TEE-ORG-NAVY-M", "quantity": 2}))]
pub struct LineItem {
    /// SKU of the variant.
    pub sku: Sku,
    /// Number of units.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u32,
}

impl FromFields for LineItem {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        Some(Self { sku: sku?, quantity: u32::try_from(quantity?).ok()? })
    }
}

/// A cart, as user-service answers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Cart {
    /// Number of changes so far; 0 before the first.
    pub version: i64,
    /// The line items in the cart.
    pub items: Vec<LineItem>,
}
