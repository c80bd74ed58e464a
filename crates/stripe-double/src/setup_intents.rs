//! `/v1/setup_intents`: saving a payment method with a customer, with the cardholder there. States:
//! <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use serde_json::{Value, json};

use crate::{
    cards::Verdict,
    form::Params,
    intents,
    paging::{self, Created, Paging},
    payment_methods,
    refusal::Refusal,
    world::{Answer, Card, World, random, text},
};

const KIND: &str = "setup_intent";
/// In which it can be confirmed or cancelled.
const OPEN: [&str; 3] = ["requires_payment_method", "requires_confirmation", "requires_action"];
/// What a call may say that makes no difference here.
const IGNORED: [&str; 3] = ["payment_method_options", "mandate_data", "use_stripe_sdk"];

pub(crate) fn create(world: &mut World, mut params: Params) -> Answer {
    let (customer, payment_method) = (params.text("customer")?, params.text("payment_method")?);
    let usage = params.word("usage", &["on_session", "off_session"])?;
    let automatic = intents::automatic_payment_methods(&mut params)?;
    let (description, metadata) = (params.text("description")?, params.metadata()?);
    let (is_confirmed, return_url) = (params.flag("confirm")?, params.text("return_url")?);
    params.ignore(&IGNORED);
    params.finish()?;
    if let Some(customer) = &customer {
        world.named("customer", customer, "customer")?;
    }
    let mut intent = new(world.now);
    intent["automatic_payment_methods"] = automatic;
    intent["customer"] = json!(customer);
    intent["description"] = json!(description);
    intent["metadata"] = metadata.onto(&json!({}));
    intent["usage"] = json!(usage.as_deref().unwrap_or("off_session"));
    if is_confirmed == Some(true) {
        intents::check_return_url(&intent, return_url.as_deref())?;
    }
    if let Some(method) = payment_method {
        intent["payment_method"] = json!(usable(world, &method, customer.as_deref())?);
        intent["status"] = json!("requires_confirmation");
    }
    let intent = world.keep(KIND, intent);
    world.record_event("setup_intent.created", &intent);
    if is_confirmed == Some(true) { set_up(world, &intent, return_url.as_deref()) } else { Ok(intent) }
}

