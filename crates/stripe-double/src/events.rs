//! `/v1/events`: what happened, also where its delivery was dropped.

use serde_json::Value;

use crate::{
    faults::is_like,
    form::Params,
    paging::{self, Created, Paging},
    refusal::Refusal,
    world::{Answer, World, text},
};

/// Stripe takes at most so many `types[]`.
const TYPES: usize = 20;

pub(crate) fn list(world: &World, mut params: Params) -> Answer {
    let (kind, kinds) = (params.text("type")?, params.texts("types")?);
    let (paging, created) = (Paging::read(&mut params)?, Created::read(&mut params)?);
    params.finish()?;
    if kind.is_some() && kinds.is_some() {
        return Err(Refusal::only_one_of("type, types"));
    }
    if kinds.as_ref().is_some_and(|kinds| kinds.len() > TYPES) {
        return Err(Refusal::invalid_parameter("types", format!("You may pass up to {TYPES} types.")));
    }
    let is_in = |event: &Value| {
        kind.as_ref().is_none_or(|kind| is_like(text(event, "type"), kind))
            && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| event["type"] == *kind))
            && created.has(event)
    };
    paging::page(world, "event", "/v1/events", &paging, is_in)
}
