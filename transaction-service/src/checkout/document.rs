//! [`OrderRequest`](super::request::OrderRequest) as JSON, for the documentation.

#![expect(dead_code, reason = "these types are described, never made")]

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    locale::LanguageTag,
    money::Money,
};
use utoipa::ToSchema;

use crate::{basket::LineItem, customer::SavedAddressId, shipping::ShippingMethod};

/// Request of an order, with either `lines` or `cart_version`, and either `shipping_address` or `shipping_address_id`.
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
    /// Line items to order, 1 to 100. Lines of the same SKU are added up.
    #[schema(min_items = 1, max_items = 100)]
    lines: Option<Vec<LineItem>>,
    /// Version of the caller's cart to order, in place of `lines`. Another version is refused: 409 `cart_changed`.
    #[schema(minimum = 1)]
    cart_version: Option<i64>,
    /// Address that the order is sent to.
    shipping_address: Option<PostalAddress>,
    /// Id of one of the customer's saved addresses, in place of `shipping_address`. Not for guests.
    shipping_address_id: Option<SavedAddressId>,
    /// Shipping method.
    shipping_method: ShippingMethod,
    /// Payment of the order.
    payment: PaymentDocument,
    /// Total that the shopper saw, in minor units of its currency. Another total is not charged: 409 `quote_changed`.
    expected_total: Money,
    /// E-mail address for messages about the order; required for guests. Messages to customers go to the address of the
    /// account: another is refused (`not_your_address`).
    email: Option<Email>,
    /// Channels of messages to a guest; with `sms` the guest agrees to text messages to `phone`. Default: e-mail alone.
    /// Customers choose in their profile: the member is refused for them (`in_your_profile`).
    notify_by: Option<Channels>,
    /// Phone number for text messages to a guest (E.164); required with `sms` in `notify_by`, and refused without it. The
    /// number for the carrier is `phone` in the address.
    phone: Option<Phone>,
    /// Language tag (BCP 47) by which money and dates are written in messages.
    locale: Option<LanguageTag>,
}

/// Payment of an order.
#[derive(ToSchema)]
#[schema(as = PaymentChoice, example = json!({"method": "client"}))]
struct PaymentDocument {
    /// `saved`: the service charges `payment_method_id`. `client`: the frontend confirms the payment with the client secret of
    /// the answer.
    method: MethodDocument,
    /// Id of one of the customer's saved payment methods at Stripe; required with `saved`, and refused with `client`.
    #[schema(example = "pm_1MqLiJLkdIwHu7ixUEgbFdYF")]
    payment_method_id: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = PaymentMethodChoice, rename_all = "snake_case", example = "client")]
enum MethodDocument {
    Saved,
    Client,
}
