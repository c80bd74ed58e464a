//! Money: integer minor units and an ISO 4217 currency. Never a float; every sum is checked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::input::{Fields, FromFields, Refusal};

/// The largest amount accepted anywhere, in minor units. Stripe charges at most eight digits in most currencies;
/// twelve leave room for sums and for currencies without minor units, far from where `i64` ends.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

/// An ISO 4217 currency that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// How many decimals people write: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl FromStr for Currency {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        iso_currency::Currency::from_code(text)
            .map(Self)
            .ok_or_else(|| Refusal::new("unknown_currency", "must be an ISO 4217 code in capitals, such as USD"))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("ISO 4217 code."))
            .examples(["USD"])
            .into()
    }
}

impl ToSchema for Currency {
    fn name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
}

/// An amount in minor units (cents for USD, yen for JPY) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"amount": 1999, "currency": "USD"}))]
pub struct Money {
    /// Minor units: 1999 is 19.99 USD, and 1999 JPY.
    #[schema(minimum = 0, maximum = 999_999_999_999_i64)]
    pub amount: i64,
    /// What the amount is counted in.
    pub currency: Currency,
}

/// Why a sum has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// Two different currencies cannot be added.
    CurrencyMismatch,
    /// The result is larger than [`MAX_AMOUNT`], or smaller than its negative.
    OutOfRange,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CurrencyMismatch => "amounts are in different currencies",
            Self::OutOfRange => "amount is out of range",
        })
    }
}

impl std::error::Error for MoneyError {}

impl Money {
    /// The sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        self.with_amount(self.amount.checked_add(other.amount))
    }

    /// This amount `quantity` times.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        self.with_amount(self.amount.checked_mul(i64::from(quantity)))
    }

    fn with_amount(self, amount: Option<i64>) -> Result<Self, MoneyError> {
        match amount {
            Some(amount) if amount.abs() <= MAX_AMOUNT => Ok(Self { amount, ..self }),
            _ => Err(MoneyError::OutOfRange),
        }
    }
}

/// A price as a client writes it: not negative, not beyond [`MAX_AMOUNT`].
impl FromFields for Money {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let amount = fields.integer("amount", 0..=MAX_AMOUNT);
        let currency = fields.text("currency");
        Some(Self { amount: amount?, currency: currency? })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let sign = if self.amount < 0 { "-" } else { "" };
        let (amount, unit) = (self.amount.unsigned_abs(), 10_u64.pow(decimals));
        if decimals == 0 {
            return write!(f, "{sign}{amount} {}", self.currency);
        }
        let width = decimals as usize;
        write!(f, "{sign}{}.{:0width$} {}", amount / unit, amount % unit, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, currency: &str) -> Money {
        Money { amount, currency: currency.parse().unwrap() }
    }

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        assert_eq!(money(1999, "USD").to_string(), "19.99 USD");
        assert_eq!(money(5, "USD").to_string(), "0.05 USD");
        assert_eq!(money(-150, "EUR").to_string(), "-1.50 EUR");
        assert_eq!(money(2980, "JPY").to_string(), "2980 JPY");
        assert_eq!(money(6150, "KWD").to_string(), "6.150 KWD");
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(money(1, "USD").checked_add(money(2, "USD")), Ok(money(3, "USD")));
        assert_eq!(money(1, "USD").checked_add(money(2, "EUR")), Err(MoneyError::CurrencyMismatch));
        assert_eq!(money(MAX_AMOUNT, "USD").checked_add(money(1, "USD")), Err(MoneyError::OutOfRange));
        assert_eq!(money(1999, "USD").checked_mul(3), Ok(money(5997, "USD")));
        assert_eq!(money(i64::MAX, "USD").checked_mul(2), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn only_currencies_in_capitals_that_exist_are_read() {
        for refused in ["usd", "US", "XXY", "", "USD "] {
            assert!(refused.parse::<Currency>().is_err(), "{refused} was read as a currency");
        }
    }
}
