//! Amounts as text, without floating-point numbers in between.

use common::money::Money;
use pure_rust_locales::{Locale, locale_match};

/// Keeps an amount and its currency on one line.
const NO_BREAK_SPACE: char = '\u{a0}';

/// The amount in the locale's format, with the currency's symbol if it is the locale's own, else with its ISO code, since `$`
/// means another currency in another country.
pub(super) fn write(locale: Locale, money: Money) -> String {
    let own = locale_match!(locale => LC_MONETARY::INT_CURR_SYMBOL);
    if own.trim_end() != money.currency.code() {
        return with_code(locale, money);
    }
    let symbol = locale_match!(locale => LC_MONETARY::CURRENCY_SYMBOL);
    let is_apart = locale_match!(locale => LC_MONETARY::P_SEP_BY_SPACE) > 0;
    placed(locale, money, symbol, comes_first(locale), is_apart)
}

/// The amount in the locale's format, with the currency's ISO code.
pub(super) fn with_code(locale: Locale, money: Money) -> String {
    let first = locale_match!(locale => LC_MONETARY::INT_P_CS_PRECEDES).map_or(comes_first(locale), |first| first != 0);
    // POSIX writes the space into the code itself, as its fourth character.
    placed(locale, money, money.currency.code(), first, true)
}

fn comes_first(locale: Locale) -> bool {
    locale_match!(locale => LC_MONETARY::P_CS_PRECEDES) != 0
}

fn placed(locale: Locale, money: Money, name: &str, comes_first: bool, is_apart: bool) -> String {
    let amount = amount(locale, money.amount.unsigned_abs(), money.currency.decimals());
    let space = if is_apart { String::from(NO_BREAK_SPACE) } else { String::new() };
    let sign = if money.amount < 0 { "-" } else { "" };
    if comes_first { format!("{sign}{name}{space}{amount}") } else { format!("{sign}{amount}{space}{name}") }
}

/// Minor units as a decimal, with the locale's separators.
fn amount(locale: Locale, minor: u64, decimals: u32) -> String {
    let unit = 10_u64.pow(decimals);
    let separator = locale_match!(locale => LC_MONETARY::MON_THOUSANDS_SEP);
    let whole = grouped(&(minor / unit).to_string(), locale_match!(locale => LC_MONETARY::MON_GROUPING), separator);
    if decimals == 0 {
        return whole;
    }
    let (point, width) = (locale_match!(locale => LC_MONETARY::MON_DECIMAL_POINT), decimals as usize);
    format!("{whole}{point}{:0width$}", minor % unit)
}

/// Digits in groups, counted from the right. The last size repeats; -1 means that no more groups follow (POSIX, 7.3.3).
fn grouped(digits: &str, sizes: &[i64], separator: &str) -> String {
    let mut sizes = sizes.iter().copied();
    let (mut groups, mut rest, mut last) = (Vec::new(), digits, None);
    loop {
        last = sizes.next().or(last);
        match last.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0) {
            Some(size) if rest.len() > size => {
                let (left, group) = rest.split_at(rest.len() - size);
                groups.push(group);
                rest = left;
            }
            _ => break,
        }
    }
    groups.push(rest);
    groups.reverse();
    groups.join(separator)
}

#[cfg(test)]
mod tests {
    use common::money::MAX_AMOUNT;

    use super::*;

    fn written(locale: &str, amount: i64, currency: &str) -> String {
        let locale: crate::locale::Locale = locale.parse().unwrap();
        locale.money(Money { amount, currency: currency.parse().unwrap() })
    }

    /// The CLDR shows these without decimals, or with fewer: what was charged is written as it was charged.
    #[test]
    fn decimals_are_those_of_iso_4217_and_not_what_the_cldr_shows() {
        for (amount, currency, text) in [
            (1_234_550, "HUF", "HUF\u{a0}12,345.50"),
            (1_234_550, "COP", "COP\u{a0}12,345.50"),
            (1_234_550, "IDR", "IDR\u{a0}12,345.50"),
            (1_234_500, "MGA", "MGA\u{a0}12,345.00"),
            (1_234_500, "TWD", "TWD\u{a0}12,345.00"),
            (12_345, "ISK", "ISK\u{a0}12,345"),
            (12_345, "CLP", "CLP\u{a0}12,345"),
            (12_340, "KWD", "KWD\u{a0}12.340"),
        ] {
            assert_eq!(written("en-US", amount, currency), text);
        }
    }

