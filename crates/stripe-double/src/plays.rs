//! Actions of others: a frontend with a client secret, a cardholder, a bank.

use serde_json::{Map, Value, json};

use crate::{
    disputes,
    form::Params,
    payment_intents, refunds,
    refusal::Refusal,
    routes, setup_intents,
    world::{Answer, World, text},
};

/// Plays `payment_intents/{id}/authenticate`, ...
pub(crate) fn play(world: &mut World, path: &str, mut params: Params) -> Answer {
    let parts: Vec<&str> = path.split('/').collect();
    match &parts[..] {
        ["payment_intents", id, "confirm"] => payment_intents::confirm(world, id, from_a_page(&params)),
        ["setup_intents", id, "confirm"] => setup_intents::confirm(world, id, from_a_page(&params)),
        ["payment_intents" | "setup_intents", id, "authenticate"] => {
            let outcome = params.word("outcome", &["approve", "refuse"])?;
            params.finish()?;
            authenticate(world, id, outcome.ok_or_else(|| Refusal::missing("outcome"))? == "approve")
        }
        ["disputes"] => disputes::play(world, params),
        ["disputes", id, "decide"] => disputes::play_decision(world, id, params),
        ["disputes", id, "escalate"] => disputes::play_escalation(world, id, params),
        ["refunds", id, "settle"] => refunds::play(world, id, params),
        ["search"] => {
            let lag = params.integer("lag_seconds")?.ok_or_else(|| Refusal::missing("lag_seconds"))?;
            params.finish()?;
            world.search_lag = lag;
            Ok(json!({ "lag_seconds": lag }))
        }
        ["objects", id] => {
            let members = params.verbatim("members")?.ok_or_else(|| Refusal::missing("members"))?;
            let event = params.text("event")?;
            params.finish()?;
            rewrite(world, id, members, event.as_deref())
        }
        ["dashboard", ..] => routes::execute(world, "POST", &path.replacen("dashboard", "/v1", 1), params),
        _ => Err(Refusal::unknown_url("POST", path)),
    }
}

/// Gives an object members that the double itself would not, as when Stripe adds a word; with an event about that where
/// one is named.
fn rewrite(world: &mut World, id: &str, members: Value, event: Option<&str>) -> Answer {
    let Some(before) = world.any(id).cloned() else {
        return Err(Refusal::no_such("object", id, None));
    };
    let after = world.change(id, members);
    if let Some(event) = event {
        world.record_change(event, &before, &after);
    }
    Ok(after)
}

/// Gives the object of an answer other members, where it is kept, in the answer, and in the events of the call in hand.
pub(crate) fn alter(world: &mut World, mut answer: Value, members: &Map<String, Value>) -> Value {
    let id = text(&answer, "id").to_owned();
    if world.any(&id).is_none() {
        return answer;
    }
    world.change(&id, Value::Object(members.clone()));
    put(&mut answer, members);
    let mut news = std::mem::take(&mut world.news);
    for event in news.iter_mut().filter(|event| event["data"]["object"]["id"] == id) {
        put(&mut event["data"]["object"], members);
        world.change(text(event, "id"), json!({ "data": event["data"] }));
    }
    world.news = news;
    answer
}

fn put(object: &mut Value, members: &Map<String, Value>) {
    for (name, value) in members {
        object[name] = value.clone();
    }
}

/// Plays the cardholder at 3-D Secure.
pub(crate) fn authenticate(world: &mut World, id: &str, approves: bool) -> Answer {
    if id.starts_with("seti_") {
        setup_intents::authenticate(world, id, approves)
    } else {
        payment_intents::authenticate(world, id, approves)
    }
}

/// Stripe's library in the frontend says by itself where a redirect leads back to.
fn from_a_page(params: &Params) -> Params {
    let mut body = params.as_value();
    if body["return_url"].is_null() {
        body["return_url"] = "https://shop.example/return".into();
    }
    Params::of(body)
}
