//! PaymentIntents: taking money, once. States: <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use std::collections::BTreeMap;

use common::money::Money;
use serde::Deserialize;

use crate::{
    ChargeId, ClientSecret, CustomerId, List, PaymentIntentId, PaymentMethodId, Stripe, StripeError, amount,
    call::Form, open::open_enum,
};

/// A PaymentIntent, its latest charge expanded.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentIntent {
    /// Its id.
    pub id: PaymentIntentId,
    /// How far it has come.
    pub status: PaymentIntentStatus,
    /// What is to be taken, as Stripe counts ([`amount`]).
    pub amount: i64,
    /// What was taken.
    #[serde(default, deserialize_with = "crate::or_default")]
    pub amount_received: i64,
    /// In lower case.
    pub currency: String,
    /// For the frontend.
    pub client_secret: Option<ClientSecret>,
    /// Who pays.
    #[serde(default, deserialize_with = "crate::reference")]
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
    #[serde(default, deserialize_with = "crate::or_default")]
    pub metadata: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// The payment method of a PaymentIntent.
#[derive(Debug, Clone, Deserialize)]
pub struct UsedMethod {
    /// Who saved it; `None` where no customer did.
    #[serde(default, deserialize_with = "crate::reference")]
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
    fn parameter(&self) -> Option<&str> {
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

/// When the money of a confirmed PaymentIntent is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// At once.
    Automatic,
    /// When it is captured.
    Manual,
}

/// A PaymentIntent to be made.
#[derive(Debug, Clone)]
pub struct NewPaymentIntent {
    /// What is to be taken.
    pub amount: Money,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// With what; without it, the frontend brings one.
    pub payment_method: Option<PaymentMethodId>,
    /// When.
    pub capture: Capture,
    /// What to note on it.
    pub metadata: Vec<(&'static str, String)>,
}

impl NewPaymentIntent {
    fn form(&self) -> Form {
        let mut form: Form = Vec::new();
        let mut add = |name: &str, value: &str| form.push((name.to_owned(), value.to_owned()));
        add("amount", &amount::to_stripe(self.amount).to_string());
        add("currency", &amount::code(self.amount.currency));
        add("automatic_payment_methods[enabled]", "true");
        if let Some(customer) = &self.customer {
            add("customer", customer.as_str());
        }
        if let Some(payment_method) = &self.payment_method {
            add("payment_method", payment_method.as_str());
            // We confirm it ourselves, and have no page that a redirect could lead back to.
            add("automatic_payment_methods[allow_redirects]", "never");
            add("expand[]", "payment_method");
        }
        if self.capture == Capture::Manual {
            add("capture_method", "manual");
        }
        for (name, value) in &self.metadata {
            add(&format!("metadata[{name}]"), value);
        }
        add(EXPAND.0, EXPAND.1);
        form
    }
}

const EXPAND: (&str, &str) = ("expand[]", "latest_charge");

fn expand() -> Form {
    vec![(EXPAND.0.to_owned(), EXPAND.1.to_owned())]
}

impl Stripe {
    /// Makes a PaymentIntent; takes nothing yet.
    pub async fn create_payment_intent(&self, key: &str, new: &NewPaymentIntent) -> Result<PaymentIntent, StripeError> {
        self.make("/v1/payment_intents", key, &new.form()).await
    }

    /// Tries to take the money. `return_url` is where methods that redirect lead back to.
    pub async fn confirm_payment_intent(
        &self,
        key: &str,
        id: &PaymentIntentId,
        return_url: Option<&str>,
    ) -> Result<PaymentIntent, StripeError> {
        let mut form = expand();
        form.extend(return_url.map(|url| ("return_url".to_owned(), url.to_owned())));
        self.post(&format!("/v1/payment_intents/{id}/confirm"), key, &form).await
    }

    /// Takes the money that was held.
    pub async fn capture_payment_intent(&self, key: &str, id: &PaymentIntentId) -> Result<PaymentIntent, StripeError> {
        self.post(&format!("/v1/payment_intents/{id}/capture"), key, &expand()).await
    }

    /// Makes sure that no money is taken any more; refused once it is.
    pub async fn cancel_payment_intent(
        &self,
        key: &str,
        id: &PaymentIntentId,
        reason: &CancellationReason,
    ) -> Result<PaymentIntent, StripeError> {
        let mut form = expand();
        form.extend(reason.parameter().map(|reason| ("cancellation_reason".to_owned(), reason.to_owned())));
        self.post(&format!("/v1/payment_intents/{id}/cancel"), key, &form).await
    }

    /// Reads a PaymentIntent.
    pub async fn retrieve_payment_intent(&self, id: &PaymentIntentId) -> Result<PaymentIntent, StripeError> {
        self.get(&format!("/v1/payment_intents/{id}"), &expand()).await
    }

    /// Looks for PaymentIntents by what was noted on them. Stripe's index lags behind by up to a minute, in an outage by
    /// an hour, so an empty answer about a recent one means nothing.
    pub async fn search_payment_intents(
        &self,
        (name, value): (&str, &str),
    ) -> Result<List<PaymentIntent>, StripeError> {
        let quoted = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
        let query = format!("metadata['{}']:'{}'", quoted(name), quoted(value));
        let form = vec![("query".to_owned(), query), ("expand[]".to_owned(), "data.latest_charge".to_owned())];
        self.get("/v1/payment_intents/search", &form).await
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
