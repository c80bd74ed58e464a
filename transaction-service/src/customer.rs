//! What user-service answers about a customer who orders: the data alone, without the client that asks for it, so that
//! rules may take it.

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

/// What a checkout needs to know of a user.
#[derive(Debug, Clone, Deserialize)]
pub struct Context {
    /// The account's address.
    pub email: Email,
    /// How they are told of an order; by e-mail alone where user-service is of the release before.
    #[serde(default)]
    pub notify_by: Channels,
    /// Where text messages go, if they agreed to them.
    #[serde(default)]
    pub phone: Option<Phone>,
    /// Whether it may not order.
    pub disabled: bool,
    /// Where they have things sent.
    addresses: Vec<KnownAddress>,
    /// Who they are at Stripe, once they have saved a payment method.
    pub stripe_customer_id: Option<CustomerId>,
    /// What they have in their cart.
    pub cart: Cart,
}

#[derive(Debug, Clone, Deserialize)]
struct KnownAddress {
    id: SavedAddressId,
    #[serde(flatten)]
    address: PostalAddress,
}

impl Context {
    /// A saved address.
    pub fn address(&self, id: SavedAddressId) -> Option<PostalAddress> {
        self.addresses.iter().find(|known| known.id == id).map(|known| known.address.clone())
    }
}
