//! Amounts in Stripe's units: ISO 4217's minor units, except for the currencies where [`common::money::Charge`] has
//! other decimals (<https://docs.stripe.com/currencies#special-cases>). ISK and UGX, which have no decimals, are
//! counted in hundredths; MGA, which has two, in whole units.

use common::money::{Currency, Money};

/// The amount in Stripe's units. Exact for every amount that passes [`Money::check_charge`]; callers must check it
/// first.
pub fn to_stripe(money: Money) -> i64 {
    let (ours, theirs) = decimals(money.currency);
    rescaled(money.amount, ours, theirs)
}

/// The amount in ISO 4217's minor units, from Stripe's units.
pub fn from_stripe(amount: i64, currency: Currency) -> i64 {
    let (ours, theirs) = decimals(currency);
    rescaled(amount, theirs, ours)
}

fn decimals(currency: Currency) -> (u32, u32) {
    let ours = currency.decimals();
    (ours, currency.charge().map_or(ours, |charge| charge.decimals))
}

fn rescaled(amount: i64, from: u32, to: u32) -> i64 {
    if to >= from { amount.saturating_mul(10_i64.pow(to - from)) } else { amount / 10_i64.pow(from - to) }
}

/// The currency's code as Stripe writes it, in lower case.
pub(crate) fn code(currency: Currency) -> String {
    currency.code().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, currency: &str) -> Money {
        Money { amount, currency: currency.parse().unwrap() }
    }

    #[test]
    fn amounts_are_minor_units_except_for_three_currencies() {
        for (currency, ours, theirs) in [
            ("USD", 1999, 1999),
            ("JPY", 1980, 1980),
            ("KWD", 1250, 1250),
            ("HUF", 17_550, 17_550),
            ("TWD", 80_045, 80_045),
            ("ISK", 500, 50_000),
            ("UGX", 7, 700),
            ("MGA", 2_000, 20),
        ] {
            let money = money(ours, currency);
            assert_eq!(to_stripe(money), theirs, "{currency}");
            assert_eq!(from_stripe(theirs, money.currency), ours, "{currency}");
        }
    }

    #[test]
    fn in_every_currency_that_stripe_charges_what_is_charged_is_what_was_ordered() {
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
        let mut random = fastrand::Rng::with_seed(4217);
        let mut tried = 0;
        for currency in codes.filter_map(|code| Currency::stored(&code)) {
            let Some(charge) = currency.charge() else { continue };
            tried += 1;
            let most = charge.maximum / charge.step;
            let steps = (0..50).map(|_| random.i64(1..=most)).chain([charge.minimum / charge.step, most]);
            for amount in steps.map(|steps| steps * charge.step) {
                let theirs = to_stripe(Money { amount, currency });
                assert_eq!(from_stripe(theirs, currency), amount, "{amount} {currency}");
                // The same amount of whole units, counted in two ways.
                let (ours, units) = (10_i128.pow(currency.decimals()), 10_i128.pow(charge.decimals));
                assert_eq!(i128::from(theirs) * ours, i128::from(amount) * units, "{amount} {currency}");
            }
        }
        assert_eq!(tried, 137);
    }
}
