//! `/v1/disputes`: a cardholder wants the money back from their bank.

use serde_json::{Map, Value, json};

use crate::{
    cards::Behaviour,
    charges,
    form::Params,
    paging::{self, Created, Paging},
    refusal::Refusal,
    world::{Answer, World, number, text},
};

const KIND: &str = "dispute";

/// What a shop can say in its defence. Nobody does here.
const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// Opens a dispute where the test card of a payment is one whose holder does that.
pub(crate) fn if_the_cardholder_does(world: &mut World, intent: &Value) -> Result<(), Refusal> {
    if world.card(text(intent, "payment_method")).behaviour == Behaviour::Disputes {
        open(world, text(intent, "id"))?;
    }
    Ok(())
}

/// Opens a dispute about the charge of a payment, for all that was taken.
pub(crate) fn open(world: &mut World, intent: &str) -> Answer {
    let intent = world.get("payment_intent", intent)?;
    let charge = world.find("charge", text(&intent, "latest_charge")).filter(|charge| charge["captured"] == true);
    let Some(charge) = charge.filter(|charge| charge["disputed"] == false).cloned() else {
        return Err(Refusal::invalid(None, None, "This payment has no charge that could be disputed."));
    };
    let dispute = new(world.now, &charge);
    let id = text(&dispute, "id").to_owned();
    let dispute = world.keep(KIND, dispute);
    world.change(text(&charge, "id"), json!({ "disputed": true }));
    world.tell("charge.dispute.created", &dispute);
    let amount = number(&charge, "amount_captured");
    let transaction = charges::transaction(world, &id, -amount, "adjustment", &charge["currency"]);
    let dispute = world.change(&id, json!({ "balance_transactions": [transaction] }));
    world.tell("charge.dispute.funds_withdrawn", &dispute);
    Ok(dispute)
}

fn new(now: i64, charge: &Value) -> Value {
    let mut evidence: Map<_, _> = EVIDENCE.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    let brand = &charge["payment_method_details"]["card"]["brand"];
    json!({
        "id": World::id("dp"), "object": KIND, "amount": charge["amount_captured"], "balance_transactions": [],
        "charge": charge["id"], "created": now, "currency": charge["currency"], "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {
            "due_by": now + 14 * 86_400, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0
        },
        "is_charge_refundable": false, "livemode": false, "metadata": {}, "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": "10.4"},
            "type": "card"
        },
        "reason": "fraudulent", "status": "needs_response"
    })
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (intent, charge) = (params.text("payment_intent")?, params.text("charge")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is_in = |dispute: &Value| {
        intent.as_ref().is_none_or(|intent| dispute["payment_intent"] == *intent)
            && charge.as_ref().is_none_or(|charge| dispute["charge"] == *charge)
            && created.has(dispute)
    };
    paging::page(world, KIND, "/v1/disputes", &paging, is_in)
}
