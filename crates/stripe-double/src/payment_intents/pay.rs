//! Trying to take the money with the payment method in hand.

use serde_json::{Value, json};

use super::{
    KIND, check,
    state::{Action, Outcome},
};
use crate::{
    cards::{Decline, Verdict},
    charges, disputes, intents, payment_methods,
    refusal::Refusal,
    world::{Answer, Card, World, text},
};

const CARDHOLDER_ABSENT: Decline = Decline {
    code: "authentication_required",
    reason: Some("authentication_required"),
    message: "Your card was declined. This transaction requires authentication.",
};

/// Asks the issuer.
pub(super) fn attempt(world: &mut World, id: &str, return_url: Option<&str>, off_session: bool) -> Answer {
    let intent = world.get(KIND, id)?;
    let card = world.card(text(&intent, "payment_method"));
    match card.behaviour.charged(off_session, card.is_set_up) {
        Verdict::Pays => approved(world, id),
        Verdict::Declines(decline) => Err(declined(world, id, decline)),
        Verdict::Asks => Ok(asked(world, id, return_url)),
        Verdict::CardholderAbsent => Err(fail(world, id, refused_for(CARDHOLDER_ABSENT), &Value::Null)),
    }
}

/// Plays the cardholder at 3-D Secure.
pub(crate) fn authenticate(world: &mut World, id: &str, approves: bool) -> Answer {
    let intent = world.get(KIND, id)?;
    check(&intent, Action::Authenticate)?;
    if !approves {
        let message = "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new \
                       PaymentMethod to attempt to fulfill this PaymentIntent again.";
        let refusal = Refusal::invalid(Some("payment_intent_authentication_failure"), None, message);
        fail(world, id, refusal, &Value::Null);
        return world.get(KIND, id);
    }
    match world.card(text(&intent, "payment_method")).behaviour.authenticated() {
        Verdict::Declines(decline) => Err(declined(world, id, decline)),
        _ => approved(world, id),
    }
}

fn asked(world: &mut World, id: &str, return_url: Option<&str>) -> Value {
    let members = json!({
        "status": Outcome::Asked.status().as_str(), "next_action": intents::next_action(id, return_url),
        "last_payment_error": null
    });
    let intent = world.change(id, members);
    world.record_event("payment_intent.requires_action", &intent);
    intent
}

/// The issuer agrees: the money is taken at once, or held for capture.
fn approved(world: &mut World, id: &str) -> Answer {
    let intent = world.get(KIND, id)?;
    let is_held = intent["capture_method"] == "manual";
    keep_or_spend(world, &intent)?;
    let mut charge = charges::authorized(world, &intent);
    let outcome = if is_held { Outcome::Held } else { Outcome::Taken };
    if outcome == Outcome::Taken {
        let amount = crate::world::number(&intent, "amount");
        charge = charges::captured(world, &charge, amount);
    }
    let amount = if is_held { "amount_capturable" } else { "amount_received" };
    let mut members = json!({
        "status": outcome.status().as_str(), "latest_charge": charge["id"], "next_action": null,
        "last_payment_error": null
    });
    members[amount] = intent["amount"].clone();
    let intent = world.change(id, members);
    world.record_event("charge.succeeded", &charge);
    if is_held {
        world.record_event("payment_intent.amount_capturable_updated", &intent);
    } else {
        disputes::if_the_cardholder_does(world, &intent)?;
        world.record_event("payment_intent.succeeded", &intent);
    }
    Ok(intent)
}

/// A card that was paid with is saved with its customer where that was asked for; without a customer it may not be used
/// again.
fn keep_or_spend(world: &mut World, intent: &Value) -> Result<(), Refusal> {
    let method = world.get("payment_method", text(intent, "payment_method"))?;
    let id = text(&method, "id");
    let card = world.card(id);
    match intent["customer"].as_str() {
        Some(customer) if !intent["setup_future_usage"].is_null() => {
            payment_methods::attach_to(world, &method, customer)?;
            world.set_card(id, Card { is_set_up: true, ..card });
        }
        _ => spend(world, &method),
    }
    Ok(())
}

fn spend(world: &mut World, method: &Value) {
    if method["customer"].is_null() {
        let id = text(method, "id");
        let card = world.card(id);
        world.set_card(id, Card { is_spent: true, ..card });
    }
}

fn refused_for(decline: Decline) -> Refusal {
    Refusal::card(decline.code, decline.reason, decline.message)
}

/// The issuer declines: a failed charge, and back to the start.
fn declined(world: &mut World, id: &str, decline: Decline) -> Refusal {
    let intent = world.find(KIND, id).cloned().unwrap_or_default();
    if let Some(method) = world.find("payment_method", text(&intent, "payment_method")).cloned() {
        spend(world, &method);
    }
    let charge = charges::failed(world, &intent, decline);
    world.record_event("charge.failed", &charge);
    fail(world, id, refused_for(decline).with("charge", charge["id"].clone()), &charge["id"])
}

/// Back to the start, with what was wrong; the error that is answered shows the PaymentIntent as it is then.
fn fail(world: &mut World, id: &str, refusal: Refusal, charge: &Value) -> Refusal {
    let intent = world.find(KIND, id).cloned().unwrap_or_default();
    let method = world.find("payment_method", text(&intent, "payment_method")).cloned().unwrap_or_default();
    let refusal = refusal.with("payment_method", method).with("payment_method_type", json!("card"));
    let mut members = json!({
        "status": Outcome::Failed.status().as_str(), "payment_method": null, "next_action": null,
        "last_payment_error": refusal.error()
    });
    if !charge.is_null() {
        members["latest_charge"] = charge.clone();
    }
    let intent = world.change(id, members);
    world.record_event("payment_intent.payment_failed", &intent);
    refusal.with(KIND, intent)
}
