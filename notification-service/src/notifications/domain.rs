//! What another service asks to have told, and to whom.

use std::{fmt, str::FromStr};

use common::{
    contact::Email,
    input::{Fields, FromFields, Refusal},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::order::{Order, OrderId, OrderLine};
pub use self::stock::Stock;
use crate::locale::Locale;

mod order;
mod stock;

fn uuid(text: &str) -> Result<Uuid, Refusal> {
    // Only the hyphenated form: one event, one spelling.
    let id: Result<uuid::fmt::Hyphenated, _> = text.parse();
    id.map(uuid::fmt::Hyphenated::into_uuid).map_err(|_| Refusal::new("invalid_id", "must be a UUID"))
}

/// An event of another service. Its mail is sent once, however often it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, format = Uuid, examples("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"))]
pub struct EventId(Uuid);

impl FromStr for EventId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        uuid(text).map(Self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// The order is paid for.
    OrderConfirmation,
    /// The payment of an order failed.
    PaymentFailed,
    /// A paid order was called off and refunded.
    OrderCancelled,
    /// An account was opened with this address.
    AccountCreated,
    /// Somebody tried to open an account with this address, which has one.
    AccountExists,
    /// Staff hear that few are left of something.
    LowStock,
}

impl Template {
    /// As written in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderConfirmation => "order_confirmation",
            Self::PaymentFailed => "payment_failed",
            Self::OrderCancelled => "order_cancelled",
            Self::AccountCreated => "account_created",
            Self::AccountExists => "account_exists",
            Self::LowStock => "low_stock",
        }
    }

    /// Whether a shopper's order is the occasion. Such mail goes to an address that somebody typed.
    pub fn is_about_an_order(self) -> bool {
        match self {
            Self::OrderConfirmation | Self::PaymentFailed | Self::OrderCancelled => true,
            Self::AccountCreated | Self::AccountExists | Self::LowStock => false,
        }
    }
}

impl FromStr for Template {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let all = [
            Self::OrderConfirmation,
            Self::PaymentFailed,
            Self::OrderCancelled,
            Self::AccountCreated,
            Self::AccountExists,
            Self::LowStock,
        ];
        let known = all.into_iter().find(|template| template.as_str() == text);
        let names = || all.map(Self::as_str).join(", ");
        known.ok_or_else(|| Refusal::new("unknown_template", format!("must be one of {}", names())))
    }
}

/// What is told: the template, and with it what it needs.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(as = NotificationMessage)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Message {
    /// The order is paid for.
    OrderConfirmation {
        /// Without a `reason`.
        order: Order,
    },
    /// The payment of an order failed.
    PaymentFailed {
        /// What could not be paid for.
        order: Order,
    },
    /// A paid order was called off and refunded.
    OrderCancelled {
        /// What was called off.
        order: Order,
    },
    /// An account was opened with this address.
    AccountCreated,
    /// Somebody tried to open an account with this address, which has one.
    AccountExists,
    /// Staff hear that few are left of something.
    LowStock {
        /// Of what.
        stock: Stock,
    },
}

