//! Tax: one rate on everything, from configuration. The one place where an amount is rounded.

use std::str::FromStr;

use common::{
    input::Refusal,
    money::{Money, MoneyError},
};

/// A rate in millionths: 8.25 % is 82,500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxRate(u32);

/// The whole: 100 %.
const WHOLE: i64 = 1_000_000;

impl TaxRate {
    /// The tax on `net`, rounded to the minor unit, halves to the even neighbour (IEEE 754's default, so that many
    /// lines do not drift upwards). Every line and the shipping are rounded by themselves; totals are their sums.
    pub fn on(self, net: Money) -> Result<Money, MoneyError> {
        let product = i128::from(net.amount) * i128::from(self.0);
        let whole = i128::from(WHOLE);
        let (floor, rest) = (product.div_euclid(whole), product.rem_euclid(whole));
        let is_up = 2 * rest > whole || (2 * rest == whole && floor % 2 != 0);
        let amount = i64::try_from(floor + i128::from(is_up)).map_err(|_| MoneyError::OutOfRange)?;
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

    fn tax(rate: &str, amount: i64) -> i64 {
        let net = Money { amount, currency: "USD".parse().unwrap() };
        rate.parse::<TaxRate>().unwrap().on(net).unwrap().amount
    }

    #[test]
    fn tax_is_rounded_to_the_minor_unit_and_halves_go_to_the_even_neighbour() {
        assert_eq!(tax("8.25", 1999), 165, "164.9175");
        assert_eq!((tax("50", 1), tax("50", 3), tax("50", 5)), (0, 2, 2));
        assert_eq!((tax("0", 1999), tax("100", 1999)), (0, 1999));
        assert_eq!(tax("0.0001", 1_000_000), 1);
    }

    #[test]
    fn a_rate_is_a_percentage_with_at_most_four_decimals() {
        assert_eq!("8.25".parse(), Ok(TaxRate(82_500)));
        for refused in ["", ".", "8.", ".5", "-1", "100.0001", "8,25", "1e1", "8.12345", "1000", " 8"] {
            assert!(refused.parse::<TaxRate>().is_err(), "{refused} was taken");
        }
    }
}
