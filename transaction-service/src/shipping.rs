//! Shipping: one method at one price a currency, from configuration.

use std::{collections::BTreeMap, str::FromStr};

use common::{
    input::Refusal,
    money::{Currency, MAX_AMOUNT, Money, stepped},
};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

/// Shipping method of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[schema(example = "standard")]
#[strum(serialize_all = "snake_case")]
pub enum ShippingMethod {
    /// One price for an order of any size.
    Standard,
}

impl ShippingMethod {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
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

/// Price of the flat rate in each currency that the shop sells in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingRates(BTreeMap<&'static str, i64>);

impl ShippingRates {
    /// The price before tax; `None` in a currency that has no rate.
    pub fn price(&self, method: ShippingMethod, currency: Currency) -> Option<Money> {
        match method {
            ShippingMethod::Standard => self.0.get(currency.code()).map(|amount| Money { amount: *amount, currency }),
        }
    }
}

/// `USD:499,JPY:800`, in minor units: the currencies that the shop can be paid in, each with the price of shipping.
impl FromStr for ShippingRates {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_rates", "must be a list such as USD:499,JPY:800, in minor units");
        let mut rates = BTreeMap::new();
        for part in text.split(',') {
            let (currency, amount) = part.trim().split_once(':').ok_or_else(refusal)?;
            let currency = charged(currency)?;
            let amount: i64 = amount.parse().map_err(|_| refusal())?;
            let amount = stepped(amount, currency)
                .map_err(|refusal| Refusal::new(refusal.code, format!("has an amount that {refusal}")))?;
            let is_new = rates.insert(currency.code(), amount).is_none();
            if !is_new || !(0..=MAX_AMOUNT).contains(&amount) {
                return Err(refusal());
            }
        }
        Ok(Self(rates))
    }
}

/// A currency that Stripe can charge.
fn charged(code: &str) -> Result<Currency, Refusal> {
    let currency: Currency = code
        .parse()
        .map_err(|refusal: Refusal| Refusal::new(refusal.code, format!("has a currency that {refusal}")))?;
    if currency.charge().is_none() {
        let message = format!("must not have {currency}, which Stripe does not charge");
        return Err(Refusal::new("currency_not_charged", message));
    }
    Ok(currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_stored_as_it_is_written() {
        let methods = [ShippingMethod::Standard];
        assert_eq!(methods.map(ShippingMethod::as_str), ["standard"]);
        assert_eq!(serde_json::json!(methods), serde_json::json!(["standard"]));
    }

    #[test]
    fn a_rate_holds_for_its_currency_only() {
        let rates: ShippingRates = "USD:499, JPY:800".parse().unwrap();
        let price = |currency: &str| rates.price(ShippingMethod::Standard, currency.parse().unwrap());
        assert_eq!(price("JPY").map(|money| money.amount), Some(800));
        assert_eq!(price("EUR"), None);
    }

    #[test]
    fn rates_are_written_once_a_currency_in_minor_units() {
        for refused in ["", "USD", "USD:-1", "USD:4.99", "usd:1", "USD:1,USD:2", "XXQ:1", "USD:1,"] {
            assert!(refused.parse::<ShippingRates>().is_err(), "{refused} was taken");
        }
    }

    #[test]
    fn rates_are_in_what_can_be_charged() {
        let code = |text: &str| text.parse::<ShippingRates>().map_err(|refusal| refusal.code);
        for taken in ["MGA:200000", "KWD:1500,BHD:0", "ISK:990", "XCG:1"] {
            assert!(code(taken).is_ok(), "{taken} was refused");
        }
        for (refused, why) in [
            ("USD:1,HRK:100", "withdrawn_currency"),
            ("BGN:100", "withdrawn_currency"),
            ("XAU:1", "not_money"),
            ("XTS:100", "not_money"),
            ("VES:100", "currency_not_charged"),
            ("IQD:100", "currency_not_charged"),
            ("KWD:1505", "not_chargeable"),
            ("MGA:199950", "not_chargeable"),
        ] {
            assert_eq!(code(refused), Err(why), "{refused}");
        }
        let message = "EUR:1,HRK:2".parse::<ShippingRates>().unwrap_err().message;
        assert_eq!(
            message,
            "has a currency that must be a currency in use: HRK (Kuna) was withdrawn and replaced by EUR"
        );
    }
}
