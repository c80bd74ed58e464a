//! `/v1/payment_methods`: cards of the test set, saved or used once.

use serde_json::{Value, json};

use crate::{
    addresses,
    cards::{self, TestCard, Verdict},
    form::Params,
    paging::{self, Paging},
    refusal::Refusal,
    world::{Answer, Card, World, random, text},
};

const KIND: &str = "payment_method";

pub(crate) fn create(world: &mut World, mut params: Params) -> Answer {
    let kind = params.required("type")?;
    let mut card = params.below("card")?.ok_or_else(|| Refusal::missing("card"))?;
    if card.text("number")?.is_some() {
        let message = "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test \
                       tokens that map to the test card you are using, see https://stripe.com/docs/testing.";
        return Err(Refusal::invalid_parameter("card[number]", message.to_owned()));
    }
    let token = card.required("token")?;
    card.finish()?;
    let (billing_details, metadata) = (addresses::billing_details(&mut params)?, params.metadata()?);
    params.finish()?;
    if kind != "card" {
        return Err(Refusal::invalid_parameter("type", format!("The double of Stripe knows cards, not {kind}.")));
    }
    let card = cards::named(&token).filter(|_| token.starts_with("tok_"));
    let method = make(world, card.ok_or_else(|| Refusal::no_such("token", &token, Some("card[token]")))?);
    let mut members = json!({ "metadata": metadata.onto(&json!({})) });
    if let Some(given) = billing_details {
        members["billing_details"] = given;
    }
    Ok(world.change(text(&method, "id"), members))
}

/// The payment method of that id; for one of the test set, a new one, as Stripe makes.
pub(crate) fn resolve(world: &mut World, id: &str) -> Answer {
    match cards::named(id).filter(|_| id.starts_with("pm_")) {
        Some(card) => Ok(make(world, card)),
        None => world.named(KIND, id, "payment_method"),
    }
}

fn make(world: &mut World, card: TestCard) -> Value {
    let id = World::id("pm");
    world.set_card(&id, Card { behaviour: card.behaviour, ..Card::default() });
    let TestCard { brand, funding, last4, .. } = card;
    let method = json!({
        "id": id, "object": KIND, "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null},
            "email": null, "name": null, "phone": null, "tax_id": null
        },
        "card": {
            "brand": brand,
            "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "unchecked"},
            "country": "US", "display_brand": brand, "exp_month": 8, "exp_year": 2034, "fingerprint": random(16),
            "funding": funding, "generated_from": null, "last4": last4,
            "networks": {"available": [brand], "preferred": null}, "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": true}, "wallet": null
        },
        "created": world.now, "customer": null, "customer_account": null, "livemode": false, "metadata": {},
        "type": "card"
    });
    world.keep(KIND, method)
}

pub(crate) fn attach(world: &mut World, id: &str, mut params: Params) -> Answer {
    let customer = params.required("customer")?;
    params.finish()?;
    world.named("customer", &customer, "customer")?;
    let method = match cards::named(id).filter(|_| id.starts_with("pm_")) {
        Some(card) => make(world, card),
        None => world.get(KIND, id)?,
    };
    if let Verdict::Declines(decline) = world.card(text(&method, "id")).behaviour.set_up() {
        return Err(Refusal::card(decline.code, decline.reason, decline.message));
    }
    attach_to(world, &method, &customer)
}

/// Saves a card with a customer, who exists.
pub(crate) fn attach_to(world: &mut World, method: &Value, customer: &str) -> Answer {
    let id = text(method, "id");
    match method["customer"].as_str() {
        Some(of) if of == customer => return Ok(method.clone()),
        Some(_) => {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(Refusal::invalid(Some("payment_method_unexpected_state"), None, message));
        }
        None => {}
    }
    if world.card(id).is_spent {
        let message = "This PaymentMethod was previously used without being attached to a Customer or was detached from a \
                       Customer, and may not be used again.";
        return Err(Refusal::invalid(None, None, message));
    }
    let mut card = method["card"].clone();
    card["checks"]["cvc_check"] = json!("pass");
    let method = world.change(id, json!({ "customer": customer, "card": card }));
    world.record_event("payment_method.attached", &method);
    Ok(method)
}

pub(crate) fn detach(world: &mut World, id: &str, params: Params) -> Answer {
    params.finish()?;
    let method = world.get(KIND, id)?;
    if method["customer"].is_null() {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(Refusal::invalid(Some("payment_method_unexpected_state"), None, message));
    }
    let card = world.card(id);
    world.set_card(id, Card { is_spent: true, ..card });
    let detached = world.change(id, json!({ "customer": null }));
    world.record_change("payment_method.detached", &method, &detached);
    Ok(detached)
}

/// Takes all payment methods from a customer who is deleted.
pub(crate) fn detach_all(world: &mut World, customer: &str) {
    let methods = world.all(KIND).filter(|method| method["customer"] == customer);
    let ids: Vec<String> = methods.map(|method| text(method, "id").to_owned()).collect();
    for id in ids {
        let card = world.card(&id);
        world.set_card(&id, Card { is_spent: true, ..card });
        world.change(&id, json!({ "customer": null }));
    }
}

/// `/v1/payment_methods?customer=...` and `/v1/customers/.../payment_methods`.
pub(crate) fn list(world: &World, customer_in_path: Option<&str>, mut params: Params) -> Answer {
    let (customer, url) = match customer_in_path {
        Some(id) => (id.to_owned(), format!("/v1/customers/{id}/payment_methods")),
        None => (params.required("customer")?, "/v1/payment_methods".to_owned()),
    };
    let (kind, paging) = (params.text("type")?, Paging::read(&mut params)?);
    params.finish()?;
    match customer_in_path {
        Some(id) => world.get("customer", id)?,
        None => world.named("customer", &customer, "customer")?,
    };
    let is_in =
        |method: &Value| method["customer"] == customer && kind.as_ref().is_none_or(|kind| method["type"] == *kind);
    paging::page(world, KIND, &url, &paging, is_in)
}
