//! `/v1/payment_intents`: taking money with a card, once.

mod create;
mod pay;
mod search;
mod state;

use serde_json::{Value, json};

use self::state::{Action, Status};
pub(crate) use self::{create::create, pay::authenticate, search::search};
use crate::{
    amounts, charges, disputes,
    form::Params,
    intents,
    paging::{self, Created, Paging},
    payment_methods,
    refusal::Refusal,
    world::{Answer, World, number, text},
};

const KIND: &str = "payment_intent";
/// Parameters that make no difference here.
const IGNORED: [&str; 3] = ["payment_method_options", "mandate_data", "use_stripe_sdk"];

/// Refuses what the state of the PaymentIntent does not allow; the error shows the PaymentIntent, as Stripe's does.
fn check(intent: &Value, action: Action) -> Result<(), Refusal> {
    let Ok(status) = text(intent, "status").parse::<Status>() else { return Ok(()) };
    status.allow(action).map_err(|message| {
        Refusal::invalid(Some("payment_intent_unexpected_state"), None, message).with(KIND, intent.clone())
    })
}

/// The id of a payment method that may be used with this customer, or without one.
fn usable(world: &mut World, id: &str, customer: Option<&str>) -> Result<String, Refusal> {
    let method = payment_methods::resolve(world, id)?;
    let id = text(&method, "id").to_owned();
    match (method["customer"].as_str(), customer) {
        (Some(of), None) => {
            let message = format!(
                "The `payment_method` parameter supplied {id} belongs to the Customer {of}. Please include the Customer in \
                 the `customer` parameter on the PaymentIntent."
            );
            Err(Refusal::invalid(Some("parameter_missing"), Some("source"), message))
        }
        (Some(of), Some(customer)) if of != customer => {
            let message = format!(
                "The PaymentMethod {id} does not belong to the Customer you supplied {customer}. Please use this \
                 PaymentMethod with the Customer that it belongs to instead."
            );
            Err(Refusal::invalid(None, Some("payment_method"), message))
        }
        (None, _) if world.card(&id).is_spent => Err(Refusal::invalid(
            None,
            None,
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with \
             a connected account without Customer attachment, or was detached from a Customer. It may not be used again. \
             To use a PaymentMethod multiple times, you must attach it to a Customer first.",
        )),
        _ => Ok(id),
    }
}

/// Tries to take the money.
pub(crate) fn confirm(world: &mut World, id: &str, mut params: Params) -> Answer {
    intents::refuse_payment_method_types(&mut params)?;
    let payment_method = params.text("payment_method")?;
    let (off_session, return_url) = (params.flag("off_session")?, params.text("return_url")?);
    let (details, _) = intents::details(&mut params)?;
    params.ignore(&IGNORED);
    // The frontend shows it with the publishable key.
    params.ignore(&["client_secret"]);
    params.finish()?;
    let intent = world.get(KIND, id)?;
    let method = payment_method.or_else(|| intent["payment_method"].as_str().map(str::to_owned));
    check(&intent, Action::Confirm { has_method: method.is_some() })?;
    intents::check_return_url(&intent, return_url.as_deref())?;
    let method = usable(world, &method.unwrap_or_default(), intent["customer"].as_str())
        .map_err(|refusal| refusal.with(KIND, intent.clone()))?;
    world.change(id, Value::Object(details));
    world.change(id, json!({ "payment_method": method }));
    pay::attempt(world, id, return_url.as_deref(), off_session.unwrap_or(false))
}

/// Takes what was held, or a part of it; the rest is let go, which is no refund since 2025-03-31.basil.
pub(crate) fn capture(world: &mut World, id: &str, mut params: Params) -> Answer {
    let wanted = params.integer("amount_to_capture")?;
    let metadata = params.metadata()?;
    params.finish()?;
    let intent = world.get(KIND, id)?;
    check(&intent, Action::Capture)?;
    let held = number(&intent, "amount_capturable");
    let amount = wanted.unwrap_or(held);
    if amount < 1 {
        let code = Some("parameter_invalid_integer");
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::invalid(code, Some("amount"), message).with(KIND, intent));
    }
    if amount > held {
        let message = "The payment could not be captured because the requested capture amount is greater than the amount \
                       you can capture for this charge.";
        let refusal = Refusal::invalid(Some("amount_too_large"), Some("amount_to_capture"), message);
        return Err(refusal.with(KIND, intent));
    }
    let held_charge = world.get("charge", text(&intent, "latest_charge"))?;
    let charge = charges::captured(world, &held_charge, amount);
    let members = json!({
        "status": Status::Succeeded.as_str(), "amount_capturable": 0, "amount_received": amount,
        "metadata": metadata.onto(&intent["metadata"])
    });
    let intent = world.change(id, members);
    world.record_change("charge.captured", &held_charge, &charge);
    disputes::if_the_cardholder_does(world, &intent)?;
    world.record_event("payment_intent.succeeded", &intent);
    Ok(intent)
}

pub(crate) fn cancel(world: &mut World, id: &str, mut params: Params) -> Answer {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = params.word("cancellation_reason", &reasons)?;
    params.finish()?;
    let intent = world.get(KIND, id)?;
    check(&intent, Action::Cancel)?;
    let members = json!({
        "status": Status::Canceled.as_str(), "canceled_at": world.now, "cancellation_reason": reason,
        "amount_capturable": 0, "next_action": null
    });
    let intent = world.change(id, members);
    world.record_event("payment_intent.canceled", &intent);
    Ok(intent)
}

/// Changes what does not take or give money. Stripe has no event for it.
pub(crate) fn update(world: &mut World, id: &str, mut params: Params) -> Answer {
    intents::refuse_payment_method_types(&mut params)?;
    let (amount, payment_method) = (params.integer("amount")?, params.text("payment_method")?);
    let (details, metadata) = intents::details(&mut params)?;
    params.ignore(&IGNORED);
    params.finish()?;
    let intent = world.get(KIND, id)?;
    if amount.is_some() || payment_method.is_some() {
        check(&intent, Action::ChangeAmount)?;
    }
    if let Some(amount) = amount {
        amounts::check(amount, text(&intent, "currency"))?;
    }
    if let Some(method) = payment_method {
        let method = usable(world, &method, intent["customer"].as_str())?;
        let status = Status::RequiresConfirmation.as_str();
        world.change(id, json!({ "payment_method": method, "status": status, "next_action": null }));
    }
    if let Some(amount) = amount {
        world.change(id, json!({ "amount": amount }));
    }
    world.change(id, Value::Object(details));
    Ok(world.change(id, json!({ "metadata": metadata.onto(&intent["metadata"]) })))
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let customer = params.text("customer")?;
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |intent: &Value| {
        customer.as_ref().is_none_or(|customer| intent["customer"] == *customer) && created.has(intent)
    };
    paging::page(world, KIND, "/v1/payment_intents", &paging, is_in)
}
