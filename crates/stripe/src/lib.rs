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
mod client;
mod client_secret;
mod customers;
mod disputes;
mod error;
mod events;
mod ids;
mod list;
mod open;
mod payment_intents;
mod payment_methods;
mod reading;
mod refunds;
mod setup_intents;
pub mod webhook;

pub use self::{
    client::{API, API_VERSION, Stripe},
    client_secret::ClientSecret,
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
        CancellationReason, Charge, ChargeStatus, NewPaymentIntent, PaymentError, PaymentIntent, PaymentIntentStatus,
    },
    payment_methods::{Card, PaymentMethod},
    refunds::{Refund, RefundStatus},
    setup_intents::SetupIntent,
};
