//! What the other services are told of an order, through the outbox. Each message has an id that follows from the order
//! and what is told, so that it cannot be told twice by mistake.

use std::borrow::Cow;

use common::contact::{Channel, Channels};
use platform::outbox::Message;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ids::OrderId,
    orders::domain::{Order, State},
};

/// What a message asks of another service. The outbox stores it as the path that the message is posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes the stock of an order off the shelf.
    CommitStock(OrderId),
    /// Frees the stock of an order.
    ReleaseStock(OrderId),
    /// Takes what was ordered out of the cart of a user or guest.
    ClearCart(Uuid),
    /// Tells the shopper.
    Notify,
}

impl Kind {
    /// Where a message of the kind is posted.
    pub fn path(self) -> Cow<'static, str> {
        match self {
            Self::CommitStock(order) => format!("/inventory/reservations/{order}/commit").into(),
            Self::ReleaseStock(order) => format!("/inventory/reservations/{order}/release").into(),
            Self::ClearCart(owner) => format!("/carts/{owner}/clear").into(),
            Self::Notify => "/notifications".into(),
        }
    }

    /// The kind of a message that is posted to `path`; `None` where no message of ours goes.
    pub fn of(path: &str) -> Option<Self> {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["", "inventory", "reservations", order, "commit"] => order.parse().ok().map(Self::CommitStock),
            ["", "inventory", "reservations", order, "release"] => order.parse().ok().map(Self::ReleaseStock),
            ["", "carts", owner, "clear"] => owner.parse().ok().map(Self::ClearCart),
            ["", "notifications"] => Some(Self::Notify),
            _ => None,
        }
    }
}

/// What is to be told now that the order is in its state.
pub fn after(order: &Order) -> Vec<Message> {
    match order.state {
        // That the bank wants to hear from the shopper is in the answer, and in the order. There is a mail for it
        // (`payment_action_required`), which is not sent: see below.
        State::Pending | State::RequiresAction => Vec::new(),
        State::Paid => {
            // What was ordered has to be confirmed on a durable medium (Directive 2011/83/EU, article 8(7)): by mail, whatever
            // else was chosen.
            let channels = order.notify_by.with(Channel::Email);
            let mut messages = vec![commit_stock(order), notification(order, "order_confirmation", channels, None)];
            if order.from_cart {
                messages.push(clear_cart(order));
            }
            messages
        }
        // Told by the answer alone. A mail would go to an address that nobody has verified, which must not be had for the
        // price of a card that is declined.
        State::PaymentFailed | State::Cancelled | State::Expired => vec![release_stock(order.id)],
    }
}

/// The shopper hears that their paid order was called off and refunded.
pub fn order_cancelled(order: &Order) -> Message {
    notification(order, "order_cancelled", order.notify_by, order.closing_reason.as_deref())
}

/// The stock of an order, or of an attempt that did not become one, is free again.
pub fn release_stock(order: OrderId) -> Message {
    message(order, "release", Kind::ReleaseStock(order), json!({}))
}

fn commit_stock(order: &Order) -> Message {
    message(order.id, "commit", Kind::CommitStock(order.id), json!({}))
}

fn clear_cart(order: &Order) -> Message {
    let lines = order.pricing.lines.iter().map(|line| json!({ "sku": line.sku, "quantity": line.quantity }));
    let body = json!({ "order_id": order.id, "lines": lines.collect::<Vec<_>>() });
    message(order.id, "clear_cart", Kind::ClearCart(order.owner.id()), body)
}

/// Each template has a form as a text message, and is asked for once an order: its id follows from both.
fn notification(order: &Order, template: &'static str, channels: Channels, reason: Option<&str>) -> Message {
    // The address in any case: notification-service sends a mail where the shopper chose texts alone and none goes to their number.
    let mut recipient = json!({ "email": order.email });
    if let Some(phone) = order.phone.as_ref().filter(|_| channels.contains(Channel::Sms)) {
        recipient["phone"] = json!(phone);
    }
    if let Some(locale) = &order.locale {
        recipient["locale"] = json!(locale);
    }
    let mut summary = summary(order);
    if let Some(reason) = reason {
        summary["reason"] = json!(reason);
    }
    let body = json!({
        "event_id": event_id(order.id, template), "template": template, "recipient": recipient, "channels": channels,
        "data": { "order": summary }
    });
    message(order.id, template, Kind::Notify, body)
}

/// What a mail about the order says; nothing else of it leaves the service.
fn summary(order: &Order) -> Value {
    let pricing = &order.pricing;
    let lines = pricing.lines.iter().map(|line| {
        json!({ "sku": line.sku, "title": line.title, "options": line.options, "quantity": line.quantity,
            "unit_price": line.unit_price, "total": line.subtotal })
    });
    json!({
        "id": order.id,
        "placed_at": order.created_at,
        "lines": lines.collect::<Vec<_>>(),
        "subtotal": pricing.subtotal,
        "shipping": pricing.shipping.price,
        "tax": pricing.tax,
        "total": pricing.total,
        "shipping_address": order.shipping_address,
    })
}

fn message(order: OrderId, what: &str, kind: Kind, body: Value) -> Message {
    Message { id: event_id(order, what).into(), path: kind.path(), body }
}

fn event_id(order: OrderId, what: &str) -> Uuid {
    Uuid::new_v5(&order.uuid(), what.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message_has_a_path_of_its_own_by_which_it_is_known() {
        let (order, owner) = (OrderId::from(Uuid::from_u128(7)), Uuid::from_u128(8));
        assert_eq!(Kind::CommitStock(order).path(), format!("/inventory/reservations/{order}/commit"));
        for kind in [Kind::CommitStock(order), Kind::ReleaseStock(order), Kind::ClearCart(owner), Kind::Notify] {
            assert_eq!(Kind::of(&kind.path()), Some(kind));
        }
        for other in ["", "/orders", "/carts/7/clear", "/inventory/reservations/7/commit"] {
            assert_eq!(Kind::of(other), None, "{other}");
        }
    }
}
