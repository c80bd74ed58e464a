//! A PaymentIntent as Stripe answers it. It is apart from the calls, because a decline carries the declined
//! PaymentIntent.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    client_secret::ClientSecret,
    ids::{ChargeId, CustomerId, PaymentIntentId},
    open::open_enum,
};

/// A PaymentIntent, its latest charge expanded.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentIntent {
    /// The PaymentIntent's id.
    pub id: PaymentIntentId,
    /// The state of the payment.
    pub status: PaymentIntentStatus,
    /// The amount to capture, in Stripe's units ([`crate::amount`]).
    pub amount: i64,
    /// The captured amount, in Stripe's units.
    #[serde(default, deserialize_with = "crate::reading::or_default")]
    pub amount_received: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// The secret with which the frontend confirms it.
    pub client_secret: Option<ClientSecret>,
    /// The customer who pays.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub customer: Option<CustomerId>,
    /// Why it was cancelled.
    pub cancellation_reason: Option<CancellationReason>,
    /// The error of the last attempt.
    pub last_payment_error: Option<PaymentError>,
    /// The latest attempt to charge; `None` in an answer that does not expand it.
    #[serde(default, deserialize_with = "expanded")]
    pub latest_charge: Option<Charge>,
    /// The payment method; `None` in an answer that does not expand it.
    #[serde(default, deserialize_with = "expanded")]
    pub payment_method: Option<UsedMethod>,
    /// The metadata that was stored with it.
    #[serde(default, deserialize_with = "crate::reading::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// When it was created, in seconds since 1970.
    pub created: i64,
}

/// The payment method of a PaymentIntent.
#[derive(Debug, Clone, Deserialize)]
pub struct UsedMethod {
    /// The customer that it is saved for; `None` when it is not saved.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub customer: Option<CustomerId>,
}

open_enum! {
    /// The state of a PaymentIntent.
    PaymentIntentStatus {
        /// There is no payment method, or it was declined.
        RequiresPaymentMethod = "requires_payment_method",
        /// There is a payment method, and confirmation is due.
        RequiresConfirmation = "requires_confirmation",
        /// The shopper has to do something, such as 3-D Secure.
        RequiresAction = "requires_action",
        /// The payment method is processing.
        Processing = "processing",
        /// The money is held and can be captured.
        RequiresCapture = "requires_capture",
        /// Cancelled: no money can be captured.
        Canceled = "canceled",
        /// The money is captured.
        Succeeded = "succeeded",
    }
}

open_enum! {
    /// Why a PaymentIntent was cancelled. Callers can give the first four; Stripe alone gives the others.
    CancellationReason {
        /// The shopper asked for it.
        RequestedByCustomer = "requested_by_customer",
        /// The shopper abandoned the payment.
        Abandoned = "abandoned",
        /// The payment was a duplicate.
        Duplicate = "duplicate",
        /// The payment was suspected of fraud.
        Fraudulent = "fraudulent",
        /// Stripe cancelled it.
        Automatic = "automatic",
        /// The payment was not made in time.
        Expired = "expired",
    }
}

impl CancellationReason {
    /// The parameter of a call; `None` for reasons that only Stripe gives.
    pub(super) fn parameter(&self) -> Option<&str> {
        match self {
            Self::RequestedByCustomer | Self::Abandoned | Self::Duplicate | Self::Fraudulent => Some(self.as_str()),
            Self::Automatic | Self::Expired | Self::Other(_) => None,
        }
    }
}

/// The error of a payment attempt.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentError {
    /// Stripe's error code, such as `card_declined`.
    pub code: Option<String>,
    /// The issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// Stripe's message for the shopper.
    pub message: Option<String>,
}

/// One attempt to charge.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// The charge's id.
    pub id: ChargeId,
    /// The amount to charge, in Stripe's units.
    pub amount: i64,
    /// The captured amount, in Stripe's units.
    pub amount_captured: i64,
    /// The refunded amount, pending refunds included.
    pub amount_refunded: i64,
    /// The currency's code in lower case.
    pub currency: String,
    /// The outcome of the attempt.
    pub status: Option<ChargeStatus>,
    /// Whether the cardholder disputes it.
    #[serde(default)]
    pub disputed: bool,
    /// Whether all of it was refunded.
    #[serde(default)]
    pub refunded: bool,
    /// Whether it succeeded.
    #[serde(default)]
    pub paid: bool,
}

open_enum! {
    /// The outcome of an attempt to charge.
    ChargeStatus {
        /// The money is captured, or held.
        Succeeded = "succeeded",
        /// The charge is processing.
        Pending = "pending",
        /// The charge was declined.
        Failed = "failed",
    }
}

fn expanded<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Expanded<T> {
        #[expect(dead_code, reason = "only tells an id from an object")]
        Id(String),
        Object(Box<T>),
    }
    Ok(match Option::<Expanded<T>>::deserialize(deserializer)? {
        Some(Expanded::Object(object)) => Some(*object),
        Some(Expanded::Id(_)) | None => None,
    })
}
