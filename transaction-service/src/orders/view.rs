//! An order as shoppers get it: a pure function of the saved order, so that handler, webhook, retry and sweep store the same
//! answer.

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
    pricing::{OrderLine, Shipping},
};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order, example = json!(example()))]
pub struct OrderView<'a> {
    /// Id of the order.
    pub id: OrderId,
    /// State of the order.
    pub state: State,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Ordered lines, one for each SKU.
    #[schema(value_type = Vec<OrderLine>)]
    pub lines: &'a [OrderLine],
    /// Shipping method, price and tax.
    #[schema(value_type = Shipping)]
    pub shipping: &'a Shipping,
    /// Sum of all lines before tax.
    pub subtotal: Money,
    /// Tax on lines and shipping.
    pub tax: Money,
    /// Amount to be charged: `subtotal + shipping.price + tax`.
    pub total: Money,
    /// Address that the order is sent to.
    #[schema(value_type = PostalAddress)]
    pub shipping_address: &'a PostalAddress,
    /// E-mail address for messages about the order.
    #[schema(value_type = Email)]
    pub email: &'a Email,
    /// Channels of messages to the shopper.
    pub notify_by: Channels,
    /// Number for text messages (E.164); `null` when `notify_by` has no `sms`.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<&'a Phone>,
    /// Language tag (BCP 47) by which money and dates are written in messages.
    #[schema(value_type = Option<LanguageTag>, required)]
    pub locale: Option<&'a LanguageTag>,
    /// Payment of the order.
    pub payment: PaymentView<'a>,
    /// `sold_out` when the shop cancelled the order for lack of stock, and refunded it; else `null`.
    #[schema(required)]
    pub closing_reason: Option<&'a str>,
    /// When the order expires unless it is paid.
    pub expires_at: Timestamp,
    /// When the order was made.
    pub created_at: Timestamp,
    /// When the order last changed.
    pub updated_at: Timestamp,
}

/// Payment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
pub struct PaymentView<'a> {
    /// `saved`: charged by the service. `client`: confirmed by the frontend.
    #[schema(value_type = String, example = "client")]
    pub method: &'static str,
    /// Client secret of the PaymentIntent while `state` is `requires_action`: pass it to Stripe's library. Else `null`.
    #[schema(value_type = Option<String>, required, example = "pi_3MtwBw_secret_YrKJ")]
    pub client_secret: Option<&'a ClientSecret>,
    /// Reason of a failed payment; else `null`.
    #[schema(value_type = Option<Failure>, required)]
    pub failure: Option<&'a Failure>,
    /// Captured amount.
    pub captured: Money,
    /// Refunded amount.
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
            closing_reason: order.cancellation_reason.as_deref(),
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
