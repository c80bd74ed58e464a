//! Lines that are reserved, quoted and returned: a SKU and a quantity each; and how many a request may have. This file may use
//! `common` only.

use std::collections::BTreeMap;

use common::{
    input::{Fields, FromFields},
    sku::Sku,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most lines a reservation may have.
pub const MAX_LINES: usize = 100;
/// Most units of one line.
pub const MAX_QUANTITY: i64 = 999;

/// A number of units of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = Line)]
pub struct LineItem {
    /// SKU of the ordered variant.
    pub sku: Sku,
    /// Number of units.
    #[schema(minimum = 1, maximum = 999, example = 2)]
    pub quantity: u32,
}

impl FromFields for LineItem {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let quantity = fields.integer("quantity", 1..=MAX_QUANTITY);
        Some(Self { sku: sku?, quantity: u32::try_from(quantity?).ok()? })
    }
}

/// Adds up lines of the same SKU: one line for each SKU, sorted by SKU.
pub fn basket(lines: &[LineItem]) -> Vec<LineItem> {
    let mut sums = BTreeMap::<&Sku, u32>::new();
    for line in lines {
        *sums.entry(&line.sku).or_default() += line.quantity;
    }
    sums.into_iter().map(|(sku, quantity)| LineItem { sku: sku.clone(), quantity }).collect()
}
