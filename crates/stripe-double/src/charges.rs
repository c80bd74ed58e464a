//! `/v1/charges`: each try to take money.

use serde_json::{Value, json};

use crate::{
    balance,
    cards::Decline,
    form::Params,
    paging::{self, Created, Paging},
    world::{Answer, World, number, random, text},
};

const KIND: &str = "charge";

/// Records a charge that the issuer approved, whose amount is held.
pub(crate) fn authorized(world: &mut World, intent: &Value) -> Value {
    let mut charge = new(world, intent);
    charge["paid"] = json!(true);
    charge["status"] = json!("succeeded");
    charge["outcome"] = json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": null,
        "network_status": "approved_by_network", "reason": null, "risk_level": "normal", "risk_score": 20,
        "seller_message": "Payment complete.", "type": "authorized"
    });
    world.keep(KIND, charge)
}

/// Records a charge that the issuer declined.
pub(crate) fn failed(world: &mut World, intent: &Value, decline: Decline) -> Value {
    let mut charge = new(world, intent);
    charge["failure_code"] = json!(decline.code);
    charge["failure_message"] = json!(decline.message);
    charge["status"] = json!("failed");
    charge["outcome"] = json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": null,
        "network_status": "declined_by_network", "reason": decline.reason.unwrap_or(decline.code),
        "risk_level": "normal", "risk_score": 20,
        "seller_message": "The bank did not return any further details with this decline.", "type": "issuer_declined"
    });
    world.keep(KIND, charge)
}

/// Captures the held amount, or a part of it.
pub(crate) fn captured(world: &mut World, charge: &Value, amount: i64) -> Value {
    let id = text(charge, "id");
    let transaction = balance::taken(world, charge, amount);
    world.change(id, json!({ "captured": true, "amount_captured": amount, "balance_transaction": transaction["id"] }))
}

/// Counts `change` more (or, below zero, less) of a charge as refunded.
pub(crate) fn count_refunded(world: &mut World, id: &str, change: i64) -> Option<(Value, Value)> {
    let before = world.find(KIND, id)?.clone();
    let refunded = number(&before, "amount_refunded") + change;
    let is_refunded = refunded == number(&before, "amount_captured");
    Some((before, world.change(id, json!({ "amount_refunded": refunded, "refunded": is_refunded }))))
}

/// The amount that can still be refunded.
pub(crate) fn left(charge: &Value) -> i64 {
    number(charge, "amount_captured") - number(charge, "amount_refunded")
}

fn new(world: &World, intent: &Value) -> Value {
    let method = world.find("payment_method", text(intent, "payment_method")).cloned().unwrap_or_default();
    json!({
        "id": World::id("ch"), "object": KIND, "amount": intent["amount"], "amount_captured": 0, "amount_refunded": 0,
        "application": null, "application_fee": null, "application_fee_amount": null, "balance_transaction": null,
        "billing_details": method["billing_details"], "calculated_statement_descriptor": "BODEGA",
        "captured": false, "created": world.now, "currency": intent["currency"], "customer": intent["customer"],
        "description": intent["description"], "disputed": false, "failure_balance_transaction": null,
        "failure_code": null, "failure_message": null, "fraud_details": {}, "livemode": false,
        "metadata": intent["metadata"], "on_behalf_of": null, "outcome": null, "paid": false,
        "payment_intent": intent["id"], "payment_method": method["id"],
        "payment_method_details": {"card": details(&method["card"], &intent["amount"]), "type": "card"},
        "receipt_email": intent["receipt_email"], "receipt_number": null,
        "receipt_url": format!("https://pay.stripe.com/receipts/payment/{}", random(24)), "refunded": false,
        "review": null, "shipping": intent["shipping"], "source": null, "source_transfer": null,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"], "status": "pending",
        "transfer_data": null, "transfer_group": null
    })
}

fn details(card: &Value, amount: &Value) -> Value {
    json!({
        "amount_authorized": amount, "authorization_code": format!("{:06}", fastrand::u32(..1_000_000)),
        "brand": card["brand"],
        "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"},
        "country": card["country"], "electronic_commerce_indicator": null, "exp_month": card["exp_month"], "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"}, "fingerprint": card["fingerprint"],
        "funding": card["funding"], "incremental_authorization": {"status": "unavailable"}, "installments": null,
        "last4": card["last4"], "mandate": null, "multicapture": {"status": "unavailable"}, "network": card["brand"],
        "network_token": {"used": false}, "network_transaction_id": random(15),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"], "three_d_secure": null, "transaction_link_id": null,
        "wallet": null
    })
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (customer, intent) = (params.text("customer")?, params.text("payment_intent")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |charge: &Value| {
        customer.as_ref().is_none_or(|customer| charge["customer"] == *customer)
            && intent.as_ref().is_none_or(|intent| charge["payment_intent"] == *intent)
            && created.has(charge)
    };
    paging::page(world, KIND, "/v1/charges", &paging, is_in)
}
