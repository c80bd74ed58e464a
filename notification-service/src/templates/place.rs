//! An address as a mail shows it.

use common::contact::{AddressLine, PostalAddress, PostalCode};

/// The lines of an address, without the telephone number.
pub(super) fn lines(address: &PostalAddress) -> Vec<String> {
    let PostalAddress { name, line1, line2, city, region, postal_code, country, phone: _ } = address;
    let place =
        [Some(city.as_str()), region.as_ref().map(AddressLine::as_str), postal_code.as_ref().map(PostalCode::as_str)];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let lines = [Some(name.as_str()), Some(line1.as_str()), line2.as_ref().map(AddressLine::as_str)];
    lines.into_iter().flatten().map(str::to_owned).chain([place, country.as_str().to_owned()]).collect()
}
