//! Amounts as Stripe counts them. Mostly ISO 4217's minor units; these differ
//! (<https://docs.stripe.com/currencies#special-cases>): ISK and UGX, which have no decimals, are counted in hundredths.

use common::money::{Currency, Money};

/// The factor from our minor units to Stripe's.
fn factor(currency: Currency) -> i64 {
    if matches!(currency.to_string().as_str(), "ISK" | "UGX") { 100 } else { 1 }
}

/// What Stripe is told for `money`. Amounts of three decimals must end in 0 there; Stripe says so where they don't.
pub fn to_stripe(money: Money) -> i64 {
    money.amount.saturating_mul(factor(money.currency))
}

/// Our minor units for an amount of Stripe's.
pub fn from_stripe(amount: i64, currency: Currency) -> i64 {
    amount / factor(currency)
}

/// A currency as Stripe writes it.
pub(crate) fn code(currency: Currency) -> String {
    currency.to_string().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_minor_units_except_for_two_currencies() {
        for (currency, ours, theirs) in
            [("USD", 1999, 1999), ("JPY", 1980, 1980), ("KWD", 1250, 1250), ("ISK", 500, 50_000), ("UGX", 7, 700)]
        {
            let currency = currency.parse().unwrap();
            assert_eq!(to_stripe(Money { amount: ours, currency }), theirs);
            assert_eq!(from_stripe(theirs, currency), ours);
        }
    }
}
