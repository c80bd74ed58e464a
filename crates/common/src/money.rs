//! Money: integer minor units and an ISO 4217 currency. Never a float; every sum is checked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

pub use self::currencies::Charge;
use self::currencies::{Row, Standing, TABLE};
use crate::input::{Fields, FromFields, Refusal};

mod currencies;

/// The largest amount that is accepted, in minor units: the most that can be charged in any currency, far below the
/// limit of `i64`.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

/// An ISO 4217 currency. Clients and settings can name only currencies in use; a stored one may have been withdrawn
/// since.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(u8);

impl Currency {
    /// The currency of an ISO 4217 code that was stored, withdrawn ones included. Codes of clients are parsed instead.
    pub fn stored(code: &str) -> Option<Self> {
        currencies::position(code).and_then(|at| u8::try_from(at).ok()).map(Self)
    }

    fn row(self) -> &'static Row {
        &TABLE[usize::from(self.0)]
    }

    /// The code: three capitals.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The number of decimals of its minor units: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        self.row().decimals
    }

    /// The rules by which Stripe charges it; `None` when Stripe does not.
    pub fn charge(self) -> Option<Charge> {
        self.row().charge
    }

    /// Charged amounts must be a multiple of it: 10 for KWD, 100 for MGA, 1 for most, and for those that Stripe does not charge.
    pub fn step(self) -> i64 {
        self.charge().map_or(1, |charge| charge.step)
    }
}

impl FromStr for Currency {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let currency = Self::stored(text)
            .ok_or_else(|| Refusal::new("unknown_currency", "must be an ISO 4217 code in capitals, such as USD"))?;
        let Row { code, name, standing, .. } = currency.row();
        match standing {
            Standing::Money => Ok(currency),
            Standing::Withdrawn(successor) => {
                let message =
                    format!("must be a currency in use: {code} ({name}) was withdrawn and replaced by {successor}");
                Err(Refusal::new("withdrawn_currency", message))
            }
            Standing::Unit | Standing::Reserved => {
                let message = format!("must be a currency for payments, which {code} ({name}) is not");
                Err(Refusal::new("not_money", message))
            }
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Reads a stored code, or one that another service answered.
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::stored(&code).ok_or_else(|| D::Error::custom("not a code of ISO 4217"))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some(
                "ISO 4217 code of a currency in use; funds, metals, test codes and withdrawn currencies are refused.",
            ))
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
    /// Amount in minor units of the currency: 1999 is 19.99 USD, or 1999 JPY.
    #[schema(minimum = 0, maximum = 999_999_999_999_i64)]
    pub amount: i64,
    /// Currency of the amount.
    pub currency: Currency,
}

/// Why an addition or multiplication has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Two different currencies cannot be added.
    #[error("amounts are in different currencies")]
    CurrencyMismatch,
    /// The result is larger than [`MAX_AMOUNT`], or smaller than its negative.
    #[error("amount is out of range")]
    OutOfRange,
}

/// Why an amount cannot be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChargeable {
    /// Stripe does not charge this currency.
    Currency,
    /// The amount is not a multiple of this step.
    Step(i64),
    /// The amount is below the minimum.
    TooSmall {
        /// The minimum, in minor units.
        minimum: Money,
    },
    /// The amount is above the maximum.
    TooLarge {
        /// The maximum, in minor units.
        maximum: Money,
    },
}

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

    /// Checks that this amount can be charged.
    pub fn check_charge(self) -> Result<(), NotChargeable> {
        let Some(Charge { step, minimum, maximum, .. }) = self.currency.charge() else {
            return Err(NotChargeable::Currency);
        };
        let money = |amount| Self { amount, ..self };
        if self.amount < minimum {
            Err(NotChargeable::TooSmall { minimum: money(minimum) })
        } else if self.amount > maximum {
            Err(NotChargeable::TooLarge { maximum: money(maximum) })
        } else if self.amount % step != 0 {
            Err(NotChargeable::Step(step))
        } else {
            Ok(())
        }
    }

    fn with_amount(self, amount: Option<i64>) -> Result<Self, MoneyError> {
        match amount {
            Some(amount) if (-MAX_AMOUNT..=MAX_AMOUNT).contains(&amount) => Ok(Self { amount, ..self }),
            _ => Err(MoneyError::OutOfRange),
        }
    }
}