fn new(now: i64) -> Value {
    let id = World::id("seti");
    json!({
        "id": id, "object": KIND, "allowed_payment_method_types": null, "application": null, "automatic_payment_methods": null, "cancellation_reason": null,
        "client_secret": format!("{id}_secret_{}", random(31)), "created": now, "customer": null,
        "customer_account": null, "description": null, "excluded_payment_method_types": null,
        "flow_directions": null, "last_setup_error": null, "latest_attempt": null, "livemode": false, "mandate": null,
        "metadata": {}, "next_action": null, "on_behalf_of": null, "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": {"mandate_options": null, "network": null, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"], "single_use_mandate": null, "status": "requires_payment_method",
        "usage": "off_session"
    })
}

/// The id of a payment method that can be saved with this customer.
fn usable(world: &mut World, id: &str, customer: Option<&str>) -> Result<String, Refusal> {
    let method = payment_methods::resolve(world, id)?;
    let id = text(&method, "id").to_owned();
    match (method["customer"].as_str(), customer) {
        (Some(of), None) => {
            let message = format!(
                "The payment method supplied ({id}) belongs to the Customer {of}. Please include the Customer in the \
                 `customer` parameter on the SetupIntent."
            );
            Err(Refusal::invalid(None, Some("payment_method"), message))
        }
        (Some(of), Some(customer)) if of != customer => {
            let message = format!(
                "The PaymentMethod {id} does not belong to the Customer you supplied {customer}. Please use this \
                 PaymentMethod with the Customer that it belongs to instead."
            );
            Err(Refusal::invalid(None, Some("payment_method"), message))
        }
        _ => Ok(id),
    }
}

pub(crate) fn confirm(world: &mut World, id: &str, mut params: Params) -> Answer {
    let (payment_method, return_url) = (params.text("payment_method")?, params.text("return_url")?);
    params.ignore(&IGNORED);
    params.ignore(&["client_secret"]);
    params.finish()?;
    let intent = world.get(KIND, id)?;
    check_open(&intent, "confirm")?;
    intents::check_return_url(&intent, return_url.as_deref())?;
    let Some(method) = payment_method.or_else(|| intent["payment_method"].as_str().map(str::to_owned)) else {
        let message = "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent \
                       with a payment method and then confirm it again.";
        return Err(Refusal::invalid(Some("setup_intent_unexpected_state"), None, message).with(KIND, intent));
    };
    let method =
        usable(world, &method, intent["customer"].as_str()).map_err(|refusal| refusal.with(KIND, intent.clone()))?;
    let intent = world.change(id, json!({ "payment_method": method }));
    set_up(world, &intent, return_url.as_deref())
}

fn check_open(intent: &Value, verb: &str) -> Result<(), Refusal> {
    let status = text(intent, "status");
    if OPEN.contains(&status) {
        return Ok(());
    }
    let message = format!(
        "You cannot {verb} this SetupIntent because it has a status of {status}. Only a SetupIntent with one of the \
         following statuses may be {verb}ed: {}.",
        OPEN.join(", ")
    );
    Err(Refusal::invalid(Some("setup_intent_unexpected_state"), None, message).with(KIND, intent.clone()))
}

/// Asks the issuer.
fn set_up(world: &mut World, intent: &Value, return_url: Option<&str>) -> Answer {
    let id = text(intent, "id");
    let intent = world.change(id, json!({ "latest_attempt": World::id("setatt") }));
    match world.card(text(&intent, "payment_method")).behaviour.set_up() {
        Verdict::Pays => saved(world, &intent),
        Verdict::Declines(decline) => {
            Err(failed(world, &intent, Refusal::card(decline.code, decline.reason, decline.message)))
        }
        Verdict::Asks | Verdict::CardholderAbsent => {
            let members = json!({
                "status": "requires_action", "next_action": intents::next_action(id, return_url),
                "last_setup_error": null
            });
            let intent = world.change(id, members);
            world.record_event("setup_intent.requires_action", &intent);
            Ok(intent)
        }
    }
}

fn saved(world: &mut World, intent: &Value) -> Answer {
    let method = world.get("payment_method", text(intent, "payment_method"))?;
    if let Some(customer) = intent["customer"].as_str() {
        payment_methods::attach_to(world, &method, customer)?;
        let card = world.card(text(&method, "id"));
        world.set_card(text(&method, "id"), Card { is_set_up: true, ..card });
    }
    let members = json!({ "status": "succeeded", "next_action": null, "last_setup_error": null });
    let intent = world.change(text(intent, "id"), members);
    world.record_event("setup_intent.succeeded", &intent);
    Ok(intent)
}

/// Back to the start, with what was wrong; the error that is answered shows the SetupIntent as it is then.
fn failed(world: &mut World, intent: &Value, refusal: Refusal) -> Refusal {
    let method = world.find("payment_method", text(intent, "payment_method")).cloned().unwrap_or_default();
    let refusal = refusal.with("payment_method", method).with("payment_method_type", json!("card"));
    let members = json!({
        "status": "requires_payment_method", "payment_method": null, "next_action": null,
        "last_setup_error": refusal.error()
    });
    let intent = world.change(text(intent, "id"), members);
    world.record_event("setup_intent.setup_failed", &intent);
    refusal.with(KIND, intent)
}

/// Plays the cardholder at 3-D Secure.
pub(crate) fn authenticate(world: &mut World, id: &str, approves: bool) -> Answer {
    let intent = world.get(KIND, id)?;
    if intent["status"] != "requires_action" {
        let message =
            format!("This SetupIntent cannot be authenticated because it has a status of {}.", text(&intent, "status"));
        return Err(Refusal::invalid(Some("setup_intent_unexpected_state"), None, message).with(KIND, intent));
    }
    if approves {
        return saved(world, &intent);
    }
    let message = "The latest attempt to set up the payment method has failed because authentication failed.";
    let refusal = Refusal::invalid(Some("setup_intent_authentication_failure"), None, message);
    failed(world, &intent, refusal);
    world.get(KIND, id)
}

pub(crate) fn cancel(world: &mut World, id: &str, mut params: Params) -> Answer {
    let reason = params.word("cancellation_reason", &["abandoned", "requested_by_customer", "duplicate"])?;
    params.finish()?;
    let intent = world.get(KIND, id)?;
    check_open(&intent, "cancel")?;
    let intent = world.change(id, json!({ "status": "canceled", "cancellation_reason": reason, "next_action": null }));
    world.record_event("setup_intent.canceled", &intent);
    Ok(intent)
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (customer, method) = (params.text("customer")?, params.text("payment_method")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |intent: &Value| {
        customer.as_ref().is_none_or(|customer| intent["customer"] == *customer)
            && method.as_ref().is_none_or(|method| intent["payment_method"] == *method)
            && created.has(intent)
    };
    paging::page(world, KIND, "/v1/setup_intents", &paging, is_in)
}
