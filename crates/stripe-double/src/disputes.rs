//! `/v1/disputes`: a cardholder wants the money back from their bank (<https://docs.stripe.com/disputes/how-disputes-work>).
//!
//! | status | funds | what ends it |
//! | --- | --- | --- |
//! | `warning_needs_response`, `warning_under_review` | stay | a full refund or time: `warning_closed`; or it is escalated |
//! | `needs_response`, `under_review` | are withdrawn | the bank: `won` (they come back, the fee does not) or `lost` |

use serde_json::{Map, Value, json};

use crate::{
    balance,
    cards::{Behaviour, Complaint},
    form::Params,
    paging::{self, Created, Paging},
    refusal::Refusal,
    world::{Answer, Due, World, number, text},
};

const KIND: &str = "dispute";

/// How long a bank takes to decide by the evidence of Stripe's test values, in seconds.
const DECISION: i64 = 5;
/// `uncategorized_text` that decides a dispute: <https://docs.stripe.com/testing#disputes>.
const WINNING: &str = "winning_evidence";
const LOSING: &str = "losing_evidence";
const ESCALATING: &str = "escalate_inquiry_evidence";

/// What a shop can say in its defence.
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

/// What a dispute is about.
#[derive(Debug)]
struct Opening {
    /// All that was taken where nothing is said.
    amount: Option<i64>,
    reason: String,
    is_inquiry: bool,
}

impl Opening {
    fn of(complaint: Complaint) -> Self {
        let reason = if complaint == Complaint::ProductNotReceived { "product_not_received" } else { "fraudulent" };
        Self { amount: None, reason: reason.to_owned(), is_inquiry: complaint == Complaint::Inquiry }
    }
}

/// Opens a dispute where the test card of a payment is one whose holder does that.
pub(crate) fn if_the_cardholder_does(world: &mut World, intent: &Value) -> Result<(), Refusal> {
    if let Behaviour::Disputes(complaint) = world.card(text(intent, "payment_method")).behaviour {
        open(world, text(intent, "id"), &Opening::of(complaint))?;
    }
    Ok(())
}

/// Plays the cardholder: `{"payment_intent": id}`, with `amount`, `reason` and `inquiry` where they are not the usual.
pub(crate) fn play(world: &mut World, mut params: Params) -> Answer {
    let intent = params.required("payment_intent")?;
    let amount = params.integer("amount")?;
    let reason = params.text("reason")?.unwrap_or_else(|| "fraudulent".to_owned());
    let is_inquiry = params.flag("inquiry")?.unwrap_or(false);
    params.finish()?;
    open(world, &intent, &Opening { amount, reason, is_inquiry })
}

/// Plays the bank: `{"outcome": "won"}`.
pub(crate) fn play_decision(world: &mut World, id: &str, mut params: Params) -> Answer {
    let outcomes = ["won", "lost", "warning_closed"];
    let outcome = params.word("outcome", &outcomes)?.ok_or_else(|| Refusal::missing("outcome"))?;
    params.finish()?;
    decide(world, id, &outcome)
}

/// Plays the bank, which makes a chargeback of an inquiry.
pub(crate) fn play_escalation(world: &mut World, id: &str, params: Params) -> Answer {
    params.finish()?;
    let dispute = world.get(KIND, id)?;
    check_open(&dispute)?;
    escalate(world, &dispute)
}

/// The dispute about a charge.
pub(crate) fn of<'a>(world: &'a World, charge: &str) -> Option<&'a Value> {
    world.all(KIND).find(|dispute| dispute["charge"] == charge)
}

