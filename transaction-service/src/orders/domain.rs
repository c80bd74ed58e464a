//! What an order is, and which states may follow which.
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
//! A dash is an illegal transition: it is refused, loudly. Outcomes are what Stripe says, never what we hope, so whoever
//! comes with one (handler, webhook, retry, sweep) comes to the same state.

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

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Saved, and being paid for. Nobody has got an answer yet.
    Pending,
    /// The shopper has to do something: confirm the payment, or pass 3-D Secure.
    RequiresAction,
    /// The money is taken.
    Paid,
    /// The payment was declined; nothing was charged, the stock is free again.
    PaymentFailed,
    /// Called off by the shopper before payment, or by us because it was sold out; nothing is charged, or all refunded.
    Cancelled,
    /// Not paid in time, or not with what it costs; the stock is free again.
    Expired,
}

impl State {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether money may still be taken for it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction)
    }
}

/// How an order is paid.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Method {
    /// With a payment method that the customer saved at Stripe; we confirm.
    Saved {
        /// The customer at Stripe.
        customer: CustomerId,
        /// Theirs.
        payment_method: PaymentMethodId,
    },
    /// With whatever the shopper gives Stripe in the frontend, which confirms.
    Client,
}

impl Method {
    /// As it is written and stored.
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
    /// For the shopper.
    #[schema(example = "Your card has insufficient funds.")]
    pub message: String,
}

/// The one payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// How.
    pub method: Method,
    /// The one PaymentIntent, once it is known.
    pub intent: Option<PaymentIntentId>,
    /// What the frontend needs to go on with it.
    pub client_secret: Option<ClientSecret>,
    /// What was taken, in minor units.
    pub captured: i64,
    /// What was given back, in minor units.
    pub refunded: i64,
    /// Whether the cardholder disputes it: a dispute is open, or was lost.
    pub disputed: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether too many tries to pay in the frontend were declined, so that there may be no more.
    pub no_more_tries: bool,
}

/// Lets a frontend confirm one payment. Not shown where things are logged.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// Why an order was closed without the shopper asking.
pub const SOLD_OUT: &str = "sold_out";

/// An order. What it was made of never changes; its state, payment and `due_at` do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id, derived from owner and key.
    pub id: OrderId,
    /// Whose.
    pub owner: Owner,
    /// The request it was made from.
    pub request_hash: [u8; 32],
    /// How far it has come.
    pub state: State,
    /// Counts changes.
    pub version: i32,
    /// When somebody else may go on with it; `None` once it is closed.
    pub due_at: Option<Timestamp>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// What it costs.
    pub pricing: Pricing,
    /// Where it is sent.
    pub shipping_address: PostalAddress,
    /// Where its messages go.
    pub email: Email,
    /// How the shopper is told of it.
    pub notify_by: Channels,
    /// Where text messages go; there exactly where `notify_by` has them.
    pub phone: Option<Phone>,
    /// How money and dates are written in them.
    pub locale: Option<LanguageTag>,
    /// Whether it was made from the cart, which is emptied once it is paid.
    pub from_cart: bool,
    /// The version of the cart that it was made from. `None` where it was not, or before this was kept.
    pub cart_version: Option<i64>,
    /// How it is paid.
    pub payment: Payment,
    /// Why it was closed, where that was not the shopper's doing.
    pub closing_reason: Option<String>,
    /// What `POST /orders` answered, from the moment there is an answer.
    pub answer: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What became of an order's payment, as Stripe says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The shopper has to act.
    RequiresAction(ClientSecret),
    /// All of the total was taken.
    Paid,
    /// It was declined, and can't be paid any more.
    Failed(Failure),
    /// It was called off before payment.
    Cancelled,
    /// It was not paid in time, and can't be paid any more.
    Expired,
}

/// Two accounts of one payment contradict each other. Never seen; money is involved, so somebody must look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("order {order} is {} and cannot become {}", .from.as_str(), .to.as_str())]
pub struct Illegal {
    /// The order.
    pub order: OrderId,
    /// How far it had come.
    pub from: State,
    /// What was said of it.
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
    /// The order after `outcome`, and `None` when that changes nothing.
    pub fn after(&self, outcome: Outcome, now: Timestamp) -> Result<Option<Self>, Illegal> {
        let to = outcome.state();
        if self.state == to {
            return Ok(None);
        }
        if !self.state.is_open() {
            return Err(Illegal { order: self.id, from: self.state, to });
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

    /// A paid order whose stock was gone when it was to be taken off the shelf, after its money was given back.
    pub fn sold_out(&self, now: Timestamp) -> Result<Option<Self>, Illegal> {
        match self.state {
            State::Cancelled => Ok(None),
            State::Paid => {
                let mut next = self.changed(State::Cancelled, now);
                next.closing_reason = Some(SOLD_OUT.to_owned());
                Ok(Some(next))
            }
            State::Pending | State::RequiresAction | State::PaymentFailed | State::Expired => {
                Err(Illegal { order: self.id, from: self.state, to: State::Cancelled })
            }
        }
    }

    /// The order after refunds of `refunded` minor units in all, and perhaps a dispute.
    #[must_use]
    pub fn with_refunds(&self, refunded: i64, disputed: bool, now: Timestamp) -> Self {
        let payment = Payment { refunded, disputed, ..self.payment.clone() };
        Self { payment, version: self.version + 1, updated_at: now, ..self.clone() }
    }

    fn changed(&self, state: State, now: Timestamp) -> Self {
        let due_at = state.is_open().then_some(self.expires_at);
        Self { state, due_at, version: self.version + 1, updated_at: now, ..self.clone() }
    }

    /// How many units it holds.
    pub fn units(&self) -> i64 {
        self.pricing.lines.iter().map(|line| i64::from(line.quantity)).sum()
    }

    /// Whether somebody is at it right now.
    pub fn is_in_progress(&self, now: Timestamp) -> bool {
        self.state == State::Pending && self.due_at.is_some_and(|due_at| due_at > now)
    }

    /// Whether its time to be paid is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
pub(crate) mod tests;
