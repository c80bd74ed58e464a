//! Making a PaymentIntent.

use serde_json::{Value, json};

use super::{
    IGNORED, KIND, check, pay,
    state::{Action, Status},
    usable,
};
use crate::{
    amounts,
    form::Params,
    intents,
    refusal::Refusal,
    world::{Answer, World, random, text},
};

/// How it is to be confirmed at once.
struct Confirmation {
    return_url: Option<String>,
    off_session: bool,
}

pub(crate) fn create(world: &mut World, mut params: Params) -> Answer {
    let amount = params.integer("amount")?.ok_or_else(|| Refusal::missing("amount"))?;
    let currency = amounts::currency(&params.required("currency")?)?;
    let customer = params.text("customer")?;
    let payment_method = params.text("payment_method")?;
    let capture_method = params.word("capture_method", &["automatic", "automatic_async", "manual"])?;
    let automatic = intents::automatic_payment_methods(&mut params)?;
    let (details, metadata) = intents::details(&mut params)?;
    let confirmation = confirmation(&mut params)?;
    params.ignore(&IGNORED);
    params.finish()?;
    if amount < 1 {
        return Err(Refusal::out_of_range("amount", "This value must be greater than or equal to 1."));
    }
    amounts::check(amount, &currency)?;
    if let Some(customer) = &customer {
        world.named("customer", customer, "customer")?;
    }
    let mut intent = new(world.now, amount, &currency);
    intent["automatic_payment_methods"] = automatic;
    intent["capture_method"] = json!(capture_method.as_deref().unwrap_or("automatic_async"));
    intent["customer"] = json!(customer);
    intent["metadata"] = metadata.onto(&json!({}));
    details.into_iter().for_each(|(name, value)| intent[name] = value);
    if let Some(confirmation) = &confirmation {
        intents::check_return_url(&intent, confirmation.return_url.as_deref())?;
    }
    if let Some(method) = payment_method {
        intent["payment_method"] = json!(usable(world, &method, customer.as_deref())?);
        intent["status"] = json!(Status::RequiresConfirmation.as_str());
    }
    let intent = world.keep(KIND, intent);
    world.record_event("payment_intent.created", &intent);
    match confirmation {
        Some(Confirmation { return_url, off_session }) => {
            check(&intent, Action::Confirm { has_method: !intent["payment_method"].is_null() })?;
            pay::attempt(world, text(&intent, "id"), return_url.as_deref(), off_session)
        }
        None => Ok(intent),
    }
}

/// `confirm=true`, and what only goes with it.
fn confirmation(params: &mut Params) -> Result<Option<Confirmation>, Refusal> {
    let is_confirmed = params.flag("confirm")?.unwrap_or(false);
    let (return_url, off_session) = (params.text("return_url")?, params.flag("off_session")?);
    if is_confirmed {
        return Ok(Some(Confirmation { return_url, off_session: off_session.unwrap_or(false) }));
    }
    let name = if return_url.is_some() { "return_url" } else { "off_session" };
    if return_url.is_some() || off_session.is_some() {
        return Err(Refusal::invalid_parameter(name, format!("You can only pass `{name}` with `confirm=true`.")));
    }
    Ok(None)
}

fn new(now: i64, amount: i64, currency: &str) -> Value {
    let id = World::id("pi");
    json!({
        "id": id, "object": KIND, "allowed_payment_method_types": null, "amount": amount, "amount_capturable": 0, "amount_details": {"tip": {}},
        "amount_received": 0, "application": null, "application_fee_amount": null,
        "automatic_payment_methods": null, "canceled_at": null, "cancellation_reason": null,
        "capture_method": null, "client_secret": format!("{id}_secret_{}", random(25)),
        "confirmation_method": "automatic", "created": now, "currency": currency, "customer": null,
        "customer_account": null, "description": null, "excluded_payment_method_types": null,
        "last_payment_error": null, "latest_charge": null, "livemode": false, "managed_payments": {"enabled": false},
        "metadata": {}, "next_action": null, "on_behalf_of": null, "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": {"card": {
            "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic"
        }},
        "payment_method_types": ["card"], "payment_record": null, "processing": null, "receipt_email": null, "review": null,
        "setup_future_usage": null, "shipping": null, "source": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": Status::RequiresPaymentMethod.as_str(), "transfer_data": null,
        "transfer_group": null
    })
}
