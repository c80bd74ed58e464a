//! An order as a page shows it: everything as text, in the shopper's locale.

use common::contact::{AddressLine, PostalAddress, PostalCode};

use super::data::{Order, OrderLine};
use crate::locale::Locale;

/// The one code for which we have words.
const SOLD_OUT: &str = "sold_out";

pub(super) struct OrderView<'a> {
    pub(super) id: String,
    pub(super) date: String,
    pub(super) lines: Vec<LineView<'a>>,
    pub(super) subtotal: String,
    pub(super) shipping: String,
    pub(super) tax: String,
    pub(super) total: String,
    pub(super) address: Vec<String>,
    pub(super) reason: Option<&'a str>,
}

pub(super) struct LineView<'a> {
    pub(super) quantity: u32,
    pub(super) title: &'a str,
    /// `Colour: Navy, Size: M`; empty without options.
    pub(super) options: String,
    pub(super) total: String,
}

impl<'a> OrderView<'a> {
    pub(super) fn new(order: &'a Order, locale: Locale) -> Self {
        Self {
            id: order.id.to_string(),
            date: locale.date(order.placed_at),
            lines: order.lines.iter().map(|line| LineView::new(line, locale)).collect(),
            subtotal: locale.money(order.subtotal),
            shipping: locale.money(order.shipping),
            tax: locale.money(order.tax),
            total: locale.money(order.total),
            address: address(&order.shipping_address),
            reason: order.reason.as_ref().map(|reason| reason.0.as_str()),
        }
    }

    /// Of an order that was called off: whether because something was gone. Codes are not for shoppers; those that we
    /// have no words for are left out.
    pub(super) fn is_sold_out(&self) -> bool {
        self.reason == Some(SOLD_OUT)
    }
}

impl<'a> LineView<'a> {
    fn new(line: &'a OrderLine, locale: Locale) -> Self {
        let options: Vec<_> = line.options.iter().map(|(name, value)| format!("{}: {}", name.0, value.0)).collect();
        Self {
            quantity: line.quantity,
            title: &line.title.0,
            options: options.join(", "),
            total: locale.money(line.total),
        }
    }
}

/// The lines of an address, without the telephone number.
fn address(address: &PostalAddress) -> Vec<String> {
    let PostalAddress { name, line1, line2, city, region, postal_code, country, phone: _ } = address;
    let place =
        [Some(city.as_str()), region.as_ref().map(AddressLine::as_str), postal_code.as_ref().map(PostalCode::as_str)];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let lines = [Some(name.as_str()), Some(line1.as_str()), line2.as_ref().map(AddressLine::as_str)];
    lines.into_iter().flatten().map(str::to_owned).chain([place, country.as_str().to_owned()]).collect()
}
