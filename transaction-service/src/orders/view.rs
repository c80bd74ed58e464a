//! An order as shoppers see it: a pure function of the saved order, so that handler, webhook, retry and sweep give the
//! same answer.

use common::{
    contact::{Channels, Email, Phone, PostalAddress},
    locale::LanguageTag,
    money::{Currency, Money},
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::domain::{ClientSecret, Failure, Order, State};
use crate::{
    ids::OrderId,
    pricing::{Line, Shipping},
};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order, example = json!(example()))]
pub struct OrderView<'a> {
    /// Its id.
    pub id: OrderId,
    /// How far it has come.
    pub state: State,
    /// What all amounts are in.
    pub currency: Currency,
    /// What was ordered, one line a SKU.
    #[schema(value_type = Vec<Line>)]
    pub lines: &'a [Line],
    /// How it is sent.
    #[schema(value_type = Shipping)]
    pub shipping: &'a Shipping,
    /// All lines before tax.
    pub subtotal: Money,
    /// The tax on lines and shipping.
    pub tax: Money,
    /// What is charged: `subtotal + shipping.price + tax`.
    pub total: Money,
    /// Where it is sent.
    #[schema(value_type = PostalAddress)]
    pub shipping_address: &'a PostalAddress,
    /// Where its messages go.
    #[schema(value_type = Email)]
    pub email: &'a Email,
    /// How the shopper is told of the order.
    pub notify_by: Channels,
    /// Where text messages go; `null` without them.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<&'a Phone>,
    /// How money and dates are written in them.
    #[schema(value_type = Option<LanguageTag>, required)]
    pub locale: Option<&'a LanguageTag>,
    /// Its payment.
    pub payment: PaymentView<'a>,
    /// `sold_out` when we had to call it off; else `null`.
    #[schema(required)]
    pub closing_reason: Option<&'a str>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// The payment of an order, as far as its shopper is concerned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
pub struct PaymentView<'a> {
    /// `saved` or `client`.
    #[schema(value_type = String, example = "client")]
    pub method: &'static str,
    /// While the order requires action: hand this to Stripe's library in the frontend. Else `null`.
    #[schema(value_type = Option<String>, required, example = "pi_3MtwBw_secret_YrKJ")]
    pub client_secret: Option<&'a ClientSecret>,
    /// Why it failed; else `null`.
    #[schema(value_type = Option<Failure>, required)]
    pub failure: Option<&'a Failure>,
    /// What was taken.
    pub captured: Money,
    /// What was given back.
    pub refunded: Money,
}

impl<'a> From<&'a Order> for OrderView<'a> {
    fn from(order: &'a Order) -> Self {
        let (pricing, payment) = (&order.pricing, &order.payment);
        let money = |amount| Money { amount, currency: pricing.currency() };
        Self {
            id: order.id,
            state: order.state,
            currency: pricing.currency(),
            lines: &pricing.lines,
            shipping: &pricing.shipping,
            subtotal: pricing.subtotal,
            tax: pricing.tax,
            total: pricing.total,
            shipping_address: &order.shipping_address,
            email: &order.email,
            notify_by: order.notify_by,
            phone: order.phone.as_ref(),
            locale: order.locale.as_ref(),
            payment: PaymentView {
                method: payment.method.as_str(),
                client_secret: payment.client_secret.as_ref(),
                failure: payment.failure.as_ref(),
                captured: money(payment.captured),
                refunded: money(payment.refunded),
            },
            closing_reason: order.closing_reason.as_deref(),
            expires_at: order.expires_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// An order, for the documentation.
pub(crate) fn example() -> serde_json::Value {
    let usd = |amount: i64| serde_json::json!({ "amount": amount, "currency": "USD" });
    serde_json::json!({
        "id": "3d1a7d0e-5c6b-5b0f-9c41-5f0e8a1b2c3d", "state": "paid", "currency": "USD",
        "lines": [{
            "sku": "TEE-ORG-NAVY-M", "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "title": "Organic cotton tee",
            "options": {"Size": "M"}, "quantity": 2, "unit_price": usd(1999), "tax_class": "standard",
            "subtotal": usd(3998), "tax": usd(330), "total": usd(4328)
        }],
        "shipping": {"method": "standard", "price": usd(499), "tax": usd(41)},
        "subtotal": usd(3998), "tax": usd(371), "total": usd(4868),
        "shipping_address": {
            "name": "Ada Lovelace", "line1": "12 St James's Square", "line2": null, "city": "London", "region": null,
            "postal_code": "SW1Y 4JH", "country": "GB", "phone": null
        },
        "email": "ada@example.com", "notify_by": ["email", "sms"], "phone": "+442079460123", "locale": "en-GB",
        "payment": {"method": "saved", "client_secret": null, "failure": null, "captured": usd(4868), "refunded": usd(0)},
        "closing_reason": null, "expires_at": "2026-11-22T10:00:00.125Z",
        "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:01.250Z"
    })
}
