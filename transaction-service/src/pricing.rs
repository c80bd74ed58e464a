//! Prices of an order: lines, shipping, tax, total. Pure; quotes and orders are priced by the same function, so the quoted
//! total is the charged one.
//!
//! Shipping is taxed like the goods that it brings: what the customer pays for transport is part of what the goods cost
//! (Directive 2006/112/EC, article 78 (b); in the United Kingdom VAT Notice 700/24, section 2). Where goods of several
//! classes come together, its price is divided among the classes by the value of their goods. (US states differ; most
//! that tax shipping divide it in this way, too.) Where the law of a shop wants one rate on shipping, whatever is in the
//! parcel, this is the place.

use std::collections::BTreeMap;

use common::{
    money::{Currency, Money, MoneyError},
    sku::Sku,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    shipping::ShippingMethod,
    tax::{TaxClass, TaxRates},
};

/// A line with its unit price, as product-service answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PricedItem {
    /// SKU of the variant.
    pub sku: Sku,
    /// Number of units.
    pub quantity: u32,
    /// The product that the SKU is a variant of.
    pub product_id: Uuid,
    /// Title of the product.
    pub title: String,
    /// Options of the variant, by name.
    pub options: BTreeMap<String, String>,
    /// Price of one unit before tax.
    pub unit_price: Money,
    /// Tax class of the goods.
    #[serde(default)]
    pub tax_class: TaxClass,
}

/// A line with its unit price and the available units.
#[derive(Debug, Clone, Deserialize)]
pub struct QuotedItem {
    /// The line.
    #[serde(flatten)]
    pub item: PricedItem,
    /// Number of units that can be reserved.
    pub available: i64,
}

/// A line of an order or quote, with its price and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Line)]
pub struct OrderLine {
    /// SKU of the variant.
    pub sku: Sku,
    /// The product that the SKU is a variant of.
    pub product_id: Uuid,
    /// Title of the product when the line was priced.
    #[schema(example = "Organic cotton tee")]
    pub title: String,
    /// Options of the variant, by name.
    #[schema(example = json!({"Size": "M"}))]
    pub options: BTreeMap<String, String>,
    /// Number of units.
    #[schema(minimum = 1, example = 2)]
    pub quantity: u32,
    /// Price of one unit before tax.
    pub unit_price: Money,
    /// Tax class of the goods.
    pub tax_class: TaxClass,
    /// Price of all units before tax.
    pub subtotal: Money,
    /// Tax on all units, at the rate of their class when the line was priced.
    pub tax: Money,
    /// Price of all units with tax.
    pub total: Money,
}

/// Shipping of an order, with its price and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shipping {
    /// Shipping method.
    pub method: ShippingMethod,
    /// Price before tax.
    pub price: Money,
    /// Tax on shipping, which is taxed like the goods: divided by their value when they are of several classes.
    pub tax: Money,
}

/// Prices of a basket. `subtotal + shipping.price + tax = total`, and the lines' totals with the shipping sum to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pricing {
    /// Lines, one for each SKU, sorted by SKU.
    pub lines: Vec<OrderLine>,
    /// Shipping method, price and tax.
    pub shipping: Shipping,
    /// Sum of all lines before tax.
    pub subtotal: Money,
    /// Tax on lines and shipping.
    pub tax: Money,
    /// Amount to be charged.
    pub total: Money,
}

/// Why a basket has no price.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpriceable {
    /// A sum is outside the range of [`Money`].
    OutOfRange,
    /// Amounts are in different currencies.
    CurrencyMismatch,
    /// These goods cannot be sold with the settings of the shop.
    Goods(Vec<(Sku, Flaw)>),
}

/// Why goods cannot be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The shop has no tax rate for their class.
    NoTaxRate,
    /// Their price is not a multiple of the least amount that can be charged in its currency.
    Price,
}

impl From<MoneyError> for Unpriceable {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::OutOfRange => Self::OutOfRange,
            MoneyError::CurrencyMismatch => Self::CurrencyMismatch,
        }
    }
}

