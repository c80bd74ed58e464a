//! The data of low-stock alerts.

use common::{
    input::{Fields, FromFields},
    sku::Sku,
};
use utoipa::ToSchema;

use super::order::Line;

/// The most that can be on hand of one SKU.
const MAX: i64 = 1_000_000;

/// The data of `low_stock`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct StockData {
    /// The stock of a SKU.
    pub stock: Stock,
}

impl FromFields for StockData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.object("stock").map(|stock| Self { stock })
    }
}

/// The stock of a SKU that is low.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotifiedStock, example = json!({
    "sku": "TEE-ORG-NAVY-M", "title": "Organic cotton tee", "available": 3, "low_stock_at": 5
}))]
pub struct Stock {
    /// The SKU.
    pub sku: Sku,
    /// Title of the product.
    #[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    pub title: Line<200>,
    /// Units that can still be sold; negative where more were ordered than are on hand.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub available: i64,
    /// The threshold at which staff are alerted.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub low_stock_at: i64,
}

impl FromFields for Stock {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let title = fields.text("title");
        let available = fields.integer("available", -MAX..=MAX);
        let low_stock_at = fields.integer("low_stock_at", 0..=MAX);
        Some(Self { sku: sku?, title: title?, available: available?, low_stock_at: low_stock_at? })
    }
}
