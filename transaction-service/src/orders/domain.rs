//! Orders, and which state may follow which.
//!
//! | state \ outcome | requires action | paid | failed | cancelled | expired |
//! | --- | --- | --- | --- | --- | --- |
//! | `pending` | `requires_action` | `paid` | `payment_failed` | `cancelled` | `expired` |
//! | `requires_action` | stays | `paid` | `payment_failed` | `cancelled` | `expired` |
//! | `paid` | - | stays | - | - (only when it turns out to be sold out) | - |
//! | `payment_failed` | - | - | stays | - | - |
//! | `cancelled` | - | - | - | stays | - |
//! | `expired` | - | - | - | - | stays |
//!
//! A dash is an invalid transition: it is refused with an error. Outcomes are read from Stripe, so handler, webhook, retry
//! and sweep come to the same state.

use std::fmt;

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    locale::LanguageTag,
    timestamp::Timestamp,
};
use serde::Serialize;
use stripe::{CustomerId, PaymentIntentId, PaymentMethodId};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::{
    ids::{OrderId, Owner},
    pricing::Pricing,
};

/// State of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// The order is saved and being paid; its request has no answer yet.
    Pending,
    /// The shopper has to confirm the payment or pass 3-D Secure.
    RequiresAction,
    /// The total was charged.
    Paid,
    /// The payment was declined; nothing was charged, and the stock is released.
    PaymentFailed,
    /// The shopper cancelled before payment and nothing was charged, or the goods were sold out and all was refunded.
    Cancelled,
    /// The total was not paid in time; the stock is released.
    Expired,
}

impl State {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the order may still be charged.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction)
    }
}

/// The way in which an order is paid.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// With a payment method that the customer saved at Stripe; this service confirms.
    Saved {
        /// The customer at Stripe.
        customer: CustomerId,
        /// The payment method of this customer.
        payment_method: PaymentMethodId,
    },
    /// With a payment method that the shopper enters in the frontend, which confirms.
    Client,
}

impl Method {
    /// The name that is stored and published.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// Why a payment failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    /// Stripe's decline code, or else its error code.
    #[schema(example = "insufficient_funds")]
    pub code: String,
    /// Reason in words that can be shown to the shopper.
    #[schema(example = "Your card has insufficient funds.")]
    pub message: String,
}

/// The one payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The way in which it is paid.
    pub method: Method,
    /// The one PaymentIntent; `None` until it is created.
    pub intent: Option<PaymentIntentId>,
    /// The secret by which the frontend confirms.
    pub client_secret: Option<ClientSecret>,
    /// The captured amount in minor units.
    pub captured: i64,
    /// The refunded amount in minor units.
    pub refunded: i64,
    /// Whether a dispute is open or was lost.
    pub disputed: bool,
    /// The reason of a failed payment.
    pub failure: Option<Failure>,
    /// Whether too many tries in the frontend were declined, so that no more are accepted.
    pub no_more_tries: bool,
}

/// Secret by which a frontend confirms one payment. `Debug` does not show it, so no log has it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// The reason of an order that was cancelled because its goods were sold out.
pub const SOLD_OUT: &str = "sold_out";

/// An order. Its state, payment and `due_at` change; its lines, prices and addresses never do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Id, derived from owner and idempotency key.
    pub id: OrderId,
    /// The shopper who owns it.
    pub owner: Owner,
    /// Hash of the request that made it.
    pub request_hash: [u8; 32],
    /// State of the order.
    pub state: State,
    /// Number of changes; saving needs the version that was read.
    pub version: i32,
    /// When the lease ends, after which a retry or the sweep may work on it; `None` once it is closed.
    pub due_at: Option<Timestamp>,
    /// When it expires unless it is paid.
    pub expires_at: Timestamp,
    /// Lines, shipping, tax and total.
    pub pricing: Pricing,
    /// Address that it is sent to.
    pub shipping_address: PostalAddress,
    /// E-mail address for messages.
    pub email: Email,
    /// Channels of messages to the shopper.
    pub notify_by: Channels,
    /// Number for text messages; present exactly when `notify_by` has `sms`.
    pub phone: Option<Phone>,
    /// Language tag by which money and dates are written in messages.
    pub locale: Option<LanguageTag>,
    /// Whether it was made from the cart, from which its lines are removed once it is paid.
    pub from_cart: bool,
    /// The version of the cart that it was made from; `None` for lines, and for orders from before versions were kept.
    pub cart_version: Option<i64>,
    /// The payment.
    pub payment: Payment,
    /// Why the shop cancelled it; `None` when the shopper did.
    pub cancellation_reason: Option<String>,
    /// The stored answer of `POST /orders`; `None` while there is none.
    pub answer: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// Result of an order's payment, as read from Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The shopper has to act in the frontend, with this secret.
    RequiresAction(ClientSecret),
    /// The whole total was captured.
    Paid,
    /// The payment was declined, and cannot succeed any more.
    Failed(Failure),
    /// The order was cancelled before payment.
    Cancelled,
    /// The order was not paid in time, and cannot be paid any more.
    Expired,
}

