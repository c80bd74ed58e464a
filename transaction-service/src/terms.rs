//! What the shop asks for, and what a basket costs on these terms: a total that can be charged, or why there is none.
//! Pure; quotes and orders are priced by it alike.

use std::time::Duration;

use common::{
    money::{Currency, MAX_AMOUNT, Money, NotChargeable},
    problem::FieldError,
    sku::Sku,
};

use crate::{
    pointers::Pointers,
    pricing::{self, Flaw, Item, Pricing, Unpriceable},
    shipping::{ShippingMethod, ShippingRates},
    tax::TaxRates,
};

/// What the shop asks for; from configuration.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What shipping costs.
    pub shipping: ShippingRates,
    /// What is owed to the state.
    pub tax: TaxRates,
    /// How long an order waits for its shopper to pay.
    pub payment_window: Duration,
    /// How long one attempt may take; nobody else goes on with its order meanwhile.
    pub lease: Duration,
}

/// Why the shop does not sell a basket on its terms. The texts are for logs.
#[derive(Debug, thiserror::Error)]
pub enum NotSold {
    /// Fields of the request are refused.
    #[error("{} fields are refused", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The total is less than any payment takes.
    #[error("the total is too small to be charged")]
    TotalTooSmall {
        /// What it is.
        total: Money,
        /// What it must be at least.
        minimum: Money,
    },
    /// The total is more than any payment takes.
    #[error("the total is too large to be charged")]
    TotalTooLarge {
        /// What it is, where that can be said.
        total: Option<Money>,
        /// What it must be at most.
        maximum: Money,
    },
    /// What product-service answered contradicts the request or the settings; how.
    #[error("a sibling: {0}")]
    Contradiction(String),
}

impl Terms {
    /// What `items` come to, sent so: a total that can be charged. `pointers` say where the request named things.
    pub fn price(
        &self,
        items: Vec<Item>,
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
