//! Payment methods that customers saved.

use serde::Deserialize;

use crate::{
    client::Stripe,
    error::StripeError,
    ids::{CustomerId, PaymentMethodId},
    list::List,
};

/// A payment method.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentMethod {
    /// The payment method's id.
    pub id: PaymentMethodId,
    /// The type, such as `card`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Card details, when it is a card.
    pub card: Option<Card>,
    /// The customer that it is saved for.
    #[serde(default, deserialize_with = "crate::reading::reference")]
    pub customer: Option<CustomerId>,
    /// When it was created, in seconds since 1970.
    pub created: i64,
}

/// The details of a card that can be shown to its owner.
#[derive(Debug, Clone, Deserialize)]
pub struct Card {
    /// The brand, such as `visa`.
    pub brand: String,
    /// The last four digits of the number.
    pub last4: String,
    /// The month of expiry, from 1 to 12.
    pub exp_month: u32,
    /// The year of expiry, with four digits.
    pub exp_year: u32,
}

impl Stripe {
    /// One page of a customer's payment methods, newest first; `limit` is 1 to 100. Unreadable ones are replaced by the
    /// next, so that a page that is not full is the last.
    pub async fn list_payment_methods(
        &self,
        customer: &CustomerId,
        limit: usize,
        after: Option<&PaymentMethodId>,
    ) -> Result<List<PaymentMethod>, StripeError> {
        let path = format!("/v1/customers/{customer}/payment_methods");
        let page = async |limit: usize, after: Option<&str>| -> Result<List<PaymentMethod>, StripeError> {
            let mut query = vec![("limit".to_owned(), limit.to_string())];
            query.extend(after.map(|after| ("starting_after".to_owned(), after.to_owned())));
            self.get(&path, &query).await
        };
        let mut list = page(limit, after.map(PaymentMethodId::as_str)).await?;
        while list.has_more && list.data.len() < limit {
            let Some(oldest) = list.oldest() else { break };
            let next = page(limit - list.data.len(), Some(oldest)).await?;
            list.extend(next);
        }
        Ok(list)
    }

    /// Reads a payment method.
    pub async fn retrieve_payment_method(&self, id: &PaymentMethodId) -> Result<PaymentMethod, StripeError> {
        self.get(&format!("/v1/payment_methods/{id}"), &Vec::new()).await
    }

    /// Detaches a payment method from its customer; it cannot be attached again.
    pub async fn detach_payment_method(&self, key: &str, id: &PaymentMethodId) -> Result<PaymentMethod, StripeError> {
        self.post(&format!("/v1/payment_methods/{id}/detach"), key, &Vec::new()).await
    }
}
