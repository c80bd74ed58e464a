//! Dates in the locale's format (`strftime`'s `%x`), and times of day.

use pure_rust_locales::{Locale, locale_match};
use time::{Date, Time};

/// The date in the locale's format, with two differences: the year has all its digits, since `01/02/03` is ambiguous, and
/// alternative digits and calendars (`%O`, `%E`) are ignored, as POSIX allows.
pub(super) fn write(locale: Locale, date: Date) -> String {
    let mut text = String::new();
    let mut rest = locale_match!(locale => LC_TIME::D_FMT).chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut directive = rest.next();
        let is_unpadded = directive == Some('-');
        while matches!(directive, Some('-' | 'O' | 'E')) {
            directive = rest.next();
        }
        if let Some(directive) = directive {
            text.push_str(&part(locale, date, directive, is_unpadded));
        }
    }
    text
}

/// Hours and minutes, on a 12-hour clock where the locale's format has one, else on a 24-hour clock.
pub(super) fn clock(locale: Locale, time: Time) -> String {
    let form = locale_match!(locale => LC_TIME::T_FMT);
    let halves = locale_match!(locale => LC_TIME::AM_PM);
    let has_halves = ["%r", "%I", "%OI", "%l"].iter().any(|directive| form.contains(directive));
    match halves.get(usize::from(time.hour() >= 12)).filter(|half| has_halves && !half.is_empty()) {
        Some(half) => {
            let hour = match time.hour() % 12 {
                0 => 12,
                hour => hour,
            };
            format!("{hour}:{:02} {half}", time.minute())
        }
        None => format!("{:02}:{:02}", time.hour(), time.minute()),
    }
}

/// One part of a date. Directives that no locale's date format has write nothing; a test makes sure that there are none.
fn part(locale: Locale, date: Date, directive: char, is_unpadded: bool) -> String {
    let day_of_week = usize::from(date.weekday().number_days_from_sunday());
    let month = usize::from(u8::from(date.month()));
    let padded = |number: usize| if is_unpadded { number.to_string() } else { format!("{number:02}") };
    let named = |names: &[&str], index: usize| names.get(index).copied().unwrap_or_default().to_owned();
    match directive {
        'd' => padded(usize::from(date.day())),
        'e' => date.day().to_string(),
        'm' => padded(month),
        'y' | 'Y' => date.year().to_string(),
        'F' => format!("{}-{month:02}-{:02}", date.year(), date.day()),
        'a' => named(locale_match!(locale => LC_TIME::ABDAY), day_of_week),
        'A' => named(locale_match!(locale => LC_TIME::DAY), day_of_week),
        'b' => named(locale_match!(locale => LC_TIME::ABMON), month - 1),
        'B' => named(locale_match!(locale => LC_TIME::MON), month - 1),
        // `C` is the century, which `y` has written.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use common::timestamp::Timestamp;

    use super::super::languages::LANGUAGES;
    use crate::locale::Zone;

    fn written(locale: &str, millis: i64) -> String {
        let moment = Timestamp::from_unix_millis(millis).unwrap();
        locale.parse::<crate::locale::Locale>().unwrap().date(moment, &Zone::utc())
    }

    /// 2026-11-05T23:59:59Z, a Thursday.
    const FIFTH: i64 = 1_793_923_199_000;

    #[test]
    fn a_day_is_written_in_the_locales_order_with_the_whole_year() {
        for (locale, text) in [
            ("en-US", "11/05/2026"),
            ("en-GB", "05/11/2026"),
            ("en-CA", "2026-11-05"),
            ("de-DE", "05.11.2026"),
            ("fr-FR", "05/11/2026"),
            ("nl-NL", "05-11-2026"),
            ("sv-SE", "2026-11-05"),
            ("nb-NO", "05. nov. 2026"),
            ("bg-BG", "5.11.2026"),
            ("hi-IN", "5/11/2026"),
            ("ja-JP", "2026年11月05日"),
            ("ko-KR", "2026년 11월 05일"),
            ("ar-KW", "05 نوف, 2026"),
            ("fa-IR", "2026/11/05"),
            ("lzh-TW", "2026年十一月05日"),
        ] {
            assert_eq!(written(locale, FIFTH), text, "{locale}");
        }
    }

    #[test]
    fn a_day_is_that_of_the_zone() {
        assert_eq!(written("en-GB", FIFTH + 1_000), "06/11/2026");
        let in_berlin = |millis| {
            let (moment, zone) = (Timestamp::from_unix_millis(millis).unwrap(), "Europe/Berlin".parse().unwrap());
            "en-GB".parse::<crate::locale::Locale>().unwrap().date(moment, &zone)
        };
        assert_eq!(in_berlin(FIFTH), "06/11/2026");
        assert_eq!(in_berlin(FIFTH - 3_600_000), "05/11/2026");
    }

    #[test]
    fn a_time_has_twelve_hours_where_the_locale_writes_them_and_24_elsewhere() {
        let at = |locale: &str, moment: &str| {
            locale.parse::<crate::locale::Locale>().unwrap().moment(moment.parse().unwrap(), &Zone::utc())
        };
        for (locale, moment, text) in [
            ("en-US", "2026-11-05T00:05:00Z", "11/05/2026, 12:05 AM"),
            ("en-US", "2026-11-05T12:00:00Z", "11/05/2026, 12:00 PM"),
            ("en-US", "2026-11-05T23:59:59Z", "11/05/2026, 11:59 PM"),
            ("en-GB", "2026-11-05T00:05:00Z", "05/11/2026, 00:05"),
            ("de-DE", "2026-11-05T23:59:59Z", "05.11.2026, 23:59"),
            ("fr-FR", "2026-11-05T13:07:00Z", "05/11/2026, 13:07"),
        ] {
            assert_eq!(at(locale, moment), text, "{locale}");
        }
    }

    #[test]
    fn no_locale_leaves_out_the_day_or_the_year() {
        for name in LANGUAGES {
            let text = written(&name.replace('_', "-"), FIFTH);
            assert!(text.contains('5') && text.contains("2026"), "{name}: {text}");
        }
    }
}
