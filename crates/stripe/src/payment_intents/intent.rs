//! A PaymentIntent as Stripe answers it. Knows no calls: a decline carries the PaymentIntent that was declined.

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
    /// Its id.
    pub id: PaymentIntentId,
    /// How far it has come.
    pub status: PaymentIntentStatus,
    /// What is to be taken, as Stripe counts ([`crate::amount`]).
    pub amount: i64,
    /// What was taken.
    #[serde(default, deserialize_with = "crate::reading::or_default")]
    pub amount_received: i64,
    /// In lower case.
    pub currency: String,
    /// For the frontend.
    pub client_secret: Option<ClientSecret>,
    /// Who pays.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub customer: Option<CustomerId>,
    /// Why it was cancelled.
    pub cancellation_reason: Option<CancellationReason>,
    /// What went wrong last.
    pub last_payment_error: Option<PaymentError>,
    /// The latest try to take the money. In an answer that did not expand it, `None`.
    #[serde(default, deserialize_with = "expanded")]
    pub latest_charge: Option<Charge>,
    /// With what it is to be taken. In an answer that did not expand it, `None`.
    #[serde(default, deserialize_with = "expanded")]
    pub payment_method: Option<UsedMethod>,
    /// What we noted on it.
    #[serde(default, deserialize_with = "crate::reading::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// The payment method of a PaymentIntent.
#[derive(Debug, Clone, Deserialize)]
pub struct UsedMethod {
    /// Who saved it; `None` where no customer did.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub customer: Option<CustomerId>,
}

open_enum! {
    /// How far a PaymentIntent has come.
    PaymentIntentStatus {
        /// It has no payment method, or the one it had was declined.
        RequiresPaymentMethod = "requires_payment_method",
        /// It has one, and waits to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The shopper has to do something, such as 3-D Secure.
        RequiresAction = "requires_action",
        /// The payment method takes its time.
        Processing = "processing",
        /// The money is held and can be captured.
        RequiresCapture = "requires_capture",
        /// No money can be taken any more.
        Canceled = "canceled",
        /// The money is taken.
        Succeeded = "succeeded",
    }
}

open_enum! {
    /// Why a PaymentIntent was cancelled. We give the first four; the others are Stripe's own.
    CancellationReason {
        /// The shopper asked for it.
        RequestedByCustomer = "requested_by_customer",
        /// The shopper did not go on with it.
        Abandoned = "abandoned",
        /// It stood there twice.
        Duplicate = "duplicate",
        /// It looked like fraud.
        Fraudulent = "fraudulent",
        /// Stripe cancelled it.
        Automatic = "automatic",
        /// It was not paid in time.
        Expired = "expired",
    }
}

impl CancellationReason {
    /// As Stripe takes it; `None` for what only Stripe gives.
    pub(super) fn parameter(&self) -> Option<&str> {
        match self {
            Self::RequestedByCustomer | Self::Abandoned | Self::Duplicate | Self::Fraudulent => Some(self.as_str()),
            Self::Automatic | Self::Expired | Self::Other(_) => None,
        }
    }
}

/// What went wrong with a payment.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentError {
    /// Stripe's error code, such as `card_declined`.
    pub code: Option<String>,
    /// The issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// For the shopper.
    pub message: Option<String>,
}

/// One try to take the money.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// What was to be taken, as Stripe counts.
    pub amount: i64,
    /// What was taken.
    pub amount_captured: i64,
    /// What was given back, or is on its way back.
    pub amount_refunded: i64,
    /// In lower case.
    pub currency: String,
    /// What became of it.
    pub status: Option<ChargeStatus>,
    /// Whether the cardholder disputes it.
    #[serde(default)]
    pub disputed: bool,
    /// Whether all of it was given back.
    #[serde(default)]
    pub refunded: bool,
    /// Whether it succeeded.
    #[serde(default)]
    pub paid: bool,
}

open_enum! {
    /// What became of a try to take the money.
    ChargeStatus {
        /// The money is taken, or held.
        Succeeded = "succeeded",
        /// It takes its time.
        Pending = "pending",
        /// It was declined.
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
