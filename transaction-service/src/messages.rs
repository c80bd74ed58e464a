//! Messages about orders to the other services, through the outbox. The id of a message is derived from the order and the
//! kind of message, so that a message that is written twice is one message.

use std::borrow::Cow;

use common::contact::{Channel, Channels};
use platform::outbox::Message;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ids::OrderId,
    orders::domain::{Order, State},
};

/// The kind of a message. The outbox stores it as the path that the message is posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes the stock of an order off the shelf.
    CommitStock(OrderId),
    /// Frees the stock of an order.
    ReleaseStock(OrderId),
    /// Removes the ordered units from the cart of a user or guest.
    ClearCart(Uuid),
    /// Sends the shopper a notification.
    Notify,
}

impl Kind {
    /// The path that a message of the kind is posted to.
    pub fn path(self) -> Cow<'static, str> {
        match self {
            Self::CommitStock(order) => format!("/inventory/reservations/{order}/commit").into(),
            Self::ReleaseStock(order) => format!("/inventory/reservations/{order}/release").into(),
            Self::ClearCart(owner) => format!("/carts/{owner}/clear").into(),
            Self::Notify => "/notifications".into(),
        }
    }

    /// The kind of a message that is posted to `path`; `None` for other paths.
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

/// The messages that follow from the state of an order.
pub fn after(order: &Order) -> Vec<Message> {
    match order.state {
        // The answer and the order say that the bank asks for the shopper. The mail for it (`payment_action_required`) is
        // not sent: see below.
        State::Pending | State::RequiresAction => Vec::new(),
        State::Paid => {
            // What was ordered has to be confirmed on a durable medium (Directive 2011/83/EU, article 8(7)): by e-mail, whichever
            // channels were chosen.
            let channels = order.notify_by.with(Channel::Email);
            let mut messages = vec![commit_stock(order), notification(order, "order_confirmation", channels, None)];
            if order.from_cart {
                messages.push(clear_cart(order));
            }
            messages
        }
        // No mail: anyone could have mails sent to an address that is not verified, at the price of a declined card.
        State::PaymentFailed | State::Cancelled | State::Expired => vec![release_stock(order.id)],
    }
}

/// Notifies the shopper that their paid order was cancelled and refunded.
pub fn order_cancelled(order: &Order) -> Message {
    notification(order, "order_cancelled", order.notify_by, order.cancellation_reason.as_deref())
}

/// Releases the stock of an order, or of an attempt that did not become one.
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

/// A notification on these channels. Its id is derived from order and template: an order has one of each template.
fn notification(order: &Order, template: &'static str, channels: Channels, reason: Option<&str>) -> Message {
    // Always with the e-mail address: notification-service sends a mail when no text message can be sent to the number.
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

/// What a mail shows of the order. The payment, the owner and the cart are not part of it.
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
