//! The request of `POST /orders`, as it is read from JSON, and the hash by which a repetition is recognised. Pure: whether an
//! order may be made of it is decided in [`domain`](super::domain).

use aws_lc_rs::digest::{SHA256, digest};
use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    input::{Fields, FromFields},
    locale::LanguageTag,
    money::Money,
};
use serde::Serialize;
use stripe::PaymentMethodId;

use crate::{
    basket::{LineItem, MAX_LINES},
    customer::SavedAddressId,
    shipping::ShippingMethod,
};

/// The highest version of a cart that can be named.
const MAX_VERSION: i64 = i32::MAX as i64;

/// The goods that are ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Basket {
    /// These lines.
    Lines(Vec<LineItem>),
    /// The caller's cart, in this version.
    Cart(i64),
}

impl Basket {
    /// The lines; `None` for a cart.
    pub fn lines(&self) -> Option<&[LineItem]> {
        match self {
            Self::Lines(lines) => Some(lines),
            Self::Cart(_) => None,
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let lines = fields.optional_objects::<LineItem>("lines", MAX_LINES);
        let cart = fields.optional_integer("cart_version", 1..=MAX_VERSION);
        match (lines?, cart?) {
            (Some(lines), None) if lines.is_empty() => fields.refuse("lines", "too_few", "must have at least one line"),
            (Some(lines), None) => Some(Self::Lines(lines)),
            (None, Some(version)) => Some(Self::Cart(version)),
            (None, None) => fields.refuse("lines", "missing", "is required unless cart_version is present"),
            (Some(_), Some(_)) => {
                fields.refuse("cart_version", "contradiction", "must be absent when lines are present")
            }
        }
    }
}

/// The address that the order is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Destination {
    /// This address, which the request has. The other name stays in the hashes of requests.
    #[serde(rename = "Given")]
    New(PostalAddress),
    /// An address that the customer saved.
    Saved(SavedAddressId),
}

impl Destination {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let given = fields.optional_object::<PostalAddress>("shipping_address");
        let saved = fields.optional_text("shipping_address_id");
        match (given?, saved?) {
            (Some(address), None) => Some(Self::New(address)),
            (None, Some(id)) => Some(Self::Saved(id)),
            (None, None) => {
                fields.refuse("shipping_address", "missing", "is required unless shipping_address_id is present")
            }
            (Some(_), Some(_)) => {
                fields.refuse("shipping_address_id", "contradiction", "must be absent when shipping_address is present")
            }
        }
    }
}

/// The payment that the shopper chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PaymentChoice {
    /// With a saved payment method.
    Saved(PaymentMethodId),
    /// The frontend confirms the payment.
    Client,
}

impl FromFields for PaymentChoice {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let method = fields.text::<MethodName>("method");
        let id = fields.optional_text::<PaymentMethodId>("payment_method_id");
        match (method?, id?) {
            (MethodName::Saved, Some(id)) => Some(Self::Saved(id)),
            (MethodName::Client, None) => Some(Self::Client),
            (MethodName::Saved, None) => fields.refuse("payment_method_id", "missing", "is required with saved"),
            (MethodName::Client, Some(_)) => {
                fields.refuse("payment_method_id", "contradiction", "must be absent with client")
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum MethodName {
    Saved,
    Client,
}

impl std::str::FromStr for MethodName {
    type Err = common::input::Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "saved" => Ok(Self::Saved),
            "client" => Ok(Self::Client),
            _ => Err(common::input::Refusal::new("unknown_method", "must be saved or client")),
        }
    }
}

/// A request for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRequest {
    /// The goods.
    pub basket: Basket,
    /// The address that it is sent to.
    pub destination: Destination,
    /// The shipping method.
    pub shipping_method: ShippingMethod,
    /// The payment.
    pub payment: PaymentChoice,
    /// The total that the shopper saw; another total is not charged.
    pub expected_total: Money,
    /// E-mail address of a guest. A customer's messages go to the account's address, and no other is accepted.
    pub email: Option<Email>,
    /// Channels of messages to a guest. Left out of the hash when absent, so that earlier requests keep their hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_by: Option<Channels>,
    /// Number for text messages to a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Language tag by which money and dates are written in messages.
    pub locale: Option<LanguageTag>,
}

impl FromFields for OrderRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let basket = Basket::read(fields);
        let destination = Destination::read(fields);
        let shipping_method = fields.text("shipping_method");
        let payment = fields.object("payment");
        let expected_total = fields.object("expected_total");
        let email = fields.optional_text("email");
        let notify_by = Channels::read(fields, "notify_by");
        let phone = fields.optional_text("phone");
        let locale = fields.optional_text("locale");
        Some(Self {
            basket: basket?,
            destination: destination?,
            shipping_method: shipping_method?,
            payment: payment?,
            expected_total: expected_total?,
            email: email?,
            notify_by: notify_by?,
            phone: phone?,
            locale: locale?,
        })
    }
}

impl OrderRequest {
    /// SHA-256 of the request as it was understood: spacing, the order of members and `null` members make no difference.
    pub fn hash(&self) -> [u8; 32] {
        // A request was read from JSON, so it has a JSON form.
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &canonical).as_ref());
        hash
    }

    /// The version of the cart that is ordered; `None` for lines.
    pub fn cart_version(&self) -> Option<i64> {
        match self.basket {
            Basket::Cart(version) => Some(version),
            Basket::Lines(_) => None,
        }
    }
}
