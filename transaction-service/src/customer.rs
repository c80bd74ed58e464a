//! The answer of user-service about a customer who orders. Data without the client, so that rules may take it.

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    id::Id,
};
use serde::Deserialize;
use stripe::CustomerId;

use crate::basket::Cart;

/// Marks the id of a saved address.
#[derive(Debug)]
pub enum SavedAddressMarker {}
/// The id of a saved address, which user-service keeps.
pub type SavedAddressId = Id<SavedAddressMarker>;

/// Account data for a checkout.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutContext {
    /// E-mail address of the account.
    pub email: Email,
    /// Channels of messages about orders; e-mail alone when user-service is of the release before.
    #[serde(default)]
    pub notify_by: Channels,
    /// Number for text messages, if the customer agreed to them.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// Whether the account is disabled; then it may not order.
    pub disabled: bool,
    /// Saved addresses.
    addresses: Vec<KnownAddress>,
    /// The Customer at Stripe, once a payment method is saved.
    pub stripe_customer_id: Option<CustomerId>,
    /// The cart of the customer.
    pub cart: Cart,
}

#[derive(Debug, Clone, Deserialize)]
struct KnownAddress {
    id: SavedAddressId,
    #[serde(flatten)]
    address: PostalAddress,
}

impl CheckoutContext {
    /// The saved address of this id.
    pub fn address(&self, id: SavedAddressId) -> Option<PostalAddress> {
        self.addresses.iter().find(|known| known.id == id).map(|known| known.address.clone())
    }
}
