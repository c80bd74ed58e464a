//! Lines that are quoted, ordered and kept in carts, and how many a request may have. Pure; imports no room.

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

/// So many of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"sku": "TEE-ORG-NAVY-M", "quantity": 2}))]
pub struct BasketLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u32,
}

impl FromFields for BasketLine {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        Some(Self { sku: sku?, quantity: u32::try_from(quantity?).ok()? })
    }
}

/// A cart.
#[derive(Debug, Clone, Deserialize)]
pub struct Cart {
    /// Counts changes; 0 before the first.
    pub version: i64,
    /// What is in it.
    pub items: Vec<BasketLine>,
}
