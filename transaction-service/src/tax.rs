//! Tax: a rate for each class of goods, from configuration. The one place where an amount is rounded.

use std::str::FromStr;

use common::{
    input::Refusal,
    money::{Money, MoneyError},
};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

/// Tax class of a variant, as set in the catalogue.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[schema(example = "standard")]
#[strum(serialize_all = "snake_case")]
pub enum TaxClass {
    /// Taxed at the shop's standard rate.
    #[default]
    Standard,
    /// Taxed at the shop's reduced rate.
    Reduced,
    /// Not taxed.
    Zero,
}

impl TaxClass {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Tax rates of the shop: `TAX_RATE` and `REDUCED_TAX_RATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxRates {
    /// Rate of the class `standard`.
    pub standard: TaxRate,
    /// Rate of the class `reduced`. Without it, goods of the class cannot be sold.
    pub reduced: Option<TaxRate>,
}

impl TaxRates {
    /// The rate of a class; `None` when the shop has set none.
    pub fn of(self, class: TaxClass) -> Option<TaxRate> {
        match class {
            TaxClass::Standard => Some(self.standard),
            TaxClass::Reduced => self.reduced,
            TaxClass::Zero => Some(TaxRate::ZERO),
        }
    }
}

/// A rate in millionths: 8.25 % is 82,500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxRate(u32);

/// The whole: 100 %.
const WHOLE: i64 = 1_000_000;

impl TaxRate {
    /// No tax.
    pub const ZERO: Self = Self(0);

    /// The tax on `net`, rounded to what can be charged (the minor unit in most currencies, ten fils in Kuwait), halves to
    /// the even neighbour (IEEE 754's default, so that many lines do not drift upwards). Every line and every part of the
    /// shipping is rounded by itself; totals are their sums.
    pub fn on(self, net: Money) -> Result<Money, MoneyError> {
        let step = i128::from(net.currency.step());
        let product = i128::from(net.amount) * i128::from(self.0);
        let whole = i128::from(WHOLE) * step;
        let (floor, rest) = (product.div_euclid(whole), product.rem_euclid(whole));
        let is_up = 2 * rest > whole || (2 * rest == whole && floor % 2 != 0);
        let amount = i64::try_from((floor + i128::from(is_up)) * step).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Money { amount, currency: net.currency })
    }
}

/// A percentage with up to four decimals, from 0 to 100: `8.25`.
impl FromStr for TaxRate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_rate", "must be a percentage from 0 to 100 such as 8.25");
        let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(units) || !is_number(decimals) || units.len() > 3 || decimals.len() > 4 {
            return Err(refusal());
        }
        let units: u32 = units.parse().map_err(|_| refusal())?;
        let decimals: u32 = format!("{decimals:0<4}").parse().map_err(|_| refusal())?;
        let rate = units * 10_000 + decimals;
        if i64::from(rate) > WHOLE { Err(refusal()) } else { Ok(Self(rate)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tax_in(currency: &str, rate: &str, amount: i64) -> i64 {
        let net = Money { amount, currency: currency.parse().unwrap() };
        rate.parse::<TaxRate>().unwrap().on(net).unwrap().amount
    }

    fn tax(rate: &str, amount: i64) -> i64 {
        tax_in("USD", rate, amount)
    }

    #[test]
    fn a_class_is_stored_as_it_is_written() {
        let classs = [TaxClass::Standard, TaxClass::Reduced, TaxClass::Zero];
        assert_eq!(classs.map(TaxClass::as_str), ["standard", "reduced", "zero"]);
        assert_eq!(serde_json::json!(classs), serde_json::json!(["standard", "reduced", "zero"]));
    }

    #[test]
    fn tax_is_rounded_to_the_minor_unit_and_halves_go_to_the_even_neighbour() {
        assert_eq!(tax("8.25", 1999), 165, "164.9175");
        assert_eq!((tax("50", 1), tax("50", 3), tax("50", 5)), (0, 2, 2));
        assert_eq!((tax("0", 1999), tax("100", 1999)), (0, 1999));
        assert_eq!(tax("0.0001", 1_000_000), 1);
    }

    #[test]
    fn where_the_last_digit_cannot_be_charged_tax_is_rounded_to_the_one_before() {
        assert_eq!(tax_in("KWD", "5", 1250), 60, "62.5 fils");
        assert_eq!(tax_in("BHD", "10", 1450), 140, "145 fils lie between 140 and 150, and 14 is even");
        assert_eq!(tax_in("BHD", "10", 1550), 160, "155 fils");
        assert_eq!(tax_in("MGA", "20", 200_300), 40_100, "400.60 ariary");
        assert_eq!(tax_in("ISK", "24", 1999), 480, "479.76");
    }

    #[test]
    fn a_rate_is_a_percentage_with_at_most_four_decimals() {
        assert_eq!("8.25".parse(), Ok(TaxRate(82_500)));
        for refused in ["", ".", "8.", ".5", "-1", "100.0001", "8,25", "1e1", "8.12345", "1000", " 8"] {
            assert!(refused.parse::<TaxRate>().is_err(), "{refused} was taken");
        }
    }
}