/// An outcome that may not follow the state of an order. Money is involved, so it is an error that staff must look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("order {order} is {} and cannot become {}", .from.as_str(), .to.as_str())]
pub struct InvalidTransition {
    /// Id of the order.
    pub order: OrderId,
    /// The state of the order.
    pub from: State,
    /// The state of the refused outcome.
    pub to: State,
}

impl Outcome {
    fn state(&self) -> State {
        match self {
            Self::RequiresAction(_) => State::RequiresAction,
            Self::Paid => State::Paid,
            Self::Failed(_) => State::PaymentFailed,
            Self::Cancelled => State::Cancelled,
            Self::Expired => State::Expired,
        }
    }
}

impl Order {
    /// The order after `outcome`; `None` when nothing changes.
    pub fn after(&self, outcome: Outcome, now: Timestamp) -> Result<Option<Self>, InvalidTransition> {
        let to = outcome.state();
        if self.state == to {
            return Ok(None);
        }
        if !self.state.is_open() {
            return Err(InvalidTransition { order: self.id, from: self.state, to });
        }
        let mut next = self.changed(to, now);
        match outcome {
            Outcome::RequiresAction(secret) => next.payment.client_secret = Some(secret),
            Outcome::Failed(failure) => next.payment.failure = Some(failure),
            Outcome::Paid => next.payment.captured = self.pricing.total.amount,
            Outcome::Cancelled | Outcome::Expired => {}
        }
        if !to.is_open() {
            next.payment.client_secret = None;
        }
        Ok(Some(next))
    }

    /// A paid order whose stock could not be committed, after its money was refunded; `None` when it is cancelled already.
    pub fn sold_out(&self, now: Timestamp) -> Result<Option<Self>, InvalidTransition> {
        match self.state {
            State::Cancelled => Ok(None),
            State::Paid => {
                let mut next = self.changed(State::Cancelled, now);
                next.cancellation_reason = Some(SOLD_OUT.to_owned());
                Ok(Some(next))
            }
            State::Pending | State::RequiresAction | State::PaymentFailed | State::Expired => {
                Err(InvalidTransition { order: self.id, from: self.state, to: State::Cancelled })
            }
        }
    }

    /// The order after refunds of `refunded` minor units in all, with or without a dispute.
    #[must_use]
    pub fn with_refunds(&self, refunded: i64, disputed: bool, now: Timestamp) -> Self {
        let payment = Payment { refunded, disputed, ..self.payment.clone() };
        Self { payment, version: self.version + 1, updated_at: now, ..self.clone() }
    }

    fn changed(&self, state: State, now: Timestamp) -> Self {
        let due_at = state.is_open().then_some(self.expires_at);
        Self { state, due_at, version: self.version + 1, updated_at: now, ..self.clone() }
    }

    /// Number of units of all lines.
    pub fn units(&self) -> i64 {
        self.pricing.lines.iter().map(|line| i64::from(line.quantity)).sum()
    }

    /// Whether a request or sweep has the lease of the order and is paying for it.
    pub fn is_in_progress(&self, now: Timestamp) -> bool {
        self.state == State::Pending && self.due_at.is_some_and(|due_at| due_at > now)
    }

    /// Whether the time to pay is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
pub(crate) mod tests;
