//! The checkout context. Pure.

use common::contact::{Channels, Email, PersonName, Phone};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    addresses::domain::{Address, AddressId},
    carts::domain::CartItem,
    ids::UserId,
};

/// The data of a user that a checkout needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace",
    "disabled": false, "addresses": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square",
        "line2": null, "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB",
        "phone": "+442079460123", "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
    }],
    "default_address_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "stripe_customer_id": "cus_QXg1o8vlGuL9zQ",
    "notify_by": ["email", "sms"], "phone": "+442079460123",
    "cart": {"version": 3, "items": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]}
}))]
pub struct CheckoutContext {
    /// Id of the user.
    pub user_id: UserId,
    /// E-mail address for the confirmation.
    #[schema(value_type = Email)]
    pub email: String,
    /// Full name of the customer.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Whether the account was closed; closed accounts cannot order.
    pub disabled: bool,
    /// All addresses of the user, oldest first; at most 50.
    pub addresses: Vec<Address>,
    /// Id of the default address; `null` where there is none.
    #[schema(required)]
    pub default_address_id: Option<AddressId>,
    /// Id of the customer at Stripe, whose payment methods may be charged; `null` until the user first adds one.
    #[schema(required, pattern = "^cus_[A-Za-z0-9_]+$")]
    pub stripe_customer_id: Option<String>,
    /// Channels for notifications about the order.
    pub notify_by: Channels,
    /// Phone number for text messages, in E.164 form; `null` unless the user agreed to them.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// The user's cart.
    pub cart: ContextCart,
}

/// A cart at checkout.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextCart {
    /// Version of the cart; grows by one with every change, and is 0 where there is no cart.
    #[schema(minimum = 0, example = 3)]
    pub version: i64,
    /// Items, one for each SKU, sorted by SKU; at most 100.
    pub items: Vec<CartItem>,
}
