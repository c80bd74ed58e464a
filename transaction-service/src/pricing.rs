//! What an order costs: lines, shipping, tax, total. Pure; quotes and orders are priced by the same function, so what
//! a shopper is shown and what is charged cannot differ.

use std::collections::BTreeMap;

use common::{
    money::{Currency, Money, MoneyError},
    sku::Sku,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{shipping::ShippingMethod, tax::TaxRate};

/// A line as product-service prices it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Item {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: u32,
    /// The product that the SKU is a variant of.
    pub product_id: Uuid,
    /// The product's title at this moment.
    pub title: String,
    /// The variant's options.
    pub options: BTreeMap<String, String>,
    /// What one costs before tax.
    pub unit_price: Money,
}

/// A line with what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Of what.
    pub sku: Sku,
    /// The product that the SKU is a variant of.
    pub product_id: Uuid,
    /// The product's title when it was priced.
    #[schema(example = "Organic cotton tee")]
    pub title: String,
    /// The variant's options.
    #[schema(example = json!({"Size": "M"}))]
    pub options: BTreeMap<String, String>,
    /// How many.
    #[schema(minimum = 1, example = 2)]
    pub quantity: u32,
    /// What one costs before tax.
    pub unit_price: Money,
    /// All of them before tax.
    pub subtotal: Money,
    /// The tax on them.
    pub tax: Money,
    /// All of them with tax.
    pub total: Money,
}

/// How the order is sent, and what that comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shipping {
    /// How.
    pub method: ShippingMethod,
    /// Before tax.
    pub price: Money,
    /// The tax on it.
    pub tax: Money,
}

/// What a basket comes to. `subtotal + shipping.price + tax = total`, and the lines' totals with the shipping sum to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pricing {
    /// One line a SKU, sorted by SKU.
    pub lines: Vec<Line>,
    /// How it is sent.
    pub shipping: Shipping,
    /// All lines before tax.
    pub subtotal: Money,
    /// The tax on lines and shipping.
    pub tax: Money,
    /// What is charged.
    pub total: Money,
}

/// Prices a basket. Fails where amounts leave the range of [`Money`].
pub fn price(
    items: Vec<Item>,
    (method, shipping_price): (ShippingMethod, Money),
    rate: TaxRate,
) -> Result<Pricing, MoneyError> {
    let lines = items.into_iter().map(|item| line(item, rate)).collect::<Result<Vec<_>, _>>()?;
    let shipping = Shipping { method, price: shipping_price, tax: rate.on(shipping_price)? };
    let nothing = Money { amount: 0, currency: shipping_price.currency };
    let subtotal = lines.iter().try_fold(nothing, |sum, line| sum.checked_add(line.subtotal))?;
    let tax = lines.iter().try_fold(shipping.tax, |sum, line| sum.checked_add(line.tax))?;
    let total = subtotal.checked_add(shipping.price)?.checked_add(tax)?;
    Ok(Pricing { lines, shipping, subtotal, tax, total })
}

fn line(item: Item, rate: TaxRate) -> Result<Line, MoneyError> {
    let Item { sku, quantity, product_id, title, options, unit_price } = item;
    let subtotal = unit_price.checked_mul(quantity)?;
    let tax = rate.on(subtotal)?;
    let total = subtotal.checked_add(tax)?;
    Ok(Line { sku, product_id, title, options, quantity, unit_price, subtotal, tax, total })
}

impl Pricing {
    /// What all amounts are in.
    pub fn currency(&self) -> Currency {
        self.total.currency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, currency: &str) -> Money {
        Money { amount, currency: currency.parse().unwrap() }
    }

    fn item(sku: &str, quantity: u32, unit_price: Money) -> Item {
        let sku = sku.parse().unwrap();
        Item { sku, quantity, product_id: Uuid::nil(), title: "Tee".into(), options: BTreeMap::new(), unit_price }
    }

    fn priced(items: Vec<Item>, shipping: Money, rate: &str) -> Result<Pricing, MoneyError> {
        price(items, (ShippingMethod::Standard, shipping), rate.parse().unwrap())
    }

    #[test]
    fn tax_is_rounded_a_line_and_the_total_is_the_sum() {
        let items = vec![item("A", 3, money(333, "USD")), item("B", 1, money(1999, "USD"))];
        let pricing = priced(items, money(499, "USD"), "8.25").unwrap();
        let taxes: Vec<i64> = pricing.lines.iter().map(|line| line.tax.amount).collect();
        assert_eq!((taxes, pricing.shipping.tax.amount), (vec![82, 165], 41));
        assert_eq!((pricing.subtotal.amount, pricing.tax.amount, pricing.total.amount), (2998, 288, 3785));
    }

    #[test]
    fn currencies_without_and_with_three_decimals_are_priced_alike() {
        let yen = priced(vec![item("A", 2, money(980, "JPY"))], money(800, "JPY"), "10").unwrap();
        assert_eq!(yen.total, money(3036, "JPY"));
        let dinar = priced(vec![item("A", 1, money(1250, "KWD"))], money(0, "KWD"), "5").unwrap();
        assert_eq!(dinar.total, money(1312, "KWD"), "62.5 fils go to the even 62");
    }

    #[test]
    fn whatever_the_basket_the_parts_sum_to_the_total() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let count = random.u32(1..20);
            let items = (0..count)
                .map(|n| item(&format!("S{n}"), random.u32(1..1_000), money(random.i64(0..1_000_000), "EUR")));
            let items = items.collect::<Vec<_>>();
            let rate = format!("{}.{:04}", random.u32(0..100), random.u32(0..10_000));
            let pricing = priced(items, money(random.i64(0..5_000), "EUR"), &rate).unwrap();
            let lines: i64 = pricing.lines.iter().map(|line| line.total.amount).sum();
            assert_eq!(lines + pricing.shipping.price.amount + pricing.shipping.tax.amount, pricing.total.amount);
            let Pricing { subtotal, shipping, tax, total, .. } = pricing;
            assert_eq!(subtotal.amount + shipping.price.amount + tax.amount, total.amount);
        }
    }

    #[test]
    fn a_basket_beyond_all_reason_has_no_price() {
        let items = vec![item("A", 999, money(999_999_999_999, "USD"))];
        assert_eq!(priced(items, money(0, "USD"), "0"), Err(MoneyError::OutOfRange));
        let items = vec![item("A", 1, money(1, "EUR"))];
        assert_eq!(priced(items, money(0, "USD"), "0"), Err(MoneyError::CurrencyMismatch));
    }
}
