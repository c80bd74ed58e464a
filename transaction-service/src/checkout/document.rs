//! [`OrderRequest`](super::request::OrderRequest) as it stands on the wire, for the documentation.

#![expect(dead_code, reason = "these types are described, never made")]

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    locale::LanguageTag,
    money::Money,
};
use utoipa::ToSchema;

use crate::{basket::BasketLine, customer::SavedAddressId, shipping::ShippingMethod};

/// An order to be made: `lines` or `cart_version`, `shipping_address` or `shipping_address_id`.
#[derive(ToSchema)]
#[schema(as = OrderRequest, example = json!({
    "lines": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}],
    "shipping_address": {
        "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH",
        "country": "GB"
    },
    "shipping_method": "standard",
    "payment": {"method": "saved", "payment_method_id": "pm_1MqLiJLkdIwHu7ixUEgbFdYF"},
    "expected_total": {"amount": 4868, "currency": "USD"},
    "locale": "en-GB"
}))]
pub(super) struct OrderDocument {
    /// What is bought; a SKU that is named twice is summed.
    #[schema(min_items = 1, max_items = 100)]
    lines: Option<Vec<BasketLine>>,
    /// Buy what is in the caller's cart, if it still has this version.
    #[schema(minimum = 1)]
    cart_version: Option<i64>,
    /// Where it is sent.
    shipping_address: Option<PostalAddress>,
    /// One of the customer's saved addresses.
    shipping_address_id: Option<SavedAddressId>,
    /// How it is sent.
    shipping_method: ShippingMethod,
    /// How it is paid.
    payment: PaymentDocument,
    /// The total that the shopper saw. Another is not charged: 409 `quote_changed`.
    expected_total: Money,
    /// Where messages go. Guests must give it. A customer's go to the account's address: another is refused
    /// (`not_your_address`).
    email: Option<Email>,
    /// How a guest is told of the order; with `sms` they agree to text messages to `phone`. By e-mail alone where it is
    /// absent. Customers choose in their profile: this is refused here (`in_your_profile`).
    notify_by: Option<Channels>,
    /// Where a guest's text messages go; needed with `sms` in `notify_by`, and refused without it. For the carrier there is
    /// `phone` in the address.
    phone: Option<Phone>,
    /// How money and dates are written in messages.
    locale: Option<LanguageTag>,
}

/// How an order is paid.
#[derive(ToSchema)]
#[schema(as = PaymentChoice, example = json!({"method": "client"}))]
struct PaymentDocument {
    /// `saved`: with `payment_method_id`, confirmed by us. `client`: the answer has a client secret for the frontend.
    method: MethodDocument,
    /// One of the customer's saved payment methods.
    #[schema(example = "pm_1MqLiJLkdIwHu7ixUEgbFdYF")]
    payment_method_id: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = PaymentMethodChoice, rename_all = "snake_case", example = "client")]
enum MethodDocument {
    Saved,
    Client,
}
