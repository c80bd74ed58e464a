//! Which messages there are.

use std::str::FromStr;

use common::input::Refusal;

/// Which message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    /// The order is paid for.
    OrderConfirmation,
    /// The payment of an order failed.
    PaymentFailed,
    /// A paid order was called off and refunded.
    OrderCancelled,
    /// An account was opened with this address.
    AccountCreated,
    /// Somebody tried to open an account with this address, which has one.
    AccountExists,
    /// Staff hear that few are left of something.
    LowStock,
}

impl Template {
    /// Every one of them.
    pub const ALL: [Self; 6] = [
        Self::OrderConfirmation,
        Self::PaymentFailed,
        Self::OrderCancelled,
        Self::AccountCreated,
        Self::AccountExists,
        Self::LowStock,
    ];

    /// As written in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderConfirmation => "order_confirmation",
            Self::PaymentFailed => "payment_failed",
            Self::OrderCancelled => "order_cancelled",
            Self::AccountCreated => "account_created",
            Self::AccountExists => "account_exists",
            Self::LowStock => "low_stock",
        }
    }

    /// Whether a shopper's order is the occasion. Such mail goes to an address that somebody typed.
    pub fn is_about_an_order(self) -> bool {
        match self {
            Self::OrderConfirmation | Self::PaymentFailed | Self::OrderCancelled => true,
            Self::AccountCreated | Self::AccountExists | Self::LowStock => false,
        }
    }

    /// Whether it follows from something that its recipient did: they get it whatever they have unsubscribed from.
    pub fn is_transactional(self) -> bool {
        match self {
            Self::OrderConfirmation
            | Self::PaymentFailed
            | Self::OrderCancelled
            | Self::AccountCreated
            | Self::AccountExists => true,
            Self::LowStock => false,
        }
    }

    /// Whether it can be sent as an SMS, too.
    pub fn has_sms(self) -> bool {
        match self {
            Self::OrderConfirmation
            | Self::PaymentFailed
            | Self::OrderCancelled
            | Self::AccountCreated
            | Self::AccountExists
            | Self::LowStock => false,
        }
    }

    /// Whether what was asked for may be kept, so that staff can have it sent again: it holds no secret.
    pub fn may_be_kept(self) -> bool {
        match self {
            Self::OrderConfirmation
            | Self::PaymentFailed
            | Self::OrderCancelled
            | Self::AccountCreated
            | Self::AccountExists
            | Self::LowStock => true,
        }
    }
}

impl FromStr for Template {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::ALL.into_iter().find(|template| template.as_str() == text);
        let names = || Self::ALL.map(Self::as_str).join(", ");
        known.ok_or_else(|| Refusal::new("unknown_template", format!("must be one of {}", names())))
    }
}
