//! The four first answers that are measured: of each service one that is asked for often and needs its store or siblings.

use lambda_double::http_event;
use serde_json::{Value, json};
use uuid::Uuid;

/// The SKU that the measured shop sells.
pub(super) const SLUG: &str = "organic-cotton-tee";
pub(super) const SKU: &str = "TEE-ORG-M";
/// The account that logs in.
pub(super) const ACCOUNT: &str = "admin@shop.example";
/// The account that logs in where instructions are counted.
pub(super) const CHEAP_ACCOUNT: &str = "counted@shop.example";
pub(super) const PASSWORD: &str = "seven green umbrellas sing";

/// A request and the service that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Product,
    Quote,
    Login,
    Notification,
}

/// Parts of a request that differ each time.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// A guest's access token.
    pub(super) guest: String,
    /// The access token of a service that may have notifications sent.
    pub(super) sender: String,
    /// The account of the login.
    pub(super) account: &'static str,
}

impl Case {
    pub(super) const ALL: [Self; 4] = [Self::Product, Self::Quote, Self::Login, Self::Notification];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Product => "product by slug",
            Self::Quote => "quote",
            Self::Login => "login",
            Self::Notification => "notification",
        }
    }

    /// The service that answers.
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Product => "product-service",
            Self::Quote => "transaction-service",
            Self::Login => "user-service",
            Self::Notification => "notification-service",
        }
    }

    /// The program that makes the same calls by the drivers alone.
    pub(super) fn bare(self) -> &'static str {
        match self {
            Self::Product => "bare-product",
            Self::Quote => "bare-quote",
            Self::Login => "bare-login",
            Self::Notification => "bare-notification",
        }
    }

    /// The request, as the gateway hands it over.
    pub(super) fn event(self, visit: &Visit) -> Value {
        match self {
            Self::Product => http_event("GET", &format!("/products/{SLUG}"), &[("host", "127.0.0.1")], ""),
            Self::Quote => {
                let lines = json!([{ "sku": SKU, "quantity": 2 }]);
                let body = json!({ "currency": "USD", "shipping_method": "standard", "lines": lines });
                post("/quotes", Some(&visit.guest), &body)
            }
            Self::Login => post("/auth/login", None, &json!({ "email": visit.account, "password": PASSWORD })),
            // An event is sent once, and a recipient gets only a few messages about accounts a day.
            Self::Notification => {
                let id = Uuid::new_v4();
                let recipient = json!({ "email": format!("{}@example.com", id.simple()) });
                let body = json!({ "event_id": id, "template": "account_created", "recipient": recipient });
                post("/notifications", Some(&visit.sender), &body)
            }
        }
    }
}

fn post(path: &str, token: Option<&str>, body: &Value) -> Value {
    let mut headers = vec![("host", "127.0.0.1"), ("content-type", "application/json")];
    let bearer = token.map(|token| format!("Bearer {token}"));
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    http_event("POST", path, &headers, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_answers_one_case_and_gets_its_token() {
        let visit = Visit { guest: "g".to_owned(), sender: "s".to_owned(), account: ACCOUNT };
        let token = |case: Case| case.event(&visit)["headers"]["authorization"].as_str().map(str::to_owned);
        assert_eq!(token(Case::Product), None);
        assert_eq!(token(Case::Quote).as_deref(), Some("Bearer g"));
        assert_eq!(token(Case::Login), None);
        assert_eq!(token(Case::Notification).as_deref(), Some("Bearer s"));
        for service in crate::services::SERVICES {
            assert_eq!(Case::ALL.iter().filter(|case| case.service() == service.name).count(), 1);
        }
    }

    #[test]
    fn no_two_notifications_are_of_one_event() {
        let visit = Visit { guest: String::new(), sender: String::new(), account: ACCOUNT };
        assert_ne!(Case::Notification.event(&visit)["body"], Case::Notification.event(&visit)["body"]);
    }
}
