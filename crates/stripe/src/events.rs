//! Events: what happened at Stripe, kept there for 30 days.

use serde::Deserialize;
use serde_json::Value;

use crate::{EventId, List, PaymentIntentId, Stripe, StripeError};

/// Something that happened.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// `payment_intent.succeeded`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// When, in seconds since 1970.
    pub created: i64,
    /// To what.
    data: Data,
}

#[derive(Debug, Clone, Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    /// The object that it happened to, as it was then.
    pub fn object(&self) -> &Value {
        &self.data.object
    }

    /// The PaymentIntent that it is about: the object itself, or the one that its charge, refund or dispute belongs to.
    pub fn payment_intent(&self) -> Option<PaymentIntentId> {
        let object = &self.data.object;
        let id = if object["object"] == "payment_intent" { &object["id"] } else { &object["payment_intent"] };
        id.as_str().or_else(|| id["id"].as_str())?.parse().ok()
    }
}

impl Stripe {
    /// Events, newest first: those directly newer than `after`, or else the newest; at most 100.
    pub async fn list_events(&self, after: Option<&EventId>) -> Result<List<Event>, StripeError> {
        let mut query = vec![("limit".to_owned(), "100".to_owned())];
        query.extend(after.map(|after| ("ending_before".to_owned(), after.to_string())));
        self.get("/v1/events", &query).await
    }
}
