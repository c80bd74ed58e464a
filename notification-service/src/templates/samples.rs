//! A sample of every template: what the documentation shows, what staff preview, and what tests render.

use common::{
    input::{Fields, FromFields},
    problem::FieldErrors,
};
use serde_json::{Value, json};

use super::{
    Shop,
    data::{Message, Template},
};

/// The address of the shop in the documentation.
const HOME: &str = "https://shop.example";

/// A sample request of a template, for the shop of the documentation.
pub fn sample(template: Template) -> Value {
    of(template, HOME, None)
}

/// The same request for this shop, with pictures where it has an address for them.
pub(crate) fn by(template: Template, shop: &Shop) -> Value {
    of(template, shop.url(), shop.first_image_base())
}

/// The message of that request.
pub fn message(template: Template, shop: &Shop) -> Result<Message, FieldErrors> {
    Fields::read::<SampleMessage>(by(template, shop)).map(|SampleMessage(message)| message)
}

/// The message of a request; its other members are ignored.
struct SampleMessage(Message);

impl FromFields for SampleMessage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        for name in ["event_id", "recipient", "channels"] {
            fields.ignore(name);
        }
        let template = fields.text::<Template>("template")?;
        fields.object_by("data", |data| Message::read(template, data)).map(Self)
    }
}

fn of(template: Template, home: &str, images: Option<&str>) -> Value {
    let mut request = json!({
        "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "template": template.as_str(),
        "recipient": {"email": "ada@example.com", "locale": "en-GB"},
        "data": data(template, home, images)
    });
    if template.has_sms() {
        request["recipient"]["phone"] = json!("+442079460123");
        request["channels"] = json!(["email", "sms"]);
    }
    request
}

fn data(template: Template, home: &str, images: Option<&str>) -> Value {
    let order = |reason: Option<&str>| order(home, images, reason);
    let item = json!({"title": "Organic cotton tee", "options": {"Colour": "Navy", "Size": "M"}, "quantity": 1});
    match template {
        Template::OrderConfirmation => json!({"order": order(None)}),
        Template::PaymentFailed => json!({"order": order(Some("Your card was declined."))}),
        Template::OrderCancelled => json!({"order": order(Some("sold_out"))}),
        Template::AccountCreated | Template::AccountExists => json!({}),
        Template::LowStock => json!({"stock": {
            "sku": "TEE-ORG-NAVY-M", "title": "Organic cotton tee", "available": 3, "low_stock_at": 5
        }}),
        Template::PaymentActionRequired => json!({"order": order(None), "pay_by": "2026-11-22T10:00:00.000Z"}),
        Template::OrderShipped => json!({"order": order(None), "shipment": {
            "carrier": "DHL", "tracking_number": "00340434161094042557",
            "tracking_link": format!("{home}/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e/parcels/1"),
            "expected_at": "2026-11-25T12:00:00.000Z", "items": [item]
        }}),
        Template::OrderDelivered => json!({"order": order(None), "delivered_at": "2026-11-25T13:42:00.000Z"}),
        Template::OrderRefunded => {
            json!({"order": order(None), "refund": {"amount": {"amount": 1999, "currency": "GBP"}}})
        }
        Template::ReturnReceived => {
            json!({"order": order(None), "returned": {"received_at": "2026-12-04T09:15:00.000Z", "items": [item]}})
        }
        Template::WithdrawalReceived => json!({"order": order(None), "withdrawal": {
            "received_at": "2026-12-01T20:05:00.000Z", "name": "Ada Lovelace", "items": [item]
        }}),
        Template::VerifyEmail => json!({
            "link": format!("{home}/account/verify?token=9QpVwQ5n3mYfXr1t"), "expires_at": "2026-11-23T09:30:00.000Z"
        }),
        Template::PasswordReset => json!({
            "link": format!("{home}/account/reset?token=9QpVwQ5n3mYfXr1t"), "expires_at": "2026-11-22T10:30:00.000Z"
        }),
        Template::PasswordChanged => json!({"at": "2026-11-22T09:30:00.000Z"}),
        Template::NewSignIn => json!({
            "at": "2026-11-22T09:30:00.000Z", "device": "Firefox on Windows", "place": "Berlin, Germany"
        }),
        Template::EmailChanged => json!({"at": "2026-11-22T09:30:00.000Z", "recipient_is": "old"}),
        Template::StaffInvited => json!({
            "link": format!("{home}/staff/invitation?token=9QpVwQ5n3mYfXr1t"), "expires_at": "2026-11-29T09:30:00.000Z"
        }),
        Template::GuestOrderLink => json!({
            "order": order(None), "link": format!("{home}/orders/guest?token=9QpVwQ5n3mYfXr1t"),
            "expires_at": "2026-12-22T09:30:00.000Z"
        }),
        Template::Invoice => json!({"order": order(None), "invoice": {
            "number": "2026-000123", "issued_at": "2026-11-22T09:31:00.000Z",
            "link": format!("{home}/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e/invoice")
        }}),
        Template::Direct => json!({
            "subject": "About your return",
            "text": "Hello Ada,\n\nyour parcel has come back to us because nobody was at home.\n\
                Shall we send it again, or would you like your money back?"
        }),
    }
}

fn order(home: &str, images: Option<&str>, reason: Option<&str>) -> Value {
    let money = |amount: i64| json!({"amount": amount, "currency": "GBP"});
    let mut order = json!({
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "number": "BO-2026-1042",
        "link": format!("{home}/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e"), "placed_at": "2026-11-22T09:30:00.125Z",
        "lines": [
            {"title": "Organic cotton tee", "options": {"Colour": "Navy", "Size": "M"}, "quantity": 2,
             "sku": "TEE-ORG-NAVY-M", "unit_price": money(1999), "total": money(3998)},
            {"title": "Brass wall hook", "options": {}, "quantity": 1, "sku": "HOOK-BRASS", "unit_price": money(900),
             "total": money(900)}
        ],
        "subtotal": money(4898), "shipping": money(500), "tax": money(1080), "total": money(6478),
        "shipping_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null, "city": "London",
            "region": null, "postal_code": "SW1Y 4JH", "country": "GB", "phone": null}
    });
    if let Some(base) = images {
        order["lines"][0]["image"] = json!(format!("{base}/organic-cotton-t-shirt.png"));
        order["lines"][1]["image"] = json!(format!("{base}/brass-wall-hook.png"));
    }
    if let Some(reason) = reason {
        order["reason"] = json!(reason);
    }
    order
}
