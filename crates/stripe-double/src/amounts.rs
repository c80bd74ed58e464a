//! Amounts that Stripe takes: <https://docs.stripe.com/currencies>. No I/O.

use crate::refusal::Refusal;

/// The largest amount in minor units: eight digits, or more where Stripe says so.
fn maximum(currency: &str) -> i64 {
    match currency {
        "inr" => 999_999_999,
        "cop" | "huf" | "jpy" => 9_999_999_999,
        "lbp" => 99_999_999_999,
        "idr" => 999_999_999_999,
        _ => 99_999_999,
    }
}

const CURRENCIES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn \
     bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg \
     huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur \
     mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd \
     shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw";

/// How many of an amount's digits are decimals. ISK and UGX have none, and are counted in hundredths all the same.
fn decimals(currency: &str) -> usize {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
        | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

/// The smallest amount of a charge: <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>. Where Stripe
/// has none of its own, it converts from the account's currency; 50 here.
fn minimum(currency: &str) -> i64 {
    match currency {
        "gbp" => 30,
        "bgn" => 100,
        "aed" | "myr" | "pln" | "ron" => 200,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 50,
    }
}

/// An amount of a currency of two decimals, in the minor units of this one; where there are no decimals, the number alone.
fn in_minor_units(hundredths: i64, currency: &str) -> i64 {
    if decimals(currency) == 3 { hundredths * 10 } else { hundredths }
}

/// What Stripe keeps of a charge: 2.9 % and 0.30, as in the USA; of currencies without decimals, 2.9 % alone.
pub(crate) fn processing_fee(amount: i64, currency: &str) -> i64 {
    let fixed = if decimals(currency) == 0 { 0 } else { in_minor_units(30, currency) };
    ((amount * 29 + 500) / 1_000 + fixed).min(amount)
}

/// What Stripe takes for a dispute: 15.00.
pub(crate) fn dispute_fee(currency: &str) -> i64 {
    in_minor_units(1_500, currency)
}

/// `$10.00`, `¥500`, `10.00 CHF`
pub(crate) fn written(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let grouped = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
    let number = if part.is_empty() { grouped } else { format!("{grouped}.{part}") };
    match currency {
        "usd" => format!("${number}"),
        "eur" => format!("€{number}"),
        "gbp" => format!("£{number}"),
        "jpy" => format!("¥{number}"),
        other => format!("{number} {}", other.to_uppercase()),
    }
}

/// Whether a charge of that much can be made. `currency` in lower case.
pub(crate) fn check(amount: i64, currency: &str) -> Result<(), Refusal> {
    let refuse = |code: Option<&str>, message: String| Err(Refusal::invalid(code, Some("amount"), message));
    let maximum = maximum(currency);
    if amount > maximum {
        let message = format!("Amount must be no more than {}", written(maximum, currency));
        return refuse(Some("amount_too_large"), message);
    }
    let minimum = minimum(currency);
    if amount < minimum {
        let message = format!("Amount must be at least {} {currency}", written(minimum, currency));
        return refuse(Some("amount_too_small"), message);
    }
    if decimals(currency) == 3 && amount % 10 != 0 {
        return refuse(None, format!("Amounts of {currency} must be rounded to the nearest ten."));
    }
    if matches!(currency, "isk" | "ugx") && amount % 100 != 0 {
        return refuse(None, format!("Amounts of {currency} must be divisible by 100."));
    }
    Ok(())
}

/// A currency in lower case, where Stripe has it.
pub(crate) fn currency(text: &str) -> Result<String, Refusal> {
    let lower = text.to_lowercase();
    if lower.len() == 3 && CURRENCIES.split(' ').any(|known| known == lower) {
        return Ok(lower);
    }
    let known = CURRENCIES.split_whitespace().collect::<Vec<_>>().join(", ");
    let message = format!("Invalid currency: {lower}. Stripe currently supports these currencies: {known}");
    Err(Refusal::invalid_parameter("currency", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_their_decimals() {
        for (amount, currency, expected) in [
            (50, "usd", "$0.50"),
            (99_999_999, "usd", "$999,999.99"),
            (5, "gbp", "£0.05"),
            (1980, "jpy", "¥1,980"),
            (12_340, "kwd", "12.340 KWD"),
        ] {
            assert_eq!(written(amount, currency), expected);
        }
    }

    #[test]
    fn fees_are_rounded_and_never_more_than_the_amount() {
        let fees = [(2_000, "usd", 88), (50, "usd", 31), (10, "usd", 10), (1_000, "jpy", 29), (10_000, "kwd", 590)];
        for (amount, currency, fee) in fees {
            assert_eq!(processing_fee(amount, currency), fee, "{amount} {currency}");
        }
        assert_eq!((dispute_fee("usd"), dispute_fee("kwd")), (1_500, 15_000));
    }

    #[test]
    fn the_limits_are_stripes() {
        let code =
            |amount, currency| check(amount, currency).err().map(|refusal| refusal.body()["error"]["code"].clone());
        assert_eq!(code(50, "usd"), None);
        assert_eq!(code(49, "usd").unwrap(), "amount_too_small");
        assert_eq!(code(29, "gbp").unwrap(), "amount_too_small");
        for (most, in_currency) in
            [(99_999_999, "usd"), (9_999_999_999, "jpy"), (999_999_999_999, "idr"), (99_999_900, "isk")]
        {
            assert_eq!(code(most, in_currency), None, "{in_currency}");
            assert_eq!(code(most + 100, in_currency).unwrap(), "amount_too_large", "{in_currency}");
        }
        assert!(check(1234, "kwd").is_err() && check(1230, "kwd").is_ok());
        assert!(check(150, "ugx").is_err() && check(200, "ugx").is_ok());
        assert!(currency("zzz").is_err() && currency("us").is_err());
        assert_eq!(currency("EUR").unwrap(), "eur");
    }
}
