//! What a checkout is told of a user. Pure.

use common::contact::{Channels, Email, PersonName, Phone};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    addresses::domain::{Address, AddressId},
    carts::domain::CartItem,
    ids::UserId,
};

/// What a checkout needs to know of a user.
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
    /// Whom this is about.
    pub user_id: UserId,
    /// Where the confirmation goes.
    #[schema(value_type = Email)]
    pub email: String,
    /// What the customer is called.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Whether the account was closed: no new orders then.
    pub disabled: bool,
    /// All addresses, oldest first; at most 50.
    pub addresses: Vec<Address>,
    /// Which of them to use unless the customer says otherwise.
    #[schema(required)]
    pub default_address_id: Option<AddressId>,
    /// Whose payment methods may be charged at Stripe; `null` until the customer first adds one.
    #[schema(required, pattern = "^cus_[A-Za-z0-9_]+$")]
    pub stripe_customer_id: Option<String>,
    /// How the customer is told of the order.
    pub notify_by: Channels,
    /// Where text messages go; only where the customer agreed to them.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// What the customer means to buy.
    pub cart: ContextCart,
}

/// A cart at checkout.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextCart {
    /// Grows by one with every change; 0 for somebody who has put in nothing yet.
    #[schema(minimum = 0, example = 3)]
    pub version: i64,
    /// One for each SKU, sorted by SKU; at most 100.
    pub items: Vec<CartItem>,
}
