//! Variants: what is priced, stocked and ordered.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use common::{
    input::{Fields, FromFields, Patch, Refusal},
    money::{Currency, Money},
    sku::Sku,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    limits::MAX_OPTIONS,
    texts,
    words::{Barcode, Line},
};

const MAX_PRICES: usize = 20;
/// One tonne, in grams.
const MAX_WEIGHT: i64 = 1_000_000;

/// One form of a product, such as a size: what is priced, stocked and ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}],
    "compare_at_prices": [{"amount": 2499, "currency": "USD"}], "weight_grams": 180, "barcode": "4006381333931",
    "tax_class": "standard"
}))]
pub struct Variant {
    /// SKU of the variant; unique across the shop.
    pub sku: Sku,
    /// A value for each of the product's options, by name.
    #[schema(schema_with = texts::options)]
    pub options: BTreeMap<String, String>,
    /// Prices, at most one for each currency.
    #[schema(min_items = 1, max_items = 20)]
    pub prices: Vec<Money>,
    /// Former prices, to show struck through; at most one for each currency, each above the price.
    #[schema(required = false, max_items = 20)]
    pub compare_at_prices: Vec<Money>,
    /// Weight of one unit with its packing, in grams.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub weight_grams: Option<i64>,
    /// Barcode: a GTIN with 8, 12, 13 or 14 digits.
    pub barcode: Option<Barcode>,
    /// Tax class; `standard` if left out.
    #[schema(required = false)]
    pub tax_class: TaxClass,
}

impl Variant {
    /// Price of one unit in `currency`, if the variant has one.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        in_currency(&self.prices, currency)
    }

    /// Index of the first former price that is not above the price.
    fn wrong_comparison(&self) -> Option<usize> {
        self.compare_at_prices
            .iter()
            .position(|was| self.price_in(was.currency).is_none_or(|price| was.amount <= price.amount))
    }

    /// The variant with the members of a patch.
    #[must_use]
    pub fn changed(self, patch: VariantPatch) -> Self {
        Self {
            sku: self.sku,
            options: patch.options.unwrap_or(self.options),
            prices: patch.prices.unwrap_or(self.prices),
            compare_at_prices: patch.compare_at_prices.unwrap_or(self.compare_at_prices),
            weight_grams: applied(patch.weight_grams, self.weight_grams),
            barcode: applied(patch.barcode, self.barcode),
            tax_class: patch.tax_class.unwrap_or(self.tax_class),
        }
    }

    /// What contradicts within the variant: JSON Pointer, code and message.
    pub(super) fn contradiction(&self) -> Option<(String, &'static str, &'static str)> {
        let at = self.wrong_comparison()?;
        let message = "must be above the price in the same currency";
        Some((format!("/compare_at_prices/{at}/amount"), "not_above_price", message))
    }
}

/// The value of an optional member after a merge patch.
pub(super) fn applied<T>(patch: Patch<T>, current: Option<T>) -> Option<T> {
    match patch {
        Patch::Keep => current,
        Patch::Remove => None,
        Patch::Set(value) => Some(value),
    }
}

/// Whether any value is repeated.
pub(super) fn has_repeats<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}

fn in_currency(prices: &[Money], currency: Currency) -> Option<Money> {
    prices.iter().copied().find(|price| price.currency == currency)
}

/// Tax class of a variant; transaction-service knows the rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    /// The standard rate.
    #[default]
    Standard,
    /// A reduced rate, as for food and books.
    Reduced,
    /// No tax.
    Zero,
}

impl FromStr for TaxClass {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "standard" => Ok(Self::Standard),
            "reduced" => Ok(Self::Reduced),
            "zero" => Ok(Self::Zero),
            _ => Err(Refusal::new("unknown_tax_class", "must be standard, reduced or zero")),
        }
    }
}

impl FromFields for Variant {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let sku = fields.text("sku");
        let options = fields.text_map::<Line<50>, Line<50>>("options", MAX_OPTIONS);
        let prices = prices_of(fields, "prices", 1);
        let compare = fields.patch("compare_at_prices", |fields| prices_of(fields, "compare_at_prices", 0));
        let weight = fields.optional_integer("weight_grams", 0..=MAX_WEIGHT);
        let barcode = fields.optional_text("barcode");
        let tax_class = fields.optional_text::<TaxClass>("tax_class");
        Some(Self {
            sku: sku?,
            options: words(options?),
            prices: prices?,
            compare_at_prices: applied(compare?, None).unwrap_or_default(),
            weight_grams: weight?,
            barcode: barcode?,
            tax_class: tax_class?.unwrap_or_default(),
        })
    }
}

/// A change of a variant: a JSON Merge Patch (RFC 7396), whose lists are replaced whole. Its SKU stays.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({"prices": [{"amount": 1799, "currency": "USD"}], "barcode": null}))]
pub struct VariantPatch {
    /// All option values.
    #[schema(required = false, schema_with = texts::options)]
    pub options: Option<BTreeMap<String, String>>,
    /// All prices.
    #[schema(nullable = false, min_items = 1, max_items = 20)]
    pub prices: Option<Vec<Money>>,
    /// All former prices; `null` removes them.
    #[schema(max_items = 20)]
    pub compare_at_prices: Option<Vec<Money>>,
    /// Weight of one unit with its packing, in grams; `null` removes it.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000)]
    pub weight_grams: Patch<i64>,
    /// Barcode: a GTIN with 8, 12, 13 or 14 digits; `null` removes it.
    #[schema(value_type = Option<Barcode>)]
    pub barcode: Patch<Barcode>,
    /// Tax class.
    #[schema(nullable = false)]
    pub tax_class: Option<TaxClass>,
}

impl FromFields for VariantPatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let options = fields.replaced("options", |fields| fields.text_map("options", MAX_OPTIONS));
        let prices = fields.replaced("prices", |fields| prices_of(fields, "prices", 1));
        let compare = fields.patch("compare_at_prices", |fields| prices_of(fields, "compare_at_prices", 0));
        let weight = fields.patch("weight_grams", |fields| fields.integer("weight_grams", 0..=MAX_WEIGHT));
        let barcode = fields.patch_text("barcode");
        let tax_class = fields.replaced_text("tax_class");
        Some(Self {
            options: options?.map(words),
            prices: prices?,
            compare_at_prices: match compare? {
                Patch::Keep => None,
                Patch::Remove => Some(Vec::new()),
                Patch::Set(prices) => Some(prices),
            },
            weight_grams: weight?,
            barcode: barcode?,
            tax_class: tax_class?,
        })
    }
}

/// Prices in different currencies, at least `least` of them.
fn prices_of(fields: &mut Fields<'_>, name: &str, least: usize) -> Option<Vec<Money>> {
    let prices = fields.objects::<Money>(name, MAX_PRICES)?;
    let currencies: Vec<String> = prices.iter().map(|price| price.currency.to_string()).collect();
    if prices.len() < least || has_repeats(&currencies) {
        let message = if least > 0 {
            "must have at least one price, and one a currency"
        } else {
            "must have one price a currency"
        };
        return fields.refuse(name, "not_distinct", message);
    }
    Some(prices)
}

fn words(pairs: Vec<(Line<50>, Line<50>)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.0, value.0)).collect()
}