/// Opens a dispute about the charge of a payment.
fn open(world: &mut World, intent: &str, opening: &Opening) -> Answer {
    let intent = world.get("payment_intent", intent)?;
    let charge = world.find("charge", text(&intent, "latest_charge"));
    let can_be_disputed =
        |charge: &&Value| charge["captured"] == true && charge["disputed"] == false && charge["refunded"] == false;
    let Some(charge) = charge.filter(can_be_disputed).cloned() else {
        return Err(Refusal::invalid(None, None, "This payment has no charge that could be disputed."));
    };
    let amount = opening.amount.unwrap_or_else(|| number(&charge, "amount_captured"));
    if amount < 1 || amount > number(&charge, "amount_captured") {
        let message = "The amount of a dispute is between 1 and what was taken.";
        return Err(Refusal::invalid(None, Some("amount"), message));
    }
    let dispute = new(world.now, &charge, amount, opening);
    let dispute = world.keep(KIND, dispute);
    world.change(text(&charge, "id"), json!({ "disputed": true }));
    world.record_event("charge.dispute.created", &dispute);
    if opening.is_inquiry { Ok(dispute) } else { Ok(withdraw(world, &dispute)) }
}

/// Takes the money from the account.
fn withdraw(world: &mut World, dispute: &Value) -> Value {
    let transaction = balance::withdrawn(world, dispute);
    let after = world.change(text(dispute, "id"), json!({ "balance_transactions": [transaction] }));
    world.record_change("charge.dispute.funds_withdrawn", dispute, &after);
    after
}

/// The network's code for a reason, of Visa's.
fn network_reason_code(reason: &str, is_inquiry: bool) -> &'static str {
    match reason {
        _ if is_inquiry => "10",
        "product_not_received" => "13.1",
        "product_unacceptable" => "13.3",
        "credit_not_processed" => "13.6",
        "duplicate" => "12.6.1",
        _ => "10.4",
    }
}

fn new(now: i64, charge: &Value, amount: i64, opening: &Opening) -> Value {
    let mut evidence: Map<_, _> = EVIDENCE.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    let brand = &charge["payment_method_details"]["card"]["brand"];
    let Opening { reason, is_inquiry, .. } = opening;
    let (status, case) =
        if *is_inquiry { ("warning_needs_response", "inquiry") } else { ("needs_response", "chargeback") };
    json!({
        "id": World::id("du"), "object": KIND, "amount": amount, "balance_transactions": [],
        "charge": charge["id"], "created": now, "currency": charge["currency"], "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {
            "due_by": now + 8 * 86_400, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0, "submission_method": "not_submitted"
        },
        "intended_submission_method": null, "is_charge_refundable": is_inquiry, "livemode": false, "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand, "case_type": case, "network": brand,
                "network_reason_code": network_reason_code(reason, *is_inquiry)
            },
            "type": "card"
        },
        "reason": reason, "status": status
    })
}

fn is_inquiry(dispute: &Value) -> bool {
    text(dispute, "status").starts_with("warning_")
}

fn check_open(dispute: &Value) -> Result<(), Refusal> {
    if matches!(text(dispute, "status"), "won" | "lost" | "warning_closed") {
        return Err(Refusal::invalid(None, None, "This dispute is already closed"));
    }
    Ok(())
}

/// The bank decides, or an inquiry ends.
pub(crate) fn decide(world: &mut World, id: &str, outcome: &str) -> Answer {
    let before = world.get(KIND, id)?;
    check_open(&before)?;
    if is_inquiry(&before) != (outcome == "warning_closed") {
        let message = format!("A dispute that is {} cannot become {outcome}.", text(&before, "status"));
        return Err(Refusal::invalid(None, None, message));
    }
    let mut before_closing = before.clone();
    if outcome == "won" {
        let transaction = balance::reinstated(world, &before);
        let mut transactions = before["balance_transactions"].as_array().cloned().unwrap_or_default();
        transactions.push(transaction);
        let members = json!({ "status": outcome, "is_charge_refundable": true, "balance_transactions": transactions });
        let after = world.change(id, members);
        world.record_change("charge.dispute.funds_reinstated", &before, &after);
        before_closing = world.get(KIND, id)?;
        before_closing["status"] = before["status"].clone();
    }
    let after = world.change(id, json!({ "status": outcome }));
    world.record_change("charge.dispute.closed", &before_closing, &after);
    Ok(after)
}

