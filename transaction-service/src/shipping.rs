//! Shipping: one method at one price a currency, from configuration.

use std::{collections::BTreeMap, str::FromStr};

use common::{
    input::Refusal,
    money::{Currency, MAX_AMOUNT, Money},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an order is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "standard")]
pub enum ShippingMethod {
    /// The flat rate.
    Standard,
}

impl ShippingMethod {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
        }
    }
}

impl FromStr for ShippingMethod {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "standard" => Ok(Self::Standard),
            _ => Err(Refusal::new("unknown_shipping_method", "must be standard")),
        }
    }
}

/// What the flat rate costs in each currency that the shop ships for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingRates(BTreeMap<String, i64>);

impl ShippingRates {
    /// The price before tax; `None` in a currency that has no rate.
    pub fn price(&self, method: ShippingMethod, currency: Currency) -> Option<Money> {
        match method {
            ShippingMethod::Standard => {
                self.0.get(&currency.to_string()).map(|amount| Money { amount: *amount, currency })
            }
        }
    }
}

/// `USD:499,JPY:800`, in minor units.
impl FromStr for ShippingRates {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_rates", "must be a list such as USD:499,JPY:800, in minor units");
        let mut rates = BTreeMap::new();
        for part in text.split(',') {
            let (currency, amount) = part.trim().split_once(':').ok_or_else(refusal)?;
            let currency: Currency = currency.parse().map_err(|_| refusal())?;
            let amount: i64 = amount.parse().map_err(|_| refusal())?;
            // Stripe counts it in whole units, ISO 4217 in hundredths: what we charge would be a hundred times too much.
            if currency.to_string() == "MGA" {
                return Err(Refusal::new("unsupported_currency", "must not have MGA, which Stripe counts differently"));
            }
            let is_new = rates.insert(currency.to_string(), amount).is_none();
            if !is_new || !(0..=MAX_AMOUNT).contains(&amount) {
                return Err(refusal());
            }
        }
        Ok(Self(rates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_for_its_currency_only() {
        let rates: ShippingRates = "USD:499, JPY:800".parse().unwrap();
        let price = |currency: &str| rates.price(ShippingMethod::Standard, currency.parse().unwrap());
        assert_eq!(price("JPY").map(|money| money.amount), Some(800));
        assert_eq!(price("EUR"), None);
    }

    #[test]
    fn rates_are_written_once_a_currency_in_minor_units() {
        for refused in ["", "USD", "USD:-1", "USD:4.99", "usd:1", "USD:1,USD:2", "XXQ:1", "USD:1,", "MGA:100"] {
            assert!(refused.parse::<ShippingRates>().is_err(), "{refused} was taken");
        }
    }
}
