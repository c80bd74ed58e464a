//! The Stripe calls that two services need, and the verification of webhooks: a dozen calls over one HTTP client.
//! `docs/decisions/0010-own-stripe-crate.md` says why no published crate is used.
//!
//! Every call carries a pinned `Stripe-Version`, has a deadline, and maps each failure to one [`StripeError`]. Every
//! POST carries an `Idempotency-Key` that the caller chooses, so that a repeated call has one effect. A call that
//! failed with [`StripeError::Unknown`] may have had its effect; the caller reads the object to find out.
//!
//! Stripe may add values at any time: unknown statuses and reasons are kept as text, ids may have any prefix, and the
//! elements of lists are read one by one.

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
