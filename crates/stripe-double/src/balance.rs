//! `/v1/balance_transactions`: what each movement of money did to the balance of the account, with Stripe's fees.

use serde_json::{Value, json};

use crate::{
    amounts,
    form::Params,
    paging::{self, Created, Paging},
    world::{Answer, World, number, text},
};

const KIND: &str = "balance_transaction";

/// A movement of money, as the balance sees it.
#[derive(Debug)]
pub(crate) struct Movement<'a> {
    /// Stripe's `type`.
    pub(crate) kind: &'static str,
    /// Stripe's `reporting_category`.
    pub(crate) category: &'static str,
    /// What it belongs to.
    pub(crate) source: &'a Value,
    pub(crate) currency: &'a Value,
    /// Positive where the account receives money.
    pub(crate) amount: i64,
    /// The fee and what it is for.
    pub(crate) fee: Option<(i64, &'static str)>,
    pub(crate) description: Option<String>,
}

/// Records a balance transaction.
pub(crate) fn keep(world: &mut World, movement: Movement<'_>) -> Value {
    let Movement { kind, category, source, currency, amount, fee, description } = movement;
    let details: Vec<Value> = fee
        .iter()
        .map(|(fee, what)| {
            json!({
                "amount": fee, "application": null, "currency": currency, "description": what, "type": "stripe_fee"
            })
        })
        .collect();
    let fee = fee.map_or(0, |(fee, _)| fee);
    let transaction = json!({
        "id": World::id("txn"), "object": KIND, "amount": amount, "available_on": world.now,
        "balance_type": "payments", "created": world.now, "currency": currency, "description": description,
        "exchange_rate": null, "fee": fee, "fee_details": details, "net": amount - fee,
        "reporting_category": category, "source": source, "status": "available", "type": kind
    });
    world.keep(KIND, transaction)
}

/// Books a captured amount, of which Stripe keeps its fee.
pub(crate) fn taken(world: &mut World, charge: &Value, amount: i64) -> Value {
    let fee = amounts::processing_fee(amount, text(charge, "currency"));
    let movement = Movement {
        kind: "charge",
        category: "charge",
        source: &charge["id"],
        currency: &charge["currency"],
        amount,
        fee: Some((fee, "Stripe processing fees")),
        description: charge["description"].as_str().map(str::to_owned),
    };
    keep(world, movement)
}

/// Books a refund; Stripe keeps its fee.
pub(crate) fn given_back(world: &mut World, refund: &Value, charge: &Value) -> Value {
    let description = charge["description"].as_str().map(|text| format!(" ({text})")).unwrap_or_default();
    let movement = Movement {
        kind: "refund",
        category: "refund",
        source: &refund["id"],
        currency: &refund["currency"],
        amount: -number(refund, "amount"),
        fee: None,
        description: Some(format!("REFUND FOR CHARGE{description}")),
    };
    keep(world, movement)
}

/// Books the return of a refund that failed.
pub(crate) fn returned(world: &mut World, refund: &Value) -> Value {
    let movement = Movement {
        kind: "refund_failure",
        category: "refund_failure",
        source: &refund["id"],
        currency: &refund["currency"],
        amount: number(refund, "amount"),
        fee: None,
        description: Some("REFUND FAILURE".to_owned()),
    };
    keep(world, movement)
}

/// Books the withdrawal of a dispute, with its fee.
pub(crate) fn withdrawn(world: &mut World, dispute: &Value) -> Value {
    let fee = amounts::dispute_fee(text(dispute, "currency"));
    let movement = Movement {
        kind: "adjustment",
        category: "dispute",
        source: &dispute["id"],
        currency: &dispute["currency"],
        amount: -number(dispute, "amount"),
        fee: Some((fee, "Dispute fee")),
        description: Some(format!("Chargeback withdrawal for {}", text(dispute, "charge"))),
    };
    keep(world, movement)
}

/// Books the return of the amount of a won dispute; its fee is not returned.
pub(crate) fn reinstated(world: &mut World, dispute: &Value) -> Value {
    let movement = Movement {
        kind: "adjustment",
        category: "dispute_reversal",
        source: &dispute["id"],
        currency: &dispute["currency"],
        amount: number(dispute, "amount"),
        fee: None,
        description: Some(format!("Chargeback reversal for {}", text(dispute, "charge"))),
    };
    keep(world, movement)
}

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (source, kind, currency) = (params.text("source")?, params.text("type")?, params.text("currency")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    let is = |wanted: &Option<String>, value: &Value| wanted.as_ref().is_none_or(|wanted| *value == **wanted);
    let is_in = |transaction: &Value| {
        is(&source, &transaction["source"])
            && is(&kind, &transaction["type"])
            && is(&currency, &transaction["currency"])
            && created.has(transaction)
    };
    paging::page(world, KIND, "/v1/balance_transactions", &paging, is_in)
}
