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
    message(order, "release", format!("/inventory/reservations/{order}/release"), json!({}))
}

fn commit_stock(order: &Order) -> Message {
    message(order.id, "commit", format!("{RESERVATIONS}{}{COMMIT}", order.id), json!({}))
}

const RESERVATIONS: &str = "/inventory/reservations/";
const COMMIT: &str = "/commit";

/// The order whose stock a message to `path` takes off the shelf.
pub fn committed_order(path: &str) -> Option<OrderId> {
    path.strip_prefix(RESERVATIONS)?.strip_suffix(COMMIT)?.parse().ok()
}

fn clear_cart(order: &Order) -> Message {
    let lines = order.pricing.lines.iter().map(|line| json!({ "sku": line.sku, "quantity": line.quantity }));
    let body = json!({ "order_id": order.id, "lines": lines.collect::<Vec<_>>() });
    message(order.id, "clear_cart", format!("/carts/{}/clear", order.owner.id()), body)
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
    message(order.id, template, "/notifications", body)
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

fn message(order: OrderId, what: &str, path: impl Into<Cow<'static, str>>, body: Value) -> Message {
    Message { id: event_id(order, what).into(), path: path.into(), body }
}

fn event_id(order: OrderId, what: &str) -> Uuid {
    Uuid::new_v5(&order.uuid(), what.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_commit_is_found_in_its_path_and_in_no_other() {
        let id = OrderId::from(Uuid::from_u128(7));
        assert_eq!(committed_order(&format!("/inventory/reservations/{id}/commit")), Some(id));
        for other in [format!("/inventory/reservations/{id}/release"), "/notifications".to_owned(), String::new()] {
            assert_eq!(committed_order(&other), None, "{other}");
        }
    }
}
