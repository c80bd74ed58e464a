//! `/v1/refunds`: never more than was taken. A refund of most cards succeeds at once; those of `pm_card_pendingRefund` and
//! `pm_card_refundFail` change later (<https://docs.stripe.com/testing#refunds>), as any does where that is played.

mod settle;

use serde_json::{Value, json};

pub(crate) use self::settle::{cancel, play, settle};
use crate::{
    amounts, balance,
    cards::Behaviour,
    charges, disputes,
    form::Params,
    paging::{self, Created, Paging},
    refusal::Refusal,
    world::{Answer, Due, World, number, text},
};

const KIND: &str = "refund";
/// How long a refund takes to become what its test card makes of it, in seconds.
const LATER: i64 = 60;

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
    let amount = refundable(world, &charge, amount)?;
    let refund = new(world.now, &charge, amount);
    let id = text(&refund, "id").to_owned();
    world.keep(KIND, refund);
    let refund = world.change(&id, json!({ "metadata": metadata.onto(&json!({})), "reason": reason }));
    let refund = begin(world, &refund, &charge);
    record_events(world, &refund);
    disputes::settle_by_refund(world, text(&charge, "id"));
    Ok(refund)
}

/// Gives the money back, or says that it takes time.
fn begin(world: &mut World, refund: &Value, charge: &Value) -> Value {
    let id = text(refund, "id");
    let behaviour = world.card(text(charge, "payment_method")).behaviour;
    if behaviour == Behaviour::DelaysRefunds {
        world.later(LATER, Due::Refund { id: id.to_owned(), status: "succeeded" });
        return world.change(id, json!({ "status": "pending", "pending_reason": "processing" }));
    }
    if behaviour == Behaviour::FailsRefunds {
        world.later(LATER, Due::Refund { id: id.to_owned(), status: "failed" });
    }
    let transaction = balance::given_back(world, refund, charge);
    world.change(id, json!({ "balance_transaction": transaction["id"] }))
}

/// How much is refunded: what is asked for, or all that is left.
fn refundable(world: &World, charge: &Value, amount: Option<i64>) -> Result<i64, Refusal> {
    let id = text(charge, "id");
    if disputes::of(world, id).is_some_and(|dispute| dispute["is_charge_refundable"] == false) {
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

fn new(now: i64, charge: &Value, amount: i64) -> Value {
    let card =
        json!({ "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" });
    json!({
        "id": World::id("re"), "object": KIND, "amount": amount, "balance_transaction": null,
        "charge": charge["id"], "created": now, "currency": charge["currency"], "customer": charge["customer"],
        "customer_account": null, "destination_details": {"card": card, "type": "card"}, "metadata": {},
        "payment_intent": charge["payment_intent"], "payment_method": charge["payment_method"], "reason": null,
        "receipt_number": null, "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null
    })
}

/// Notes a new refund on its charge, and both events.
fn record_events(world: &mut World, refund: &Value) {
    let charge = charges::count_refunded(world, text(refund, "charge"), number(refund, "amount"));
    world.record_event("refund.created", refund);
    if let Some((before, after)) = charge {
        world.record_change("charge.refunded", &before, &after);
    }
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
    let before = world.get(KIND, id)?;
    let after = world.change(id, json!({ "metadata": metadata.onto(&before["metadata"]) }));
    record_update(world, &before, &after);
    Ok(after)
}

fn record_update(world: &mut World, before: &Value, after: &Value) {
    world.record_change("charge.refund.updated", before, after);
    world.record_change("refund.updated", before, after);
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