/// Prices a basket.
pub fn price(
    items: Vec<PricedItem>,
    (method, shipping_price): (ShippingMethod, Money),
    rates: TaxRates,
) -> Result<Pricing, Unpriceable> {
    let flaws = items.iter().filter_map(|item| Some((item.sku.clone(), flaw(item, rates)?)));
    let flaws: Vec<_> = flaws.collect();
    if !flaws.is_empty() {
        return Err(Unpriceable::Goods(flaws));
    }
    let lines = items.into_iter().map(|item| line(item, rates)).collect::<Result<Vec<_>, _>>()?;
    let shipping = Shipping { method, price: shipping_price, tax: shipping_tax(shipping_price, &lines, rates)? };
    let nothing = Money { amount: 0, currency: shipping_price.currency };
    let subtotal = lines.iter().try_fold(nothing, |sum, line| sum.checked_add(line.subtotal))?;
    let tax = lines.iter().try_fold(shipping.tax, |sum, line| sum.checked_add(line.tax))?;
    let total = subtotal.checked_add(shipping.price)?.checked_add(tax)?;
    Ok(Pricing { lines, shipping, subtotal, tax, total })
}

fn flaw(item: &PricedItem, rates: TaxRates) -> Option<Flaw> {
    if rates.of(item.tax_class).is_none() {
        return Some(Flaw::NoTaxRate);
    }
    (item.unit_price.amount % item.unit_price.currency.step() != 0).then_some(Flaw::Price)
}

/// The tax on goods of a class. [`price`] refuses goods without a rate before this is called.
fn tax(net: Money, class: TaxClass, rates: TaxRates) -> Result<Money, MoneyError> {
    rates.of(class).unwrap_or(rates.standard).on(net)
}

fn line(item: PricedItem, rates: TaxRates) -> Result<OrderLine, MoneyError> {
    let PricedItem { sku, quantity, product_id, title, options, unit_price, tax_class } = item;
    let subtotal = unit_price.checked_mul(quantity)?;
    let tax = tax(subtotal, tax_class, rates)?;
    let total = subtotal.checked_add(tax)?;
    Ok(OrderLine { sku, product_id, title, options, quantity, unit_price, tax_class, subtotal, tax, total })
}

/// The tax on shipping: the sum of the tax on each class's part.
fn shipping_tax(price: Money, lines: &[OrderLine], rates: TaxRates) -> Result<Money, MoneyError> {
    let nothing = Money { amount: 0, currency: price.currency };
    divided(price, lines).into_iter().try_fold(nothing, |sum, (class, part)| sum.checked_add(tax(part, class, rates)?))
}

/// Divides the price of shipping among the classes of the goods by value (by number, where all goods are free), in steps
/// that can be charged. What is left over goes to the largest remainders, so that the parts sum to the price.
fn divided(price: Money, lines: &[OrderLine]) -> Vec<(TaxClass, Money)> {
    let are_free = lines.iter().all(|line| line.subtotal.amount == 0);
    let mut weights = BTreeMap::<TaxClass, i128>::new();
    for line in lines {
        let weight = if are_free { i128::from(line.quantity) } else { i128::from(line.subtotal.amount) };
        *weights.entry(line.tax_class).or_default() += weight;
    }
    let (whole, step) = (weights.values().sum::<i128>().max(1), price.currency.step());
    let steps = price.amount / step;
    // Each class with the steps that are surely its own, and what it has of one more.
    let mut parts: Vec<(TaxClass, i64, i128)> = Vec::with_capacity(weights.len());
    for (class, weight) in weights {
        let share = i128::from(steps) * weight;
        // A part of an amount is no larger than the amount.
        let own = i64::try_from(share / whole).unwrap_or(steps);
        parts.push((class, own, share % whole));
    }
    let left = steps - parts.iter().map(|(_, own, _)| own).sum::<i64>();
    parts.sort_by_key(|(class, _, rest)| (std::cmp::Reverse(*rest), *class));
    let part = |(at, (class, own, _)): (usize, (TaxClass, i64, i128))| {
        let one_more = i64::from(i64::try_from(at).is_ok_and(|at| at < left));
        (class, Money { amount: (own + one_more) * step, ..price })
    };
    parts.into_iter().enumerate().map(part).collect()
}

impl Pricing {
    /// Currency of all amounts.
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

