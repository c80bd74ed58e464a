//! Customers, to whom payment methods belong.

use serde::Deserialize;

use crate::{call::Form, client::Stripe, error::StripeError, ids::CustomerId};

/// A customer.
#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    /// The customer's id.
    pub id: CustomerId,
}

impl Stripe {
    /// Creates a customer with no data but `metadata`.
    pub async fn create_customer(&self, key: &str, metadata: &[(&str, &str)]) -> Result<Customer, StripeError> {
        self.make("/v1/customers", key, &metadata_form(metadata)).await
    }
}

/// Metadata as parameters.
pub(crate) fn metadata_form(metadata: &[(&str, &str)]) -> Form {
    metadata.iter().map(|(name, value)| (format!("metadata[{name}]"), (*value).to_owned())).collect()
}
