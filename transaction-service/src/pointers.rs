//! JSON pointers to refused members of a request. product-service and pricing see a list of lines and a currency; the
//! request that the client sent may have a cart and an expected total instead.

use common::{problem::FieldError, sku::Sku};

use crate::basket::LineItem;

/// Pointers to the members that quotes and orders are priced from.
#[derive(Debug, Clone, Copy)]
pub struct Pointers<'a> {
    /// Pointer to the currency.
    pub currency: &'static str,
    /// Pointers to the basket.
    pub basket: BasketPointer<'a>,
}

/// The member that has the basket.
#[derive(Debug, Clone, Copy)]
pub enum BasketPointer<'a> {
    /// `/lines`, with these lines.
    Lines(&'a [LineItem]),
    /// A cart, for which the member of this pointer stands; empty when no member does.
    Cart(&'static str),
}

impl<'a> Pointers<'a> {
    /// Pointers into `POST /quotes`: without lines no member stands for the cart.
    pub fn of_quote(lines: Option<&'a [LineItem]>) -> Self {
        let basket = lines.map_or(BasketPointer::Cart(""), BasketPointer::Lines);
        Self { currency: "/currency", basket }
    }

    /// Pointers into `POST /orders`: without lines, `/cart_version` stands for the cart.
    pub fn of_order(lines: Option<&'a [LineItem]>) -> Self {
        let basket = lines.map_or(BasketPointer::Cart("/cart_version"), BasketPointer::Lines);
        Self { currency: "/expected_total/currency", basket }
    }

    /// An entry about the line of a SKU.
    pub fn about(self, sku: &Sku, code: &str, message: &str) -> FieldError {
        let pointer = match self.basket {
            BasketPointer::Lines(lines) => match lines.iter().position(|line| line.sku == *sku) {
                Some(at) => format!("/lines/{at}/sku"),
                None => "/lines".to_owned(),
            },
            BasketPointer::Cart(pointer) => pointer.to_owned(),
        };
        FieldError::new(pointer, code, message).of_sku(sku)
    }

    /// Translates an entry about the request to product-service into one about the client's request.
    pub fn translate(self, error: FieldError) -> FieldError {
        let is_below =
            |root: &str| error.pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match self.basket {
            _ if is_below("/currency") => FieldError { pointer: self.currency.to_owned(), ..error },
            BasketPointer::Cart(pointer) if is_below("/lines") => FieldError { pointer: pointer.to_owned(), ..error },
            BasketPointer::Cart(_) | BasketPointer::Lines(_) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn refused() -> Vec<FieldError> {
        ["/lines/1/sku", "/lines/0/quantity", "/lines", "/currency", "/linesman"]
            .map(|pointer| FieldError::new(pointer, "refused", "is refused"))
            .to_vec()
    }

    #[test]
    fn entries_name_what_was_sent() {
        let lines = [LineItem { sku: sku("A"), quantity: 1 }, LineItem { sku: sku("B"), quantity: 1 }];
        let translated = |names: Pointers<'_>| -> Vec<String> {
            refused().into_iter().map(|error| names.translate(error).pointer).collect()
        };
        assert_eq!(
            translated(Pointers::of_quote(Some(&lines))),
            ["/lines/1/sku", "/lines/0/quantity", "/lines", "/currency", "/linesman"]
        );
        assert_eq!(translated(Pointers::of_quote(None)), ["", "", "", "/currency", "/linesman"]);
        assert_eq!(
            translated(Pointers::of_order(Some(&lines)))[3..],
            ["/expected_total/currency", "/linesman"],
            "orders have no /currency"
        );
        assert_eq!(translated(Pointers::of_order(None))[..3], ["/cart_version"; 3]);
        let about = |names: Pointers<'_>| names.about(&sku("B"), "code", "message");
        assert_eq!(about(Pointers::of_order(Some(&lines))).pointer, "/lines/1/sku");
        assert_eq!(about(Pointers::of_order(None)).pointer, "/cart_version");
        assert_eq!(about(Pointers::of_quote(None)).sku, Some(sku("B")));
    }
}
