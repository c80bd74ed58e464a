//! Events of Stripe, which keeps them for 30 days.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    client::Stripe,
    error::StripeError,
    ids::{EventId, PaymentIntentId, SetupIntentId},
    list::{List, Unreadable},
};

/// An event. Only ids that lead to the payment are read, and the current state is then read from Stripe, so that an
/// event of another API version, of an unknown type, or without an object can be read as well.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The type, such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The API version that its object is written in.
    #[serde(default)]
    pub api_version: Option<String>,
    #[serde(default)]
    data: Value,
}

impl Event {
    /// Reads an event from the body of a webhook.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(body).map_err(|_| {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            Unreadable::of(&body)
        })
    }

    /// The object of the event, in its state at that time; null when the event has none.
    pub fn object(&self) -> &Value {
        &self.data["object"]
    }

    /// The PaymentIntent that it is about: the object itself, or the one that its charge, refund or dispute belongs to.
    pub fn payment_intent(&self) -> Option<PaymentIntentId> {
        let object = self.object();
        let id = if object["object"] == "payment_intent" { &object["id"] } else { &object["payment_intent"] };
        id.as_str().or_else(|| id["id"].as_str())?.parse().ok()
    }

    /// The SetupIntent that it is about.
    pub fn setup_intent(&self) -> Option<SetupIntentId> {
        let object = self.object();
        object["id"].as_str().filter(|_| object["object"] == "setup_intent")?.parse().ok()
    }

    /// Whether it may be about money that moved after the payment: a refund, a dispute, or a charge of a type that is
    /// not known to mean something else.
    pub fn is_about_money_back(&self) -> bool {
        match self.object()["object"].as_str() {
            Some("refund" | "dispute") => true,
            Some("charge") => {
                !matches!(self.kind.as_str(), "charge.captured" | "charge.failed" | "charge.expired") && self.is_news()
            }
            _ => false,
        }
    }

    /// Whether it may hold information that no other event has. The outcome of a payment is in an event of its
    /// PaymentIntent, and the caller created the PaymentIntent itself. Every payment brings such redundant events
    /// ("Types of events" in Stripe's reference).
    pub fn is_news(&self) -> bool {
        !matches!(
            self.kind.as_str(),
            "payment_intent.created" | "charge.succeeded" | "charge.pending" | "charge.updated"
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_whatever_it_is_about() {
        let about = |body: &str| Event::read(body.as_bytes()).map(|event| event.payment_intent().is_some());
        assert_eq!(
            about(r#"{"id": "evt_1", "type": "a.b", "data": {"object": {"payment_intent": "pi_1"}}}"#),
            Ok(true)
        );
        let thin =
            r#"{"id": "evt_1", "object": "v2.core.event", "type": "v2.a", "created": "2026-11-30T00:00:00.000Z"}"#;
        for unknown in
            [thin, r#"{"id": "evt_1", "type": "a", "data": null}"#, r#"{"id": "e-1", "type": "a", "data": 7}"#]
        {
            assert_eq!(about(unknown), Ok(false), "{unknown}");
        }
    }

    #[test]
    fn what_every_payment_brings_is_no_news_and_only_what_may_be_money_back_is_taken_for_it() {
        let event = |kind: &str, object: &str| {
            let body = serde_json::json!({"id": "evt_1", "type": kind, "data": {"object": {"object": object}}});
            let event = Event::read(body.to_string().as_bytes()).unwrap();
            (event.is_news(), event.is_about_money_back())
        };
        for kind in ["charge.succeeded", "charge.pending", "charge.updated"] {
            assert_eq!(event(kind, "charge"), (false, false), "{kind}");
        }
        assert_eq!(event("payment_intent.created", "payment_intent"), (false, false));
        for kind in ["charge.captured", "charge.failed", "charge.expired"] {
            assert_eq!(event(kind, "charge"), (true, false), "{kind}");
        }
        for kind in ["payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"] {
            assert_eq!(event(kind, "payment_intent"), (true, false), "{kind}");
        }
        for (kind, object) in [
            ("charge.refunded", "charge"),
            ("charge.of_a_kind_that_is_new", "charge"),
            ("charge.refund.updated", "refund"),
            ("refund.created", "refund"),
            ("refund.failed", "refund"),
            ("charge.dispute.created", "dispute"),
            ("charge.dispute.closed", "dispute"),
        ] {
            assert_eq!(event(kind, object), (true, true), "{kind}");
        }
    }

    #[test]
    fn an_unreadable_event_is_named_by_its_type_and_id_alone() {
        let error = |body: &[u8]| Event::read(body).map(drop).unwrap_err().to_string();
        assert_eq!(error(br#"{"id": "evt_1", "object": "event", "email": "ada@example.com"}"#), "event evt_1");
        for body in [&b""[..], b"[]", b"7", b"null", b"\"x\"", b"\xff\xfe", b"{", br#"{"id": {}, "type": 1}"#] {
            assert_eq!(error(body), "object without an id");
        }
    }
}
