//! Addresses.

use common::{
    contact::{AddressLine, CountryCode, PersonName, Phone, PostalAddress, PostalCode},
    id::Id,
    input::{Fields, FromFields},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Marks the id of an address.
#[derive(Debug)]
pub enum AddressMarker {}
/// The id of an address.
pub type AddressId = Id<AddressMarker>;

/// An address of a user. Addresses cannot be changed: an order keeps a copy, and a user who moves adds another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null,
    "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123",
    "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Address {
    /// Id of the address.
    pub id: AddressId,
    /// Full name of the recipient.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Street and house number.
    #[schema(value_type = AddressLine)]
    pub line1: String,
    /// Second line, such as flat, floor or company.
    #[schema(value_type = Option<AddressLine>, required)]
    pub line2: Option<String>,
    /// City or town.
    #[schema(value_type = AddressLine)]
    pub city: String,
    /// State, province or county.
    #[schema(value_type = Option<AddressLine>, required)]
    pub region: Option<String>,
    /// Postal code, in countries that use one.
    #[schema(value_type = Option<PostalCode>, required)]
    pub postal_code: Option<String>,
    /// Country, as its ISO 3166-1 alpha-2 code.
    #[schema(value_type = CountryCode)]
    pub country: String,
    /// Phone number for the carrier.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// Whether it is the user's default address.
    pub is_default: bool,
    /// When the address was added.
    pub created_at: Timestamp,
}

/// An address to add.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
    "phone": "+442079460123", "is_default": true
}))]
pub struct NewAddress {
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
    /// Whether it becomes the default address. The first address is the default in any case.
    #[schema(value_type = Option<bool>)]
    pub is_default: bool,
}

impl FromFields for NewAddress {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let address = PostalAddress::from_fields(fields);
        let is_default = fields.flag("is_default");
        let PostalAddress { name, line1, line2, city, region, postal_code, country, phone } = address?;
        Some(Self { name, line1, line2, city, region, postal_code, country, phone, is_default: is_default? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
