//! Postal addresses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PersonName, country::CountryCode, phone::Phone, web_address};
use crate::input::{Fields, FromFields, Refusal, line};

/// Line of an address, such as a street, a city or a region. It must not contain a web address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 100, examples("12 St James's Square"))]
pub struct AddressLine(String);

impl AddressLine {
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AddressLine {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).and_then(web_address::refuse).map(Self)
    }
}

/// Postal code. Its form differs by country, so only its length is limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 16, examples("SW1Y 4JH"))]
pub struct PostalCode(String);

impl PostalCode {
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The code, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PostalCode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=16).and_then(web_address::refuse).map(Self)
    }
}

/// Postal address with its recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null, "city": "London", "region": null,
    "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123"
}))]
pub struct PostalAddress {
    /// Full name of the recipient.
    pub name: PersonName,
    /// Street and house number.
    pub line1: AddressLine,
    /// Second line, such as flat, floor or company.
    pub line2: Option<AddressLine>,
    /// City or town.
    pub city: AddressLine,
    /// State, province or county, in countries that use one.
    pub region: Option<AddressLine>,
    /// Postal code, in countries that use one.
    pub postal_code: Option<PostalCode>,
    /// Country, as its ISO 3166-1 alpha-2 code.
    pub country: CountryCode,
    /// Phone number for the carrier.
    pub phone: Option<Phone>,
}

impl PostalAddress {
    /// Reads the address of a placed order, which was checked by the rules of its time and is not checked by today's.
    pub fn stored(fields: &mut Fields<'_>) -> Option<Self> {
        Self::read::<Stored<PersonName>, Stored<AddressLine>, Stored<PostalCode>>(fields, |fields, _| {
            fields.optional_text("phone").map(|phone| phone.map(|Stored(phone)| phone))
        })
    }

    /// Reads names, lines and codes as the given types, and the telephone number by the rules of the country.
    fn read<Name: Reads<PersonName>, Line: Reads<AddressLine>, Code: Reads<PostalCode>>(
        fields: &mut Fields<'_>,
        phone: impl FnOnce(&mut Fields<'_>, Option<CountryCode>) -> Option<Option<Phone>>,
    ) -> Option<Self> {
        let name = fields.text::<Name>("name");
        let line1 = fields.text::<Line>("line1");
        let line2 = fields.optional_text::<Line>("line2");
        let city = fields.text::<Line>("city");
        let region = fields.optional_text::<Line>("region");
        let postal_code = fields.optional_text::<Code>("postal_code");
        let country = fields.text("country");
        let phone = phone(fields, country);
        Some(Self {
            name: name?.word(),
            line1: line1?.word(),
            line2: line2?.map(Line::word),
            city: city?.word(),
            region: region?.map(Line::word),
            postal_code: postal_code?.map(Code::word),
            country: country?,
            phone: phone?,
        })
    }
}

/// A way to read a value: the type itself, by today's rules, or [`Stored`].
trait Reads<Word>: FromStr<Err = Refusal> {
    fn word(self) -> Word;
}

impl<Word: FromStr<Err = Refusal>> Reads<Word> for Word {
    fn word(self) -> Word {
        self
    }
}

impl<Word: TryFrom<String, Error = Refusal>> Reads<Word> for Stored<Word> {
    fn word(self) -> Word {
        self.0
    }
}

/// A stored value, which is not checked again. Line breaks and overrides of direction become spaces.
struct Stored<T>(T);

fn plain(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_alphanumeric() || c.is_ascii_punctuation() { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<T: TryFrom<String, Error = Refusal>> FromStr for Stored<T> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = line(text, 1..=100).or_else(|_| line(&plain(text), 1..=100))?;
        T::try_from(text).map(Self)
    }
}

impl FromFields for PostalAddress {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Self::read::<PersonName, AddressLine, PostalCode>(fields, dialled)
    }
}

/// Reads the telephone number, as dialled in the country of the address. Without a country, only its length is checked.
#[expect(clippy::option_option, reason = "refused, absent, given")]
fn dialled(fields: &mut Fields<'_>, country: Option<CountryCode>) -> Option<Option<Phone>> {
    match (fields.optional_text("phone"), country) {
        (Some(Some(Written(text))), Some(country)) => match Phone::read(&text, Some(country)) {
            Ok(phone) => Some(Some(phone)),
            Err(refusal) => fields.refuse("phone", refusal.code, refusal.message),
        },
        (phone, _) => phone.map(|_| None),
    }
}

/// A telephone number that is not parsed.
struct Written(String);

impl FromStr for Written {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 3..=40).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn the_address_of_an_order_is_read_as_it_is_stored_and_a_clients_by_the_rules_of_today() {
        struct OfOrder(PostalAddress);
        impl FromFields for OfOrder {
            fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
                PostalAddress::stored(fields).map(Self)
            }
        }
        let old = json!({"name": "Booking.com", "line1": "1 High Street", "line2": null, "city": "London", "region": null,
            "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+4402079460000"});
        let read = Fields::read::<OfOrder>(old.clone()).unwrap().0;
        assert_eq!(to_value(&read).unwrap(), old);
        assert_eq!(Fields::read::<PostalAddress>(old.clone()).unwrap_err()[0].code, "web_address");
        let mut turned = old.clone();
        turned["name"] = json!("Ada\u{202e}\r\nBcc: eve");
        assert_eq!(Fields::read::<OfOrder>(turned).unwrap().0.name.as_str(), "Ada Bcc: eve");
        let mut nameless = old;
        nameless["name"] = json!("");
        assert_eq!(Fields::read::<OfOrder>(nameless).map(|_| ()).unwrap_err()[0].pointer, "/name");
    }

    #[test]
    fn an_address_needs_a_name_a_line_a_city_and_a_country() {
        let address = json!({"name": "Ada", "line1": "1 High St", "city": "Oxford", "country": "GB"});
        let address = Fields::read::<PostalAddress>(address).unwrap();
        assert_eq!((address.line2, address.region, address.postal_code, address.phone), (None, None, None, None));
        let errors = Fields::read::<PostalAddress>(json!({"postal_code": ""})).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/line1", "/city", "/postal_code", "/country"]);
    }

    #[test]
    fn a_telephone_number_may_be_written_as_within_the_country_of_the_address() {
        let read = |phone: &str, country: &str| {
            let address = json!({"name": "Ada", "line1": "1 High St", "city": "C", "country": country, "phone": phone});
            let read = Fields::read::<PostalAddress>(address);
            read.map(|address| address.phone.map(|phone| phone.as_str().to_owned())).map_err(|errors| {
                errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>().join(", ")
            })
        };
        assert_eq!(read("020 7946 0000", "GB"), Ok(Some("+442079460000".to_owned())));
        assert_eq!(read("+49 30 123456 ext. 3", "GB"), Ok(Some("+4930123456;ext=3".to_owned())));
        assert_eq!(read("999", "GB"), Err("/phone invalid_phone".to_owned()));
        assert_eq!(read("12", "UK"), Err("/country unknown_country, /phone too_short".to_owned()));
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let whole = json!({
            "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": "Flat 1", "city": "London",
            "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123"
        });
        let address = Fields::read::<PostalAddress>(whole.clone()).unwrap();
        assert_eq!(to_value(&address).unwrap(), whole);
        assert_eq!(from_value::<PostalAddress>(whole).unwrap(), address);
    }
}
