//! Formats of money and dates by locale, from the GNU C library's data (crate `pure-rust-locales`). Why those:
//! `docs/decisions/0011-mail-templates-and-locales.md`.

mod date;
mod gsm;
mod languages;
mod money;
mod zone;

use std::str::FromStr;

use common::{input::Refusal, locale::LanguageTag, money::Money, timestamp::Timestamp};
use pure_rust_locales::Locale as Data;

use self::languages::{AREAS, LANGUAGES, SCRIPTS};
pub use self::zone::Zone;

/// A locale, found by a language tag of BCP 47 such as `en-GB`.
///
/// For a well-formed tag that is unknown or has no region, its language decides (`de-US` is `de-DE`); an unknown language is
/// [`Locale::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale(Data);

impl Locale {
    /// An amount with its currency, such as `€1,234.56` or `1.234,56 €`.
    pub fn money(self, money: Money) -> String {
        money::write(self.0, money)
    }

    /// The date of a moment, in the zone.
    pub fn date(self, moment: Timestamp, zone: &Zone) -> String {
        date::write(self.0, zone.local(moment).date())
    }

    /// Date and time of a moment, in the zone.
    pub fn moment(self, moment: Timestamp, zone: &Zone) -> String {
        let local = zone.local(moment);
        format!("{}, {}", date::write(self.0, local.date()), date::clock(self.0, local.time()))
    }

    /// An amount in GSM's alphabet: one character outside of it would more than double the size of a text message.
    pub fn gsm_money(self, money: Money) -> String {
        gsm::money(self.0, money)
    }

    /// Date and time of a moment in GSM's alphabet.
    pub fn gsm_moment(self, moment: Timestamp, zone: &Zone) -> String {
        gsm::plain(&self.moment(moment, zone)).unwrap_or_else(|| gsm::iso(zone.local(moment)))
    }

    /// One locale of each language, for tests of rules that hold in all of them.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let locale = |name: &&'static str| Some((*name, name.replace('_', "-").parse().ok()?));
        LANGUAGES.iter().filter_map(locale)
    }

    /// The locale of this tag, or the closest one.
    pub fn closest(tag: &LanguageTag) -> Self {
        let exact = tag.region().and_then(|region| with_modifier(&format!("{}_{region}", tag.language()), tag));
        let by_language = || {
            let is_its = |name: &&&str| name.split('_').next() == Some(tag.language());
            LANGUAGES.iter().find(is_its).and_then(|name| with_modifier(name, tag))
        };
        exact.or_else(by_language).map_or_else(Self::default, Self)
    }
}

/// `en-US`.
impl Default for Locale {
    fn default() -> Self {
        Self(Data::en_US)
    }
}

impl From<&LanguageTag> for Locale {
    fn from(tag: &LanguageTag) -> Self {
        Self::closest(tag)
    }
}

impl FromStr for Locale {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse::<LanguageTag>().map(|tag| Self::from(&tag))
    }
}

/// The locale of this name, in the tag's script or variant where the data have it.
fn with_modifier(name: &str, tag: &LanguageTag) -> Option<Data> {
    let of_script = tag.script().and_then(|script| SCRIPTS.iter().find(|(code, _)| *code == script));
    if let Some((_, replacement)) = of_script.filter(|(_, to)| to.split('_').next() == name.split('_').next()) {
        // An explicit region outweighs the script: zh-Hant-HK is Hong Kong's.
        let name = if tag.region().is_some() { name } else { replacement };
        return Data::try_from(name).ok();
    }
    let script = of_script.map(|(_, modifier)| *modifier);
    let modified =
        script.into_iter().chain(tag.variants()).find_map(|it| Data::try_from(&*format!("{name}@{it}")).ok());
    let area = AREAS.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to);
    modified.or_else(|| Data::try_from(area).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tag: &str) -> String {
        tag.parse::<Locale>().unwrap_or_else(|error| panic!("{tag} {error}")).0.to_string()
    }

    #[test]
    fn a_tag_finds_its_locale_in_any_capitals() {
        for (tag, name) in [
            ("en-GB", "en_GB"),
            ("EN-gb", "en_GB"),
            ("de-DE", "de_DE"),
            ("ja-JP", "ja_JP"),
            ("ar-KW", "ar_KW"),
            ("fil-PH", "fil_PH"),
            ("sr-Latn-RS", "sr_RS@latin"),
            ("sr-Cyrl-RS", "sr_RS"),
            ("uz-Cyrl-UZ", "uz_UZ@cyrillic"),
            ("ca-ES-valencia", "ca_ES@valencia"),
            ("zh-Hant-HK", "zh_HK"),
            ("zh-Hans-SG", "zh_SG"),
            ("en-GB-u-ca-gregory-x-shop", "en_GB"),
        ] {
            assert_eq!(found(tag), name, "{tag}");
        }
    }

    #[test]
    fn a_tag_that_is_unknown_or_says_too_little_falls_back_to_its_language_and_then_to_en_us() {
        for (tag, name) in [
            ("en", "en_US"),
            ("pt", "pt_BR"),
            ("ja", "ja_JP"),
            ("no", "nb_NO"),
            ("eo", "eo"),
            ("de-US", "de_DE"),
            ("ar-001", "ar_EG"),
            ("en-150", "en_GB"),
            ("es-419", "es_MX"),
            ("zh-Hant", "zh_TW"),
            ("zh-Hans", "zh_CN"),
            ("sr-Latn", "sr_RS@latin"),
            ("tlh", "en_US"),
            ("tlh-GB", "en_US"),
            ("x-shop", "en_US"),
            ("i-klingon", "en_US"),
            ("root", "en_US"),
            ("zh-cmn-Hans-CN", "zh_CN"),
        ] {
            assert_eq!(found(tag), name, "{tag}");
        }
    }

    #[test]
    fn a_tag_that_is_malformed_is_refused() {
        let long = format!("en-{}", "abcdefgh-".repeat(8));
        for tag in [
            "",
            "e",
            "1",
            "en_GB",
            "en-",
            "-en",
            "en--GB",
            "en-G",
            "en-GBR1-",
            "en-GB-",
            "en-u",
            "en-x",
            "englishlanguage",
            "en-GB-u-",
            "en GB",
            "ën",
            "en-GB-GB",
            &long,
        ] {
            assert_eq!(tag.parse::<Locale>().map_err(|refusal| refusal.code), Err("invalid_locale"), "{tag}");
        }
    }
}
