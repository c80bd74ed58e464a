//! What others do at Stripe: a frontend with a client secret, a cardholder, a bank.

use crate::{
    disputes,
    form::Params,
    payment_intents,
    refusal::Refusal,
    setup_intents,
    world::{Answer, World},
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
        ["disputes"] => {
            let intent = params.required("payment_intent")?;
            params.finish()?;
            disputes::open(world, &intent)
        }
        _ => Err(Refusal::unknown_url("POST", path)),
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
