//! Telephone numbers, read by Google's rules for the numbering plan of each country (crate `rlibphonenumber`).

use std::{fmt, str::FromStr};

use rlibphonenumber::{NumberLengthType, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::country::CountryCode;
use crate::input::{Refusal, line};

/// Separates the number from the extension (RFC 3966).
const EXTENSION: &str = ";ext=";

/// Telephone number, accepted in the usual spellings (`+44 (0)20 7946 0000`, `+1 415 555 0123 ext. 7`) and answered in E.164 form, with an extension as in RFC 3966: `+14155550123;ext=7`. It must begin with `+` and the country's code; in an address it can be written as within the country.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 3, max_length = 40, examples("+14155550123"))]
pub struct Phone(String);

impl Phone {
    /// Reads a number. One without `+` and the country's code is read as dialled within `region`, and refused without a
    /// region. Its length must be possible in its numbering plan. Whether the plan assigns it is not checked: plans
    /// change more often than the data about them.
    pub fn read(text: &str, region: Option<CountryCode>) -> Result<Self, Refusal> {
        let refusal = || match region {
            None => invalid("must be a telephone number with + and its country's code, such as +14155550123"),
            Some(_) => {
                invalid("must be a telephone number of its country, or have + and its country's code: +14155550123")
            }
        };
        let text = line(text, 3..=40)?;
        let region = region.and_then(|country| Region::try_from(country.as_str()).ok());
        let number = PhoneNumber::parse(&text, region).map_err(|_| refusal())?;
        // Numbers that can be dialled only within a town, and short codes such as 112, cannot be called from elsewhere.
        if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
            return Err(refusal());
        }
        let e164 = number.format_as(PhoneNumberFormat::E164);
        let text = match number.extension.as_deref() {
            None | Some("") => e164.into_owned(),
            Some(extension) => format!("{e164}{EXTENSION}{extension}"),
        };
        Self::try_from(text).map_err(|_| refusal())
    }

    /// The number with its extension, if any, as it is stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without its extension: `+` and 7 to 15 digits.
    pub fn e164(&self) -> &str {
        self.parts().0
    }

    /// The extension, which is dialled after the call is answered.
    pub fn extension(&self) -> Option<&str> {
        self.parts().1
    }

    fn parts(&self) -> (&str, Option<&str>) {
        split(&self.0)
    }

    /// The country whose plan assigns the number; `None` when no plan does, and for satellite phones and similar
    /// numbers.
    pub fn country(&self) -> Option<CountryCode> {
        self.number()?.get_region_code()?.as_region_str().parse().ok()
    }

    /// Whether text messages can be sent to it: a number of a person that its plan assigns and that has no extension.
    /// No number whose owner may earn by what is sent there (premium rates, shared costs, personal numbers) and no
    /// service. A landline may be such a number: some networks read messages out, and where numbers can be taken along
    /// no plan says which are landlines.
    pub fn takes_texts(&self) -> bool {
        let takes = |number: PhoneNumber| {
            let is_a_persons = matches!(
                number.get_type(),
                PhoneNumberType::Mobile
                    | PhoneNumberType::FixedLineOrMobile
                    | PhoneNumberType::FixedLine
                    | PhoneNumberType::VoIP
            );
            number.is_valid() && is_a_persons
        };
        self.extension().is_none() && self.number().is_some_and(takes)
    }

    fn number(&self) -> Option<PhoneNumber> {
        PhoneNumber::parse(self.e164(), None).ok()
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(EXTENSION) {
        Some((e164, extension)) => (e164, Some(extension)),
        None => (text, None),
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("invalid_phone", message)
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

fn is_extension(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads a number with its country's code.
impl FromStr for Phone {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::read(text, None)
    }
}

/// Reads a number from a store or another service. It was normalised when it was accepted, so the plans are not
/// consulted again: that costs milliseconds the first time, and accepted numbers must stay readable.
impl TryFrom<String> for Phone {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        let (e164, extension) = split(&text);
        if !is_e164(e164) || !extension.is_none_or(is_extension) {
            return Err(invalid("must be a number of E.164 such as +14155550123"));
        }
        Ok(Self(text))
    }
}

/// The number in E.164 form, without its extension.
impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.e164())
    }
}

