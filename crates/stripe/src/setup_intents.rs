//! SetupIntents: saving a payment method, in the frontend.

use serde::Deserialize;

use crate::{
    client::Stripe,
    client_secret::ClientSecret,
    customers::metadata_form,
    error::StripeError,
    ids::{CustomerId, PaymentMethodId, SetupIntentId},
};

/// A SetupIntent.
#[derive(Debug, Clone, Deserialize)]
pub struct SetupIntent {
    /// The SetupIntent's id.
    pub id: SetupIntentId,
    /// The secret with which the frontend confirms it.
    pub client_secret: ClientSecret,
    /// The status, such as `requires_payment_method` or `succeeded`.
    pub status: String,
    /// The payment method that it saves.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub payment_method: Option<PaymentMethodId>,
}

impl Stripe {
    /// Creates a SetupIntent for a payment method that the customer will use on session.
    pub async fn create_setup_intent(
        &self,
        key: &str,
        customer: &CustomerId,
        metadata: &[(&str, &str)],
    ) -> Result<SetupIntent, StripeError> {
        let form =
            [("customer", customer.as_str()), ("usage", "on_session"), ("automatic_payment_methods[enabled]", "true")];
        let mut form = form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        form.extend(metadata_form(metadata));
        self.make("/v1/setup_intents", key, &form).await
    }

    /// Cancels a SetupIntent, so that no payment method can be tried or saved with it; refused once one is saved.
    pub async fn cancel_setup_intent(&self, key: &str, id: &SetupIntentId) -> Result<SetupIntent, StripeError> {
        self.post(&format!("/v1/setup_intents/{id}/cancel"), key, &Vec::new()).await
    }

    /// Reads a SetupIntent.
    pub async fn retrieve_setup_intent(&self, id: &SetupIntentId) -> Result<SetupIntent, StripeError> {
        self.get(&format!("/v1/setup_intents/{id}"), &Vec::new()).await
    }
}