    #[test]
    fn every_locale_writes_its_own_currency_with_its_symbol() {
        for (locale, amount, currency, text) in [
            ("en-US", 123_456, "USD", "$1,234.56"),
            ("en-GB", 123_456, "GBP", "£1,234.56"),
            ("en-IE", 123_456, "EUR", "€1,234.56"),
            ("de-DE", 123_456, "EUR", "1.234,56\u{a0}€"),
            ("de-CH", 123_456, "CHF", "CHF\u{a0}1’234.56"),
            ("fr-FR", 123_456, "EUR", "1\u{202f}234,56\u{a0}€"),
            ("fr-CA", 123_456, "CAD", "1\u{202f}234,56\u{a0}$"),
            ("nl-NL", 123_456, "EUR", "€\u{a0}1.234,56"),
            ("sv-SE", 123_456, "SEK", "1\u{202f}234,56\u{a0}kr"),
            ("da-DK", 123_456, "DKK", "kr.\u{a0}1.234,56"),
            ("pl-PL", 123_456, "PLN", "1\u{202f}234,56\u{a0}zł"),
            ("pt-BR", 123_456, "BRL", "R$\u{a0}1.234,56"),
            ("es-ES", 123_456, "EUR", "1.234,56\u{a0}€"),
            ("ja-JP", 1_980, "JPY", "￥1,980"),
            ("ko-KR", 1_234_567, "KRW", "₩1,234,567"),
            ("hi-IN", 123_456_789, "INR", "₹12,34,567.89"),
            ("ar-KW", 6_150, "KWD", "د.ك.\u{a0}6.150"),
            ("ar-TN", 1_234_567, "TND", "د.ت.\u{a0}1,234.567"),
            ("ar-SA", 123_456_789, "SAR", "1234567.89\u{a0}ر.س"),
        ] {
            assert_eq!(written(locale, amount, currency), text, "{locale}");
        }
    }

    #[test]
    fn every_locale_writes_other_currencies_with_their_code() {
        for (locale, amount, currency, text) in [
            ("en-US", 123_456, "EUR", "EUR\u{a0}1,234.56"),
            ("en-GB", 123_456, "USD", "USD\u{a0}1,234.56"),
            ("en-AU", 1_999, "USD", "USD\u{a0}19.99"),
            ("de-DE", 123_456, "USD", "1.234,56\u{a0}USD"),
            ("de-DE", 1_980, "JPY", "1.980\u{a0}JPY"),
            ("fr-FR", 6_150, "KWD", "6,150\u{a0}KWD"),
            ("ja-JP", 123_456, "USD", "USD\u{a0}1,234.56"),
            ("ar-KW", 123_456, "USD", "USD\u{a0}1,234.56"),
        ] {
            assert_eq!(written(locale, amount, currency), text, "{locale} {currency}");
        }
    }

    #[test]
    fn amounts_keep_every_digit_from_the_smallest_to_the_largest() {
        assert_eq!(written("en-US", 0, "USD"), "$0.00");
        assert_eq!(written("en-US", 5, "USD"), "$0.05");
        assert_eq!(written("ar-KW", 5, "KWD"), "د.ك.\u{a0}0.005");
        assert_eq!(written("ja-JP", 0, "JPY"), "￥0");
        assert_eq!(written("en-US", 99_999, "USD"), "$999.99");
        assert_eq!(written("en-US", MAX_AMOUNT, "USD"), "$9,999,999,999.99");
        assert_eq!(written("ja-JP", MAX_AMOUNT, "JPY"), "￥999,999,999,999");
        assert_eq!(written("de-DE", -123_456, "EUR"), "-1.234,56\u{a0}€");
    }

    #[test]
    fn groups_have_the_sizes_of_the_locale() {
        assert_eq!(grouped("123456789", &[3, 2], ","), "12,34,56,789");
        assert_eq!(grouped("123456789", &[4], ","), "1,2345,6789");
        assert_eq!(grouped("123456", &[3, -1], ","), "123,456");
        assert_eq!(grouped("1234567", &[3, -1], ","), "1234,567");
        assert_eq!(grouped("123456", &[-1], ","), "123456");
        assert_eq!(grouped("123456", &[], ","), "123456");
        assert_eq!(grouped("123", &[3], ","), "123");
    }
}
