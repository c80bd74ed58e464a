//! The Stripe calls that two services need, and the verification of its webhooks: a dozen calls over one HTTP client.
//! Why not the ecosystem's crate: `docs/decisions/0010-own-stripe-crate.md`.
//!
//! Every call carries a pinned `Stripe-Version`, has a deadline, and maps each failure to one [`StripeError`]. Every POST
//! carries an `Idempotency-Key` that the caller chooses, so that sending it again does it once. What an unclear answer
//! means is for the caller to read: [`StripeError::Unknown`] may have had its effect.
//!
//! What Stripe may add to is open: statuses and reasons that are unknown here are kept as words, ids may have any prefix,
//! and the elements of lists are read one by one.

pub mod amount;
mod call;
mod customers;
mod disputes;
mod error;
mod events;
mod ids;
mod list;
mod open;
mod payment_intents;
mod payment_methods;
mod refunds;
mod setup_intents;
pub mod webhook;

use std::{fmt, time::Duration};

use platform::config::Secret;
use serde::{Deserialize, Deserializer};

pub use self::{
    customers::Customer,
    disputes::{BalanceTransaction, Dispute, DisputeStatus},
    error::{Decline, Invalid, StripeError},
    events::Event,
    ids::{
        BalanceTransactionId, ChargeId, CustomerId, DisputeId, EventId, PaymentIntentId, PaymentMethodId, RefundId,
        SetupIntentId,
    },
    list::{List, Unreadable},
    payment_intents::{
        CancellationReason, Capture, Charge, ChargeStatus, NewPaymentIntent, PaymentError, PaymentIntent,
        PaymentIntentStatus,
    },
    payment_methods::{Card, PaymentMethod},
    refunds::{Refund, RefundStatus},
    setup_intents::SetupIntent,
};

/// The version of Stripe's API that is asked for, and whose answers are read here.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Where Stripe is.
pub const API: &str = "https://api.stripe.com";

/// How long a call may take, repeats included, unless [`Stripe::within`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(8);

/// Stripe. Cheap to clone; nothing touches the network before the first call.
#[derive(Debug, Clone)]
pub struct Stripe {
    base: String,
    key: Secret,
    deadline: Duration,
}

impl Stripe {
    /// Stripe at `base` ([`API`]), asked with the secret key `key`.
    pub fn new(base: impl Into<String>, key: Secret) -> Self {
        Self { base: base.into(), key, deadline: DEADLINE }
    }

    /// The same, with calls that may take so long.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// Lets a frontend go on with one payment or setup. Never shown where things are logged.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// The secret, to be handed to the shopper's frontend and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// A reference that Stripe writes as an id, or as the object itself when it was asked to expand it.
fn reference<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reference<T> {
        Id(T),
        Object { id: T },
    }
    let reference = Option::<Reference<T>>::deserialize(deserializer)?;
    Ok(reference.map(|(Reference::Id(id) | Reference::Object { id })| id))
}

/// A member that may be `null` where Stripe's types say that it is not.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
