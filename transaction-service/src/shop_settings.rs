//! The shop's shipping rates, tax rates and times, and the price of a basket by them: a total that can be charged, or the
//! reason why there is none. Pure; quotes and orders are priced alike.

use std::time::Duration;

use common::{
    money::{Currency, MAX_AMOUNT, Money, NotChargeable},
    problem::FieldError,
    sku::Sku,
};

use crate::{
    pointers::Pointers,
    pricing::{self, Flaw, PricedItem, Pricing, Unpriceable},
    shipping::{ShippingMethod, ShippingRates},
    tax::TaxRates,
};

/// Settings of the shop, from configuration.
#[derive(Debug, Clone)]
pub struct ShopSettings {
    /// Price of shipping in each currency.
    pub shipping: ShippingRates,
    /// Tax rate of each class of goods.
    pub tax: TaxRates,
    /// Time that a shopper has to pay an order; after it the order expires.
    pub payment_window: Duration,
    /// Lease of one attempt; no other request or sweep works on its order meanwhile.
    pub lease: Duration,
}

/// Why a basket has no total that can be charged. The texts are for logs.
#[derive(Debug, thiserror::Error)]
pub enum NotSold {
    /// Fields of the request are refused.
    #[error("invalid input: {} fields", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The total is below the least amount that can be charged.
    #[error("the total is too small to be charged")]
    TotalTooSmall {
        /// The total.
        total: Money,
        /// The least amount that can be charged.
        minimum: Money,
    },
    /// The total is above the largest amount that can be charged.
    #[error("the total is too large to be charged")]
    TotalTooLarge {
        /// The total; `None` when it exceeds the range of numbers.
        total: Option<Money>,
        /// The largest amount that can be charged.
        maximum: Money,
    },
    /// The answer of product-service contradicts the request or the settings.
    #[error("prices are inconsistent: {0}")]
    Contradiction(String),
}

impl ShopSettings {
    /// Prices `items` with shipping by `method`: a total that can be charged. Refusals point into the request by `pointers`.
    pub fn price(
        &self,
        items: Vec<PricedItem>,
        method: ShippingMethod,
        currency: Currency,
        pointers: Pointers<'_>,
    ) -> Result<Pricing, NotSold> {
        let price = self.shipping.price(method, currency).ok_or_else(|| {
            let message = format!("is a currency that {} shipping is not offered in", method.as_str());
            NotSold::InvalidInput(vec![FieldError::new(pointers.currency, "not_shipped_in_currency", &message)])
        })?;
        let pricing =
            pricing::price(items, (method, price), self.tax).map_err(|error| unpriceable(error, currency, pointers))?;
        match pricing.total.check_charge() {
            Ok(()) => Ok(pricing),
            Err(NotChargeable::TooSmall { minimum }) => Err(NotSold::TotalTooSmall { total: pricing.total, minimum }),
            Err(NotChargeable::TooLarge { maximum }) => {
                Err(NotSold::TotalTooLarge { total: Some(pricing.total), maximum })
            }
            // Settings refuse such currencies, and every part of the total is a multiple of the step.
            Err(NotChargeable::Currency | NotChargeable::Step(_)) => {
                Err(NotSold::Contradiction(format!("an amount in {currency} that cannot be charged")))
            }
        }
    }
}

fn unpriceable(error: Unpriceable, currency: Currency, pointers: Pointers<'_>) -> NotSold {
    match error {
        Unpriceable::Goods(goods) => {
            let entry = |(sku, flaw): &(Sku, Flaw)| match flaw {
                Flaw::NoTaxRate => pointers.about(sku, "no_tax_rate", "is taxed at a rate that the shop has not set"),
                Flaw::Price => {
                    let message = format!("has a price in {currency} with more digits than can be charged");
                    pointers.about(sku, "price_not_chargeable", &message)
                }
            };
            NotSold::InvalidInput(goods.iter().map(entry).collect())
        }
        Unpriceable::OutOfRange => {
            let amount = currency.charge().map_or(MAX_AMOUNT, |charge| charge.maximum);
            NotSold::TotalTooLarge { total: None, maximum: Money { amount, currency } }
        }
        Unpriceable::CurrencyMismatch => {
            NotSold::Contradiction("product-service priced in another currency".to_owned())
        }
    }
}
