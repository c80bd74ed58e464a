//! Requests of quotes, and quotes.

use common::{
    input::{Fields, FromFields},
    money::Currency,
    sku::Sku,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    basket::{LineItem, MAX_LINES},
    pointers::Pointers,
    pricing::{Pricing, QuotedItem},
    shipping::ShippingMethod,
    shop_settings::{NotSold, ShopSettings},
};

/// Request of a quote.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"currency": "USD", "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}],
    "shipping_method": "standard"}))]
pub struct QuoteRequest {
    /// Currency of the prices (ISO 4217).
    pub currency: Currency,
    /// Line items to price, 1 to 100. Without this member the caller's cart is priced.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Option<Vec<LineItem>>,
    /// Shipping method.
    pub shipping_method: ShippingMethod,
}

impl FromFields for QuoteRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let currency = fields.text("currency");
        let lines = fields.optional_objects::<LineItem>("lines", MAX_LINES);
        let shipping_method = fields.text("shipping_method");
        let lines = lines?;
        if lines.as_ref().is_some_and(Vec::is_empty) {
            return fields.refuse("lines", "too_few", "must have at least one line");
        }
        Some(Self { currency: currency?, lines, shipping_method: shipping_method? })
    }
}

/// Prices of a basket at this moment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "cart_version": 3,
    "lines": [{
        "sku": "TEE-ORG-NAVY-M", "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "title": "Organic cotton tee",
        "options": {"Size": "M"}, "quantity": 2, "unit_price": {"amount": 1999, "currency": "USD"},
        "tax_class": "standard", "subtotal": {"amount": 3998, "currency": "USD"}, "tax": {"amount": 330, "currency": "USD"},
        "total": {"amount": 4328, "currency": "USD"}
    }],
    "shipping": {"method": "standard", "price": {"amount": 499, "currency": "USD"}, "tax": {"amount": 41, "currency": "USD"}},
    "subtotal": {"amount": 3998, "currency": "USD"}, "tax": {"amount": 371, "currency": "USD"},
    "total": {"amount": 4868, "currency": "USD"}, "short": [{"sku": "TEE-ORG-NAVY-M", "available": 1}]
}))]
pub struct Quote {
    /// Version of the cart that was priced; `null` when the request had `lines`.
    #[schema(required)]
    cart_version: Option<i64>,
    /// Prices of the basket.
    #[serde(flatten)]
    pricing: Pricing,
    /// Lines that exceed the available units at this moment.
    short: Vec<Short>,
}

/// A SKU with fewer available units than the quantity.
#[derive(Debug, Serialize, ToSchema)]
struct Short {
    /// SKU of the variant.
    sku: Sku,
    /// Number of units that can be reserved.
    #[schema(example = 1)]
    available: i64,
}

impl Quote {
    /// The quote of lines that product-service priced.
    pub fn new(
        quoted: Vec<QuotedItem>,
        cart_version: Option<i64>,
        request: &QuoteRequest,
        settings: &ShopSettings,
    ) -> Result<Self, NotSold> {
        let is_short = |quoted: &&QuotedItem| quoted.available < i64::from(quoted.item.quantity);
        let short = quoted.iter().filter(is_short);
        let short = short.map(|quoted| Short { sku: quoted.item.sku.clone(), available: quoted.available }).collect();
        let items = quoted.into_iter().map(|quoted| quoted.item).collect();
        let pointers = Pointers::of_quote(request.lines.as_deref());
        Ok(Self {
            cart_version,
            pricing: settings.price(items, request.shipping_method, request.currency, pointers)?,
            short,
        })
    }
}