/// An inquiry becomes a chargeback.
fn escalate(world: &mut World, before: &Value) -> Answer {
    if !is_inquiry(before) {
        return Err(Refusal::invalid(None, None, "Only an inquiry can be escalated."));
    }
    let mut details = before["payment_method_details"].clone();
    details["card"]["case_type"] = json!("chargeback");
    let members =
        json!({ "status": "needs_response", "is_charge_refundable": false, "payment_method_details": details });
    let after = world.change(text(before, "id"), members);
    world.record_change("charge.dispute.updated", before, &after);
    Ok(withdraw(world, &after))
}

/// A full refund ends an inquiry.
pub(crate) fn settle_by_refund(world: &mut World, charge: &str) {
    let is_refunded = world.find("charge", charge).is_some_and(|charge| charge["refunded"] == true);
    let inquiry = of(world, charge).filter(|dispute| is_refunded && is_inquiry(dispute));
    if let Some(id) = inquiry.map(|dispute| text(dispute, "id").to_owned()) {
        // One that is closed already stays so.
        let _ = decide(world, &id, "warning_closed");
    }
}

/// `POST /v1/disputes/{id}`: evidence, sent to the bank unless `submit` is false, and metadata.
pub(crate) fn update(world: &mut World, id: &str, mut params: Params) -> Answer {
    let metadata = params.metadata()?;
    let submits = params.flag("submit")?.unwrap_or(true);
    let given = params.below("evidence")?;
    let has_evidence = given.is_some();
    let mut given = given.unwrap_or_default();
    let mut members = Map::new();
    for name in EVIDENCE {
        if let Some(value) = given.settable(name)? {
            members.insert(name.to_owned(), value);
        }
    }
    given.finish()?;
    params.finish()?;
    let before = world.get(KIND, id)?;
    check_open(&before)?;
    let mut evidence = before["evidence"].clone();
    members.into_iter().for_each(|(name, value)| evidence[name] = value);
    world.change(id, json!({ "evidence": evidence, "metadata": metadata.onto(&before["metadata"]) }));
    if !(has_evidence && submits) {
        let after = world.get(KIND, id)?;
        world.record_change("charge.dispute.updated", &before, &after);
        return Ok(after);
    }
    submit(world, &before, text(&evidence, "uncategorized_text"))
}

/// Sends the evidence to the bank. Words of Stripe's for tests decide.
fn submit(world: &mut World, before: &Value, words: &str) -> Answer {
    let id = text(before, "id");
    let mut details = before["evidence_details"].clone();
    details["has_evidence"] = json!(true);
    details["submission_method"] = json!("manual");
    details["submission_count"] = json!(number(&details, "submission_count") + 1);
    let status = if is_inquiry(before) { "warning_under_review" } else { "under_review" };
    let after = world.change(id, json!({ "evidence_details": details, "status": status }));
    world.record_change("charge.dispute.updated", before, &after);
    let later = |outcome| Due::Dispute { id: id.to_owned(), outcome };
    match words {
        WINNING if is_inquiry(&after) => world.later(DECISION, later("warning_closed")),
        WINNING => world.later(DECISION, later("won")),
        LOSING if !is_inquiry(&after) => world.later(DECISION, later("lost")),
        ESCALATING if is_inquiry(&after) => return escalate(world, &after),
        _ => {}
    }
    Ok(after)
}

/// `POST /v1/disputes/{id}/close`: the shop gives in.
pub(crate) fn close(world: &mut World, id: &str, params: Params) -> Answer {
    params.finish()?;
    let dispute = world.get(KIND, id)?;
    check_open(&dispute)?;
    decide(world, id, if is_inquiry(&dispute) { "warning_closed" } else { "lost" })
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
