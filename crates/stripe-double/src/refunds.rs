//! `/v1/refunds`: never more than was taken.

use serde_json::{Value, json};

use crate::{
    amounts, charges,
    form::Params,
    paging::{self, Created, Paging},
    refusal::Refusal,
    world::{Answer, World, number, text},
};

const KIND: &str = "refund";

pub(crate) fn create(world: &mut World, mut params: Params) -> Answer {
    let (intent, charge) = (params.text("payment_intent")?, params.text("charge")?);
    let amount = params.integer("amount")?;
    let reason = params.word("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = params.metadata()?;
    params.finish()?;
    if intent.is_some() && charge.is_some() {
        return Err(Refusal::only_one_of("charge, payment_intent"));
    }
    if amount.is_some_and(|amount| amount < 1) {
        return Err(Refusal::out_of_range("amount", "This value must be greater than or equal to 1."));
    }
    let charge = charge_of(world, intent.as_deref(), charge.as_deref())?;
    let amount = refundable(&charge, amount)?;
    let transaction = charges::transaction(world, text(&charge, "id"), -amount, "refund", &charge["currency"]);
    let refund = keep(world, &charge, amount, &json!(reason), &transaction["id"]);
    world.change(text(&transaction, "id"), json!({ "source": refund["id"] }));
    let refund = world.change(text(&refund, "id"), json!({ "metadata": metadata.onto(&json!({})) }));
    tell(world, &refund);
    Ok(refund)
}

/// How much is refunded: what is asked for, or all that is left.
fn refundable(charge: &Value, amount: Option<i64>) -> Result<i64, Refusal> {
    let id = text(charge, "id");
    if charge["disputed"] == true {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(Refusal::invalid(Some("charge_disputed"), None, message));
    }
    let left = charges::left(charge);
    if left <= 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(Refusal::invalid(Some("charge_already_refunded"), None, message));
    }
    let amount = amount.unwrap_or(left);
    if amount > left {
        let written = |amount| amounts::written(amount, text(charge, "currency"));
        // Stripe sends no code with this one.
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            written(amount),
            written(left)
        );
        return Err(Refusal::invalid(None, Some("amount"), message));
    }
    Ok(amount)
}

/// Lets go what was held and is not going to be taken. Stripe counts it as refunded; no money moves.
pub(crate) fn release(world: &mut World, charge: &Value) {
    let rest = number(charge, "amount") - number(charge, "amount_captured");
    if rest > 0 {
        let refund = keep(world, charge, rest, &Value::Null, &Value::Null);
        tell(world, &refund);
    }
}

fn keep(world: &mut World, charge: &Value, amount: i64, reason: &Value, transaction: &Value) -> Value {
    let refund = json!({
        "id": World::id("re"), "object": KIND, "amount": amount, "balance_transaction": transaction,
        "charge": charge["id"], "created": world.now, "currency": charge["currency"], "customer": charge["customer"],
        "customer_account": null,
        "destination_details": {
            "card": {"type": if transaction.is_null() { "reversal" } else { "refund" }}, "type": "card"
        },
        "metadata": {}, "payment_intent": charge["payment_intent"], "payment_method": charge["payment_method"],
        "reason": reason, "receipt_number": null, "source_transfer_reversal": null, "status": "succeeded",
        "transfer_reversal": null
    });
    world.keep(KIND, refund)
}

/// Notes a new refund on its charge, and both events.
fn tell(world: &mut World, refund: &Value) {
    let id = text(refund, "charge").to_owned();
    let charge = world.find("charge", &id).cloned().unwrap_or_default();
    let refunded = number(&charge, "amount_refunded") + number(refund, "amount");
    let mut refunds = charge["refunds"].clone();
    if let Some(data) = refunds["data"].as_array_mut() {
        data.insert(0, refund.clone());
    }
    let is_refunded = refunded == number(&charge, "amount");
    let members = json!({ "amount_refunded": refunded, "refunded": is_refunded, "refunds": refunds });
    let charge = world.change(&id, members);
    world.tell("refund.created", refund);
    world.tell("charge.refunded", &charge);
}

/// The charge to refund, whose money was taken.
fn charge_of(world: &World, intent: Option<&str>, charge: Option<&str>) -> Answer {
    let charge = match (intent, charge) {
        (_, Some(charge)) => Some(world.named("charge", charge, "charge")?),
        (Some(intent), None) => {
            let intent = world.named("payment_intent", intent, "payment_intent")?;
            world.find("charge", text(&intent, "latest_charge")).cloned()
        }
        (None, None) => {
            let message = "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(Refusal::missing("payment_intent").with("message", json!(message)));
        }
    };
    charge.filter(|charge| charge["captured"] == true).ok_or_else(|| {
        let message = match intent {
            Some(intent) => format!("This PaymentIntent ({intent}) does not have a successful charge to refund."),
            None => "This charge has not been captured, so that there is nothing to refund.".to_owned(),
        };
        Refusal::invalid(Some("charge_not_refundable"), None, message)
    })
}

/// Only metadata can be changed.
pub(crate) fn update(world: &mut World, id: &str, mut params: Params) -> Answer {
    let metadata = params.metadata()?;
    params.finish()?;
    let refund = world.get(KIND, id)?;
    let refund = world.change(id, json!({ "metadata": metadata.onto(&refund["metadata"]) }));
    world.tell("charge.refund.updated", &refund);
    world.tell("refund.updated", &refund);
    Ok(refund)
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (intent, charge) = (params.text("payment_intent")?, params.text("charge")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |refund: &Value| {
        intent.as_ref().is_none_or(|intent| refund["payment_intent"] == *intent)
            && charge.as_ref().is_none_or(|charge| refund["charge"] == *charge)
            && created.has(refund)
    };
    paging::page(world, KIND, "/v1/refunds", &paging, is_in)
}
