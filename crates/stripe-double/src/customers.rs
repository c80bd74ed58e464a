//! `/v1/customers`: who payment methods belong to.

use serde_json::{Map, Value, json};

use crate::{
    addresses,
    form::Params,
    paging::{self, Created, Paging},
    payment_methods,
    refusal::Refusal,
    world::{Answer, World, random},
};

const KIND: &str = "customer";
const TEXTS: [&str; 4] = ["email", "name", "phone", "description"];

/// What a call says about a customer, beside metadata.
fn details(params: &mut Params) -> Result<Map<String, Value>, Refusal> {
    let mut details = Map::new();
    for name in TEXTS {
        if let Some(value) = params.settable(name)? {
            details.insert(name.to_owned(), value);
        }
    }
    if let Some(address) = addresses::address(params)? {
        details.insert("address".to_owned(), address);
    }
    if let Some(shipping) = addresses::shipping(params, &["name", "phone"])? {
        details.insert("shipping".to_owned(), shipping);
    }
    Ok(details)
}

pub(crate) fn create(world: &mut World, mut params: Params) -> Answer {
    let (details, metadata) = (details(&mut params)?, params.metadata()?);
    params.finish()?;
    let customer = json!({
        "id": World::id("cus"), "object": KIND, "address": null, "balance": 0, "created": world.now, "currency": null,
        "customer_account": null, "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": null, "invoice_prefix": random(8).to_uppercase(),
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null
        },
        "livemode": false, "metadata": metadata.onto(&json!({})), "name": null, "next_invoice_sequence": 1,
        "phone": null, "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null
    });
    let id = crate::world::text(&customer, "id").to_owned();
    world.keep(KIND, customer);
    let customer = world.change(&id, Value::Object(details));
    world.record_event("customer.created", &customer);
    Ok(customer)
}

pub(crate) fn update(world: &mut World, id: &str, mut params: Params) -> Answer {
    let (mut details, metadata) = (details(&mut params)?, params.metadata()?);
    params.finish()?;
    let before = world.get(KIND, id)?;
    details.insert("metadata".to_owned(), metadata.onto(&before["metadata"]));
    let after = world.change(id, Value::Object(details));
    world.record_change("customer.updated", &before, &after);
    Ok(after)
}

/// Deletes a customer for good; its payment methods are detached, and can no longer be used.
pub(crate) fn delete(world: &mut World, id: &str, params: Params) -> Answer {
    params.finish()?;
    let customer = world.get(KIND, id)?;
    payment_methods::detach_all(world, id);
    let stub = world.delete(id);
    world.record_event("customer.deleted", &customer);
    Ok(stub)
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let email = params.text("email")?;
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |customer: &Value| {
        customer["deleted"] != true
            && email.as_ref().is_none_or(|email| customer["email"] == *email)
            && created.has(customer)
    };
    paging::page(world, KIND, "/v1/customers", &paging, is_in)
}