impl Message {
    /// Which mail it is.
    pub fn template(&self) -> Template {
        match self {
            Self::OrderConfirmation { .. } => Template::OrderConfirmation,
            Self::PaymentFailed { .. } => Template::PaymentFailed,
            Self::OrderCancelled { .. } => Template::OrderCancelled,
            Self::AccountCreated => Template::AccountCreated,
            Self::AccountExists => Template::AccountExists,
            Self::LowStock { .. } => Template::LowStock,
        }
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let template = fields.text::<Template>("template");
        let order = match template {
            Some(template) if template.is_about_an_order() => fields.object("order").map(Some),
            // Without a known template nothing can be said against an order but what is wrong within it.
            _ => fields.optional_object::<Order>("order"),
        };
        let stock = match template {
            Some(Template::LowStock) => fields.object("stock").map(Some),
            _ => fields.optional_object::<Stock>("stock"),
        };
        let (template, order, stock) = (template?, order?, stock?);
        if stock.is_some() && template != Template::LowStock {
            return fields.refuse("stock", "not_allowed", "is for templates about stock");
        }
        match (template, order) {
            (Template::OrderConfirmation, Some(order)) if order.reason.is_some() => {
                fields.refuse_below("/order/reason", "not_allowed", "is for orders that came to nothing")
            }
            (Template::OrderConfirmation, Some(order)) => Some(Self::OrderConfirmation { order }),
            (Template::PaymentFailed, Some(order)) => Some(Self::PaymentFailed { order }),
            (Template::OrderCancelled, Some(order)) => Some(Self::OrderCancelled { order }),
            (Template::AccountCreated, None) => Some(Self::AccountCreated),
            (Template::AccountExists, None) => Some(Self::AccountExists),
            (Template::LowStock, None) => stock.map(|stock| Self::LowStock { stock }),
            (Template::AccountCreated | Template::AccountExists | Template::LowStock, Some(_)) => {
                fields.refuse("order", "not_allowed", "is for templates about orders")
            }
            // `order?` has returned already: it was asked for and missing.
            (Template::OrderConfirmation | Template::PaymentFailed | Template::OrderCancelled, None) => None,
        }
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct Recipient {
    /// Where mail reaches them.
    pub email: Email,
}

impl FromFields for Recipient {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { email: fields.text("email")? })
    }
}

/// A wish to have somebody told something, once.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(example = json!({
    "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "template": "order_confirmation",
    "recipient": {"email": "ada@example.com"}, "locale": "en-GB",
    "order": {
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "placed_at": "2026-11-22T09:30:00.125Z",
        "lines": [{"title": "Organic cotton tee", "options": {"Size": "M"}, "quantity": 2,
            "total": {"amount": 3998, "currency": "GBP"}}],
        "subtotal": {"amount": 3998, "currency": "GBP"}, "shipping": {"amount": 500, "currency": "GBP"},
        "tax": {"amount": 900, "currency": "GBP"}, "total": {"amount": 5398, "currency": "GBP"},
        "shipping_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null, "city": "London",
            "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": null}
    }
}))]
pub struct Notification {
    /// Names the event for ever; what is told of it is told once.
    pub event_id: EventId,
    /// Who is told.
    pub recipient: Recipient,
    /// How they write money and dates: a language tag of BCP 47. Absent, or not known in any way: `en-US`.
    #[schema(value_type = Option<String>, max_length = 64, examples("en-GB"))]
    pub locale: Locale,
    /// What they are told.
    #[serde(flatten)]
    pub message: Message,
}

/// Shows nobody's address.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification({} {})", self.event_id, self.message.template().as_str())
    }
}

impl FromFields for Notification {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let event_id = fields.text("event_id");
        let recipient = fields.object("recipient");
        let locale = fields.optional_text("locale");
        let message = Message::read(fields);
        Some(Self {
            event_id: event_id?,
            recipient: recipient?,
            locale: locale?.unwrap_or_default(),
            message: message?,
        })
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NotificationStatus)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The mail is with the provider.
    Sent,
    /// It was before; nothing was sent this time.
    AlreadySent,
    /// The recipient has had as many mails about orders as they get on one day. The mail is not sent, now or later.
    Withheld,
}

/// How many mails about orders one recipient gets on one day of UTC: 1 to 1000, 20 unless configured otherwise. Whoever can
/// order can name any address, and none of them shall be flooded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit(u16);

impl DailyLimit {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for DailyLimit {
    fn default() -> Self {
        Self(20)
    }
}

impl FromStr for DailyLimit {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let number = text.parse().ok().filter(|number| (1..=1000).contains(number));
        number.map(Self).ok_or_else(|| Refusal::new("out_of_range", "must be from 1 to 1000"))
    }
}
