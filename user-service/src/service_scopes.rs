//! The scopes of services' tokens. Pure; imports no room.

use std::str::FromStr;

use common::input::Refusal;
use strum::{IntoStaticStr, VariantArray};

/// A scope that a service's token can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, strum::VariantNames)]
pub enum ServiceScope {
    /// Reserve, commit and release stock.
    #[strum(serialize = "inventory:reserve")]
    InventoryReserve,
    /// Read a user's checkout context, and carts.
    #[strum(serialize = "checkout:read")]
    CheckoutRead,
    /// Remove ordered items from a cart.
    #[strum(serialize = "carts:clear")]
    CartsClear,
    /// Send e-mail and text messages.
    #[strum(serialize = "notifications:send")]
    NotificationsSend,
}

impl ServiceScope {
    /// The name in tokens; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for ServiceScope {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|scope| scope.as_str() == text);
        let scopes = || <Self as strum::VariantNames>::VARIANTS.join(", ");
        known.ok_or_else(|| Refusal::new("unknown_scope", format!("must be one of {}", scopes())))
    }
}