/// Leaves out the number, so that no log shows it.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, country: &str) -> Result<Phone, Refusal> {
        Phone::read(text, country.parse().ok())
    }

    #[test]
    fn a_number_is_kept_in_e164_form_however_it_is_written_in_its_country() {
        for (text, country, kept) in [
            ("+44 (0)20 7946 0000", "", "+442079460000"),
            ("+1 (415) 555-01.23", "", "+14155550123"),
            ("tel:+1-415-555-0123", "", "+14155550123"),
            ("＋４９ ３０ １２３４５６", "", "+4930123456"),
            ("020 7946 0000", "GB", "+442079460000"),
            ("0044 20 7946 0000", "DE", "+442079460000"),
            ("011 44 20 7946 0000", "US", "+442079460000"),
            ("(415) 555-0123", "US", "+14155550123"),
            ("1-800-FLOWERS", "US", "+18003569377"),
            ("030 123456", "DE", "+4930123456"),
            ("0 171 1234567", "DE", "+491711234567"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            // Italian zeros belong to the number, trunk zeros elsewhere do not.
            ("06 698 12345", "IT", "+390669812345"),
            ("+39 (0)6 698 12345", "", "+390669812345"),
            ("0549 886377", "SM", "+3780549886377"),
            ("011 15-2345-6789", "AR", "+5491123456789"),
            ("55 1234 5678", "MX", "+525512345678"),
            ("0 15 11 96123-4567", "BR", "+5511961234567"),
            ("06 1 234 5678", "HU", "+3612345678"),
            ("8 (495) 123-45-67", "RU", "+74951234567"),
            ("07 07 12 34 56", "CI", "+2250707123456"),
            ("01 90 01 12 34", "BJ", "+2290190011234"),
            ("090-1234-5678", "JP", "+819012345678"),
            ("9123 4567", "SG", "+6591234567"),
            ("9876 5432", "HK", "+85298765432"),
            ("138 0013 8000", "CN", "+8613800138000"),
            ("098765 43210", "IN", "+919876543210"),
            ("050 123 4567", "AE", "+971501234567"),
            ("0412 345 678", "AU", "+61412345678"),
            ("021 123 4567", "NZ", "+64211234567"),
            ("082 123 4567", "ZA", "+27821234567"),
            ("0532 123 45 67", "TR", "+905321234567"),
            ("٠١٠٠ ١٢٣ ٤٥٦٧", "EG", "+201001234567"),
            ("050-234-5678", "IL", "+972502345678"),
            ("512 345 678", "PL", "+48512345678"),
            ("406 12 345", "NO", "+4740612345"),
            ("049 123 456", "XK", "+38349123456"),
        ] {
            let phone = read(text, country).unwrap_or_else(|refusal| panic!("{text} {country}: {refusal}"));
            assert_eq!((phone.e164(), phone.extension()), (kept, None), "{text} {country}");
            assert_eq!(phone.to_string(), kept);
            assert_eq!(kept.parse::<Phone>().unwrap(), phone, "what is kept is read again");
        }
    }

    #[test]
    fn an_extension_is_kept_apart_from_the_number_and_behind_it_in_text() {
        for text in ["+1 415 555 0123 ext. 7", "+14155550123x7", "tel:+1-415-555-0123;ext=7", "+14155550123 #7"] {
            let phone: Phone = text.parse().unwrap();
            assert_eq!((phone.e164(), phone.extension()), ("+14155550123", Some("7")), "{text}");
            assert_eq!(serde_json::to_value(&phone).unwrap(), "+14155550123;ext=7");
            assert_eq!(serde_json::from_str::<Phone>("\"+14155550123;ext=7\"").unwrap(), phone);
            assert!(!phone.takes_texts(), "no text reaches an extension");
        }
    }

    #[test]
    fn what_is_no_number_that_can_be_dialled_from_anywhere_is_refused() {
        for (text, country) in [
            ("12", ""),
            ("112", "DE"),
            ("911", "US"),
            ("999", "GB"),
            ("555-0123", "US"),
            ("020 7946 0000", ""),
            ("4155550123", ""),
            ("004420 7946 0000", ""),
            ("+0155550123", ""),
            ("+999 123456789", ""),
            ("+123456", ""),
            ("+1234567890123456", ""),
            ("+1+4155550123", ""),
            ("+1 415 555 012", ""),
            ("call me", "GB"),
            ("+44 20 7946 0000 or 0001", ""),
            ("", "GB"),
        ] {
            let refused = read(text, country).map(|phone| phone.to_string()).map_err(|refusal| refusal.code);
            let code = if text.len() < 3 { "too_short" } else { "invalid_phone" };
            assert_eq!(refused, Err(code), "{text} {country}");
        }
    }

    #[test]
    fn texts_go_to_numbers_that_are_assigned_and_cost_the_usual() {
        for (text, takes) in [
            ("+447911123456", true),
            ("+442079460000", true),
            ("+14155550123", true),
            ("+491711234567", true),
            // Premium rate, shared cost, and a number of the right length that the plan does not have.
            ("+449098790000", false),
            ("+19002345678", false),
            ("+14150550123", false),
            // A personal number earns its owner money in some networks.
            ("+447012345678", false),
            // Ivorian numbers have ten digits since 2021.
            ("+2250101234567", true),
        ] {
            assert_eq!(text.parse::<Phone>().unwrap().takes_texts(), takes, "{text}");
        }
        // The form of before is no number any more.
        assert_eq!("+22501234567".parse::<Phone>().map_err(|refusal| refusal.code), Err("invalid_phone"));
    }

    #[test]
    fn a_number_knows_its_country() {
        for (text, country) in [
            ("+442079460000", Some("GB")),
            // Jersey has numbers under +44, too.
            ("+447700312345", Some("JE")),
            ("+16135550123", Some("CA")),
            ("+14155550123", Some("US")),
            ("+38349123456", Some("XK")),
            ("+77011234567", Some("KZ")),
            // An international toll-free number, which belongs to no country.
            ("+80012345678", None),
        ] {
            let found = text.parse::<Phone>().unwrap().country();
            assert_eq!(found.map(CountryCode::as_str), country, "{text}");
        }
    }

    #[test]
    fn a_stored_number_is_read_without_the_plans_and_not_shown_in_debug_output() {
        for stored in ["+1234567", "+999999999999999", "+14155550123;ext=12345678901234567890"] {
            assert_eq!(Phone::try_from(stored.to_owned()).unwrap().as_str(), stored);
        }
        for broken in ["1234567", "+123456", "+0123456789", "+1415555x123", "+14155550123;ext=", "+14155550123;ext=a"] {
            assert!(Phone::try_from(broken.to_owned()).is_err(), "{broken}");
        }
        assert_eq!(format!("{:?}", "+442079460000".parse::<Phone>().unwrap()), "Phone(..)");
    }
}