/// Reads a price from a request: from 0 to [`MAX_AMOUNT`], and a multiple of the currency's step, so that any quantity of it is
/// one, too. Whether a total can be charged is decided by [`Money::check_charge`].
impl FromFields for Money {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let amount = fields.integer("amount", 0..=MAX_AMOUNT);
        let currency = fields.text::<Currency>("currency");
        let (amount, currency) = (amount?, currency?);
        if let Err(refusal) = stepped(amount, currency) {
            return fields.refuse("amount", refusal.code, refusal.message);
        }
        Some(Self { amount, currency })
    }
}

/// Refuses an amount that is not a multiple of the currency's step.
pub fn stepped(amount: i64, currency: Currency) -> Result<i64, Refusal> {
    let step = currency.step();
    if amount % step == 0 {
        return Ok(amount);
    }
    let message = format!("must be a multiple of {step}: card networks charge no smaller parts of {currency}");
    Err(Refusal::new("not_chargeable", message))
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
        assert_eq!(money(i64::MIN, "USD").checked_mul(1), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn only_money_in_use_is_read_and_refused_codes_say_why() {
        let code = |text: &str| text.parse::<Currency>().unwrap_err().code;
        for unknown in ["usd", "US", "XXY", "", "USD ", "USDX", "U\0D"] {
            assert_eq!(code(unknown), "unknown_currency", "{unknown}");
        }
        for withdrawn in ["HRK", "BGN", "ANG", "SLL", "ZWL", "CUC", "STD"] {
            assert_eq!(code(withdrawn), "withdrawn_currency", "{withdrawn}");
        }
        for other in ["XAU", "XTS", "XXX", "XDR", "CHE", "BOV", "UYI", "UYW", "USN", "CLF"] {
            assert_eq!(code(other), "not_money", "{other}");
        }
        let bulgaria = "BGN".parse::<Currency>().unwrap_err().message;
        assert_eq!(bulgaria, "must be a currency in use: BGN (Bulgarian Lev) was withdrawn and replaced by EUR");
        for taken in ["VES", "VED", "XCG", "ZWG", "SLE", "STN", "MRU", "MGA", "XOF"] {
            assert_eq!(taken.parse::<Currency>().unwrap().to_string(), taken);
        }
    }

    #[test]
    fn what_was_stored_in_a_currency_that_is_withdrawn_is_read_back() {
        let lev: Money = serde_json::from_str(r#"{"amount": 1999, "currency": "BGN"}"#).unwrap();
        assert_eq!(lev.to_string(), "19.99 BGN");
        assert_eq!(serde_json::to_string(&lev).unwrap(), r#"{"amount":1999,"currency":"BGN"}"#);
        assert!(serde_json::from_str::<Currency>("\"usd\"").is_err());
    }

    #[test]
    fn a_price_has_no_more_digits_than_can_be_charged() {
        let read = |amount: i64, currency: &str| {
            Fields::read::<Money>(serde_json::json!({"amount": amount, "currency": currency}))
        };
        for (amount, currency) in
            [(1310, "KWD"), (0, "BHD"), (2000, "MGA"), (1, "ISK"), (1, "JPY"), (1, "IQD"), (1, "HUF")]
        {
            assert_eq!(read(amount, currency).unwrap(), money(amount, currency));
        }
        for (amount, currency) in [(1312, "KWD"), (1, "TND"), (1999, "MGA"), (10, "MGA")] {
            let errors = read(amount, currency).unwrap_err();
            let [error] = &errors[..] else { panic!("{errors:?}") };
            assert_eq!((&*error.pointer, &*error.code), ("/amount", "not_chargeable"), "{amount} {currency}");
        }
    }

    #[test]
    fn a_total_is_charged_between_the_least_and_the_most_that_stripe_takes() {
        let check = |amount, currency: &str| money(amount, currency).check_charge();
        for (least, most, currency) in [
            (50, 99_999_999, "USD"),
            (30, 99_999_999, "GBP"),
            (50, 9_999_999_999, "JPY"),
            (1, 999_999_999_999, "IDR"),
            (10, 99_999_990, "KWD"),
            (1, 999_999, "ISK"),
            (100, 9_999_999_900, "MGA"),
        ] {
            assert_eq!((check(least, currency), check(most, currency)), (Ok(()), Ok(())));
            let (minimum, maximum) = (money(least, currency), money(most, currency));
            assert_eq!(check(least - 1, currency), Err(NotChargeable::TooSmall { minimum }));
            assert_eq!(check(0, currency), Err(NotChargeable::TooSmall { minimum }));
            assert_eq!(check(most + 1, currency), Err(NotChargeable::TooLarge { maximum }));
        }
        assert_eq!(check(1312, "KWD"), Err(NotChargeable::Step(10)));
        assert_eq!(check(1000, "VES"), Err(NotChargeable::Currency));
    }
}
