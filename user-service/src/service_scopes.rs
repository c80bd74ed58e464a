//! What a service may be allowed by its tokens. Pure; imports no room.

use std::str::FromStr;

use common::input::Refusal;

/// What a service may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceScope {
    /// Reserve, commit and release stock.
    InventoryReserve,
    /// Read what a checkout needs to know of a user.
    CheckoutRead,
    /// Empty a cart after the order.
    CartsClear,
    /// Have mail and messages sent.
    NotificationsSend,
}

impl ServiceScope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::InventoryReserve, Self::CheckoutRead, Self::CartsClear, Self::NotificationsSend];

    /// As in tokens, and a constraint of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InventoryReserve => "inventory:reserve",
            Self::CheckoutRead => "checkout:read",
            Self::CartsClear => "carts:clear",
            Self::NotificationsSend => "notifications:send",
        }
    }
}

impl FromStr for ServiceScope {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let scopes = Self::ALL.map(Self::as_str);
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_scope", format!("must be one of {}", scopes.join(", "))))
    }
}
