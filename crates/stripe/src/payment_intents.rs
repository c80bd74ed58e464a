//! PaymentIntents: capturing a payment once. States: <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use common::money::Money;

pub use self::intent::{CancellationReason, Charge, ChargeStatus, PaymentError, PaymentIntent, PaymentIntentStatus};
use crate::{
    amount,
    call::Form,
    client::Stripe,
    error::StripeError,
    ids::{CustomerId, PaymentIntentId, PaymentMethodId},
    list::List,
};

pub(crate) mod intent;

/// A PaymentIntent to create.
#[derive(Debug, Clone)]
pub struct NewPaymentIntent {
    /// The amount to capture.
    pub amount: Money,
    /// The customer who pays, if they have an account.
    pub customer: Option<CustomerId>,
    /// The saved payment method to charge; without it, the frontend provides one.
    pub payment_method: Option<PaymentMethodId>,
    /// Metadata to store with it.
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
            // It is confirmed by the server, which has no page that a redirect could return to.
            add("automatic_payment_methods[allow_redirects]", "never");
            add("expand[]", "payment_method");
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
    /// Creates a PaymentIntent; no money moves yet.
    pub async fn create_payment_intent(&self, key: &str, new: &NewPaymentIntent) -> Result<PaymentIntent, StripeError> {
        self.make("/v1/payment_intents", key, &new.form()).await
    }

    /// Confirms a PaymentIntent: tries to capture the money.
    pub async fn confirm_payment_intent(&self, key: &str, id: &PaymentIntentId) -> Result<PaymentIntent, StripeError> {
        self.post(&format!("/v1/payment_intents/{id}/confirm"), key, &expand()).await
    }

    /// Cancels a PaymentIntent, so that no money can be captured; refused once it was.
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

    /// Searches PaymentIntents by metadata. Stripe's index lags by up to a minute, in an outage by an hour, so an empty
    /// result for a recent one proves nothing.
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
