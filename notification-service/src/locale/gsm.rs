//! Amounts and moments in the alphabet of text messages (3GPP TS 23.038).

use common::money::Money;
use pure_rust_locales::Locale;
use time::OffsetDateTime;

use crate::segments::is_gsm7;

/// The amount as [`super::money::write`] has it where GSM's alphabet allows; else with the currency's code; else in the format of
/// `en-US` with the code.
pub(super) fn money(locale: Locale, money: Money) -> String {
    let forms = [super::money::write, super::money::with_code];
    let fitting = forms.iter().find_map(|form| plain(&form(locale, money)));
    fitting.unwrap_or_else(|| plain(&super::money::with_code(Locale::en_US, money)).unwrap_or_default())
}

/// The text with plain spaces, apostrophes and minus signs, where GSM's alphabet has all of it.
pub(super) fn plain(text: &str) -> Option<String> {
    let plain = |c: char| match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '’' => '\'',
        '−' => '-',
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    is_gsm7(&text).then_some(text)
}

/// Date and time in the form of ISO 8601.
pub(super) fn iso(local: OffsetDateTime) -> String {
    format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_keeps_its_digits_and_never_leaves_the_alphabet() {
        for (locale, amount, currency, text) in [
            ("de-DE", 123_456, "EUR", "1.234,56 €"),
            ("en-GB", 123_456, "GBP", "£1,234.56"),
            ("fr-FR", 123_456, "EUR", "1 234,56 €"),
            ("de-CH", 123_456, "CHF", "CHF 1'234.56"),
            ("pl-PL", 123_456, "PLN", "1 234,56 PLN"),
            ("hi-IN", 123_456_789, "INR", "INR 12,34,567.89"),
            ("ja-JP", 1_980, "JPY", "JPY 1,980"),
            ("ko-KR", 1_980, "KRW", "KRW 1,980"),
            ("ar-KW", 6_150, "KWD", "KWD 6.150"),
            ("ar-SA", 123_456, "SAR", "1234.56 SAR"),
        ] {
            let locale: crate::locale::Locale = locale.parse().unwrap();
            let money = Money { amount, currency: currency.parse().unwrap() };
            assert_eq!(locale.gsm_money(money), text);
        }
        for (name, locale) in crate::locale::Locale::all() {
            for currency in ["EUR", "USD", "GBP", "JPY", "KWD", "INR", "PLN", "TRY", "UAH", "ILS", "THB", "VND"] {
                let money = Money { amount: 1_234_567, currency: currency.parse().unwrap() };
                let text = locale.gsm_money(money);
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                assert!(is_gsm7(&text) && digits == "1234567", "{name} {currency}: {text}");
            }
        }
    }

    #[test]
    fn a_moment_is_written_as_the_locale_has_it_or_as_iso_has_it() {
        let moment = "2026-11-05T21:07:00Z".parse().unwrap();
        let written = |locale: &str| {
            let locale: crate::locale::Locale = locale.parse().unwrap();
            locale.gsm_moment(moment, &"Europe/Berlin".parse().unwrap())
        };
        assert_eq!(written("de-DE"), "05.11.2026, 22:07");
        assert_eq!(written("en-US"), "11/05/2026, 10:07 PM");
        assert_eq!(written("ja-JP"), "2026-11-05 22:07");
        for (name, locale) in crate::locale::Locale::all() {
            let text = locale.gsm_moment(moment, &"Europe/Berlin".parse().unwrap());
            assert!(is_gsm7(&text) && text.contains("07") && text.contains('5'), "{name}: {text}");
        }
    }
}