    fn item(sku: &str, quantity: u32, unit_price: Money) -> PricedItem {
        taxed(TaxClass::Standard, sku, quantity, unit_price)
    }

    fn taxed(tax_class: TaxClass, sku: &str, quantity: u32, unit_price: Money) -> PricedItem {
        let (sku, options) = (sku.parse().unwrap(), BTreeMap::new());
        PricedItem { sku, quantity, product_id: Uuid::nil(), title: "Tee".into(), options, unit_price, tax_class }
    }

    fn rates(standard: &str, reduced: Option<&str>) -> TaxRates {
        TaxRates { standard: standard.parse().unwrap(), reduced: reduced.map(|rate| rate.parse().unwrap()) }
    }

    fn priced(items: Vec<PricedItem>, shipping: Money, rate: &str) -> Result<Pricing, Unpriceable> {
        price(items, (ShippingMethod::Standard, shipping), rates(rate, None))
    }

    /// Every sum holds, and every amount can be charged.
    fn check_sums(pricing: &Pricing) {
        let Pricing { lines, shipping, subtotal, tax, total } = pricing;
        let sum: i64 = lines.iter().map(|line| line.total.amount).sum();
        assert_eq!(sum + shipping.price.amount + shipping.tax.amount, total.amount);
        assert_eq!(subtotal.amount + shipping.price.amount + tax.amount, total.amount);
        let amounts = lines.iter().flat_map(|line| [line.unit_price, line.subtotal, line.tax, line.total]);
        for money in amounts.chain([shipping.price, shipping.tax, *subtotal, *tax, *total]) {
            assert_eq!(money.amount % money.currency.step(), 0, "{money}");
        }
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
    fn each_class_has_its_rate_and_zero_is_no_tax() {
        let items = vec![
            taxed(TaxClass::Zero, "A", 1, money(10_000, "USD")),
            taxed(TaxClass::Reduced, "B", 1, money(10_000, "USD")),
            taxed(TaxClass::Standard, "C", 1, money(10_000, "USD")),
        ];
        let pricing = price(items, (ShippingMethod::Standard, money(0, "USD")), rates("20", Some("5"))).unwrap();
        let taxes: Vec<i64> = pricing.lines.iter().map(|line| line.tax.amount).collect();
        assert_eq!((taxes, pricing.tax.amount), (vec![0, 500, 2000], 2500));
    }

    #[test]
    fn shipping_is_taxed_like_the_goods_that_it_brings() {
        let shipping_tax = |items| {
            let pricing = price(items, (ShippingMethod::Standard, money(1000, "GBP")), rates("20", Some("5"))).unwrap();
            check_sums(&pricing);
            pricing.shipping.tax.amount
        };
        let goods = |class, amount| taxed(class, &format!("{class:?}").to_uppercase(), 1, money(amount, "GBP"));
        assert_eq!(shipping_tax(vec![goods(TaxClass::Zero, 5000)]), 0, "no tax on what comes with a book");
        assert_eq!(shipping_tax(vec![goods(TaxClass::Standard, 5000)]), 200);
        assert_eq!(shipping_tax(vec![goods(TaxClass::Reduced, 5000)]), 50);
        let half = vec![goods(TaxClass::Zero, 5000), goods(TaxClass::Standard, 5000)];
        assert_eq!(shipping_tax(half), 100);
        let three = vec![goods(TaxClass::Zero, 2000), goods(TaxClass::Reduced, 2000), goods(TaxClass::Standard, 6000)];
        assert_eq!(shipping_tax(three), 10 + 120);
        let free = vec![goods(TaxClass::Zero, 0), goods(TaxClass::Standard, 0)];
        assert_eq!(shipping_tax(free), 100, "goods without a value count by number");
    }

    #[test]
    fn the_parts_of_shipping_are_taxed_by_themselves_and_none_of_it_is_lost() {
        let items = vec![
            taxed(TaxClass::Zero, "A", 1, money(100, "EUR")),
            taxed(TaxClass::Reduced, "B", 1, money(100, "EUR")),
            taxed(TaxClass::Standard, "C", 1, money(100, "EUR")),
        ];
        let lines: Vec<_> = items.iter().cloned().map(|item| line(item, rates("20", Some("10"))).unwrap()).collect();
        let parts: BTreeMap<_, _> = divided(money(500, "EUR"), &lines).into_iter().collect();
        let amounts: Vec<_> = parts.values().map(|part| part.amount).collect();
        assert_eq!(amounts, [167, 167, 166], "of equal remainders the first class comes first");
        let pricing = price(items, (ShippingMethod::Standard, money(500, "EUR")), rates("20", Some("10"))).unwrap();
        assert_eq!(pricing.shipping.tax.amount, 33 + 17, "33.4 and 16.7");
    }

    #[test]
    fn goods_of_a_class_without_a_rate_are_not_sold_at_another() {
        let items = vec![
            taxed(TaxClass::Reduced, "B", 1, money(100, "USD")),
            item("C", 1, money(100, "USD")),
            taxed(TaxClass::Reduced, "D", 1, money(100, "USD")),
        ];
        let flaws = ["B", "D"].map(|sku| (sku.parse().unwrap(), Flaw::NoTaxRate)).to_vec();
        assert_eq!(priced(items, money(0, "USD"), "8"), Err(Unpriceable::Goods(flaws)));
    }

    #[test]
    fn a_price_that_cannot_be_charged_is_not_summed() {
        let items = vec![item("A", 10, money(1255, "KWD"))];
        let flaw = ("A".parse().unwrap(), Flaw::Price);
        assert_eq!(priced(items, money(0, "KWD"), "5"), Err(Unpriceable::Goods(vec![flaw])));
    }

    #[test]
    fn currencies_without_and_with_three_decimals_are_priced_alike() {
        let yen = priced(vec![item("A", 2, money(980, "JPY"))], money(800, "JPY"), "10").unwrap();
        assert_eq!(yen.total, money(3036, "JPY"));
        let dinar = priced(vec![item("A", 1, money(1250, "KWD"))], money(0, "KWD"), "5").unwrap();
        assert_eq!(dinar.total, money(1310, "KWD"), "62.5 fils of tax, of which 60 can be charged");
        let ariary = priced(vec![item("A", 1, money(199_900, "MGA"))], money(0, "MGA"), "20").unwrap();
        assert_eq!(ariary.total, money(239_900, "MGA"), "399.80 ariary of tax, of which 400 are charged");
    }

    #[test]
    fn whatever_the_basket_the_parts_sum_to_the_total_and_can_be_charged() {
        let mut random = fastrand::Rng::with_seed(7);
        let classes = [TaxClass::Standard, TaxClass::Reduced, TaxClass::Zero];
        for round in 0..4_000 {
            let currency = ["EUR", "JPY", "KWD", "TND", "MGA", "ISK", "HUF"][round % 7];
            let step = money(0, currency).currency.step();
            let count = random.u32(1..20);
            let mut goods = || {
                let unit_price = money(random.i64(0..1_000_000) * step, currency);
                let class = classes[random.usize(0..3)];
                taxed(class, &format!("S{}", random.u32(..)), random.u32(1..1_000), unit_price)
            };
            let items = (0..count).map(|_| goods()).collect::<Vec<_>>();
            let mut rate = || format!("{}.{:04}", random.u32(0..100), random.u32(0..10_000));
            let rates = rates(&rate(), Some(&rate()));
            let shipping = money(random.i64(0..5_000) * step, currency);
            let pricing = price(items, (ShippingMethod::Standard, shipping), rates).unwrap();
            check_sums(&pricing);
            let parts: i64 = divided(shipping, &pricing.lines).iter().map(|(_, part)| part.amount).sum();
            assert_eq!(parts, shipping.amount);
        }
    }

    #[test]
    fn a_basket_beyond_all_reason_has_no_price() {
        let items = vec![item("A", 999, money(999_999_999_999, "USD"))];
        assert_eq!(priced(items, money(0, "USD"), "0"), Err(Unpriceable::OutOfRange));
        let items = vec![item("A", 1, money(1, "EUR"))];
        assert_eq!(priced(items, money(0, "USD"), "0"), Err(Unpriceable::CurrencyMismatch));
    }
}
