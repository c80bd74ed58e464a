//! What an address is.

use std::str::FromStr;

use common::{
    id::Id,
    input::{Fields, FromFields, Refusal, line},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::countries::CODES;
use crate::users::domain::{PersonName, Phone};

/// Labels ids of addresses.
#[derive(Debug)]
pub enum Labelled {}

/// The id of an address.
pub type AddressId = Id<Labelled>;

/// One line of an address: a street, a city, a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[sqlx(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, examples("12 St James's Square"))]
pub struct AddressLine(String);

impl FromStr for AddressLine {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=100).map(Self)
    }
}

/// A postal code. Its form differs by country, so only its length is limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[sqlx(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 16, examples("SW1Y 4JH"))]
pub struct PostalCode(String);

impl FromStr for PostalCode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=16).map(Self)
    }
}

/// A country, by its ISO 3166-1 alpha-2 code in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$", examples("GB"))]
pub struct CountryCode(&'static str);

impl CountryCode {
    /// The two letters.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for CountryCode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = CODES.binary_search(&text).ok().map(|index| Self(CODES[index]));
        known.ok_or_else(|| Refusal::new("unknown_country", "must be a country code of ISO 3166-1 such as GB"))
    }
}

/// An address of a user. It never changes: an order that used it keeps a copy, and a user who moves adds another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, FromRow)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null,
    "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123",
    "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Address {
    /// Its id.
    #[sqlx(try_from = "Uuid")]
    pub id: AddressId,
    /// Who receives what is sent there.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Street and number.
    #[schema(value_type = AddressLine)]
    pub line1: String,
    /// Flat, floor, company.
    #[schema(value_type = Option<AddressLine>, required)]
    pub line2: Option<String>,
    /// City or town.
    #[schema(value_type = AddressLine)]
    pub city: String,
    /// State, province, county.
    #[schema(value_type = Option<AddressLine>, required)]
    pub region: Option<String>,
    /// Where addresses have one.
    #[schema(value_type = Option<PostalCode>, required)]
    pub postal_code: Option<String>,
    /// The country.
    #[schema(value_type = CountryCode)]
    pub country: String,
    /// For the carrier.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// Whether it is used unless the customer says otherwise.
    pub is_default: bool,
    /// When it was added.
    #[sqlx(try_from = "OffsetDateTime")]
    pub created_at: Timestamp,
}

/// An address to be added.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
    "phone": "+442079460123", "is_default": true
}))]
pub struct NewAddress {
    /// Who receives what is sent there.
    pub name: PersonName,
    /// Street and number.
    pub line1: AddressLine,
    /// Flat, floor, company.
    pub line2: Option<AddressLine>,
    /// City or town.
    pub city: AddressLine,
    /// State, province, county; where addresses have one.
    pub region: Option<AddressLine>,
    /// Where addresses have one.
    pub postal_code: Option<PostalCode>,
    /// The country.
    pub country: CountryCode,
    /// For the carrier.
    pub phone: Option<Phone>,
    /// Whether to use it unless the customer says otherwise. The first address is the default in any case.
    #[schema(value_type = Option<bool>)]
    pub is_default: bool,
}

impl FromFields for NewAddress {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name");
        let line1 = fields.text("line1");
        let line2 = fields.optional_text("line2");
        let city = fields.text("city");
        let region = fields.optional_text("region");
        let postal_code = fields.optional_text("postal_code");
        let country = fields.text("country");
        let phone = fields.optional_text("phone");
        let is_default = fields.flag("is_default");
        Some(Self {
            name: name?,
            line1: line1?,
            line2: line2?,
            city: city?,
            region: region?,
            postal_code: postal_code?,
            country: country?,
            phone: phone?,
            is_default: is_default?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_codes_are_in_order_and_of_two_capitals() {
        assert!(CODES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CODES.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn a_country_is_known_by_its_code_in_capitals_only() {
        assert_eq!("GB".parse::<CountryCode>().unwrap().as_str(), "GB");
        for text in ["gb", "UK", "GBR", "XX", "EU", ""] {
            assert!(text.parse::<CountryCode>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn an_address_needs_a_name_a_line_a_city_and_a_country() {
        let address = json!({"name": "Ada", "line1": "1 High St", "city": "Oxford", "country": "GB"});
        let address = Fields::read::<NewAddress>(address).unwrap();
        assert!(!address.is_default && address.postal_code.is_none());
        let errors = Fields::read::<NewAddress>(json!({"is_default": "yes", "postal_code": ""})).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/line1", "/city", "/postal_code", "/country", "/is_default"]);
    }
}
