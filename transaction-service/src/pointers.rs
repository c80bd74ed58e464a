//! Where a request named what is refused. product-service, and pricing after it, see a list of lines and a currency;
//! a request of ours may have named a cart and an expected total instead.

use common::{problem::FieldError, sku::Sku};

use crate::basket::BasketLine;

/// The places of a request that quotes and orders are priced from.
#[derive(Debug, Clone, Copy)]
pub struct Pointers<'a> {
    /// Of the currency.
    pub currency: &'static str,
    /// Of the basket.
    pub basket: BasketPointer<'a>,
}

/// Where a request has its basket.
#[derive(Debug, Clone, Copy)]
pub enum BasketPointer<'a> {
    /// In `/lines`: these.
    Lines(&'a [BasketLine]),
    /// In a cart, which the member of this pointer stands for; empty where none does.
    Cart(&'static str),
}

impl<'a> Pointers<'a> {
    /// Of `POST /quotes`: without lines no member stands for the cart.
    pub fn of_quote(lines: Option<&'a [BasketLine]>) -> Self {
        let basket = lines.map_or(BasketPointer::Cart(""), BasketPointer::Lines);
        Self { currency: "/currency", basket }
    }

    /// Of `POST /orders`: without lines it names the version of the cart.
    pub fn of_order(lines: Option<&'a [BasketLine]>) -> Self {
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

    /// An entry of product-service about its request, said of ours.
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
        let lines = [BasketLine { sku: sku("A"), quantity: 1 }, BasketLine { sku: sku("B"), quantity: 1 }];
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
