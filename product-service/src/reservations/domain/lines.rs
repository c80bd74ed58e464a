//! The lines of a reservation: as an order asks for them, and with the prices of the catalogue.

use std::collections::BTreeMap;

use common::{
    input::{Fields, FromFields},
    money::{Currency, Money},
    sku::Sku,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    basket::{LineItem, MAX_LINES, basket},
    ids::ProductId,
    products::domain::{Product, TaxClass},
};

/// The lines to reserve for an order.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"currency": "USD", "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]}))]
pub struct ReservationRequest {
    /// Currency of the prices.
    pub currency: Currency,
    /// The lines; quantities of the same SKU are added up.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<LineItem>,
}

impl FromFields for ReservationRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let currency = fields.text("currency");
        let lines = fields.objects::<LineItem>("lines", MAX_LINES)?;
        if lines.is_empty() {
            return fields.refuse("lines", "too_few", "must have at least one line");
        }
        Some(Self { currency: currency?, lines })
    }
}

impl ReservationRequest {
    /// The basket of the request: one line for each SKU, sorted by SKU. That order matters: of two orders that want the last
    /// units of the same SKUs, both ask for them in the same order, so one of them gets them all.
    pub fn basket(&self) -> Basket {
        Basket { currency: self.currency, lines: basket(&self.lines) }
    }

    /// Index of the first line of a SKU in the request.
    pub fn position(&self, sku: &Sku) -> usize {
        self.lines.iter().position(|line| line.sku == *sku).unwrap_or_default()
    }
}

/// The lines that an order asks for, and the currency of their prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// Currency of the prices.
    pub currency: Currency,
    /// One line for each SKU, sorted by SKU.
    pub lines: Vec<LineItem>,
}

/// A line with title, options, price and tax class as they were when it was reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PricedLine {
    /// SKU of the ordered variant.
    pub sku: Sku,
    /// Number of units.
    pub quantity: u32,
    /// The product that the SKU is a variant of.
    pub product_id: ProductId,
    /// The product's title.
    pub title: String,
    /// The variant's options.
    pub options: BTreeMap<String, String>,
    /// Price of one unit; guaranteed to this order, whatever the catalogue says later.
    pub unit_price: Money,
    /// Tax class of the variant; fixed for this order, like the price.
    pub tax_class: TaxClass,
}

/// Why a line has no price: its SKU, a code and a message.
pub type Unpriced = (Sku, &'static str, String);

/// Prices a basket from the products that it names.
pub fn price(basket: &Basket, products: &[Product]) -> Result<Vec<PricedLine>, Vec<Unpriced>> {
    let currency = basket.currency;
    let (mut priced, mut unpriced) = (Vec::with_capacity(basket.lines.len()), Vec::new());
    for LineItem { sku, quantity } in &basket.lines {
        let of =
            |product: &Product| product.variants.iter().find(|v| v.sku == *sku).map(|v| (product.clone(), v.clone()));
        let Some((product, variant)) = products.iter().filter(|product| product.is_on_sale()).find_map(of) else {
            unpriced.push((sku.clone(), "unknown_sku", "is not on sale".into()));
            continue;
        };
        let Some(unit_price) = variant.price_in(currency) else {
            unpriced.push((sku.clone(), "not_sold_in_currency", format!("is not sold in {currency}")));
            continue;
        };
        let (sku, quantity, product_id, title) = (sku.clone(), *quantity, product.id, product.title);
        let (options, tax_class) = (variant.options, variant.tax_class);
        priced.push(PricedLine { sku, quantity, product_id, title, options, unit_price, tax_class });
    }
    if unpriced.is_empty() { Ok(priced) } else { Err(unpriced) }
}
