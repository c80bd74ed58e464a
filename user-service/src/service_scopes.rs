//! What a service may be allowed by its tokens. Pure; imports no room.

use std::str::FromStr;

use common::input::Refusal;
use strum::{IntoStaticStr, VariantArray};

/// What a service may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, strum::VariantNames)]
pub enum ServiceScope {
    /// Reserve, commit and release stock.
    #[strum(serialize = "inventory:reserve")]
    InventoryReserve,
    /// Read what a checkout needs to know of a user.
    #[strum(serialize = "checkout:read")]
    CheckoutRead,
    /// Empty a cart after the order.
    #[strum(serialize = "carts:clear")]
    CartsClear,
    /// Have mail and messages sent.
    #[strum(serialize = "notifications:send")]
    NotificationsSend,
}

impl ServiceScope {
    /// As in tokens, and a constraint of the table.
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
