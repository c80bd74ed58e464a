//! What an address is.

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

/// An address of a user. It never changes: an order that used it keeps a copy, and a user who moves adds another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null,
    "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": "+442079460123",
    "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Address {
    /// Its id.
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
