//! Which call does what.

use crate::{
    balance, charges, customers, disputes, events, expand,
    form::Params,
    payment_intents, payment_methods, refunds,
    refusal::Refusal,
    setup_intents,
    world::{Answer, World},
};

/// Does what `method path` asks for.
pub(crate) fn execute(world: &mut World, method: &str, path: &str, mut params: Params) -> Answer {
    let parts: Vec<&str> = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect();
    let paths = params.texts("expand")?.unwrap_or_default();
    let Some((kind, is_list)) = answers(method, &parts) else { return Err(Refusal::unknown_url(method, path)) };
    expand::check(&paths, kind, is_list)?;
    let answer = match method {
        "GET" => read(world, kind, &parts, params),
        "POST" => act(world, &parts, params),
        "DELETE" => erase(world, &parts, params),
        _ => None,
    };
    let mut answer = answer.ok_or_else(|| Refusal::unknown_url(method, path))??;
    expand::apply(world, &mut answer, &paths);
    Ok(answer)
}

/// What is answered: of which kind, one or a list.
fn answers(method: &str, parts: &[&str]) -> Option<(&'static str, bool)> {
    let kind = match *parts.first()? {
        "customers" if parts.get(2) == Some(&"payment_methods") => "payment_method",
        "customers" => "customer",
        "payment_methods" => "payment_method",
        "setup_intents" => "setup_intent",
        "payment_intents" => "payment_intent",
        "charges" => "charge",
        "refunds" => "refund",
        "disputes" => "dispute",
        "events" => "event",
        "balance_transactions" => "balance_transaction",
        _ => return None,
    };
    let is_list = method == "GET" && (parts.len() != 2 || parts[1] == "search");
    Some((kind, is_list))
}

fn act(world: &mut World, parts: &[&str], params: Params) -> Option<Answer> {
    Some(match parts {
        ["customers"] => customers::create(world, params),
        ["customers", id] => customers::update(world, id, params),
        ["payment_methods"] => payment_methods::create(world, params),
        ["payment_methods", id, "attach"] => payment_methods::attach(world, id, params),
        ["payment_methods", id, "detach"] => payment_methods::detach(world, id, params),
        ["setup_intents"] => setup_intents::create(world, params),
        ["setup_intents", id, "confirm"] => setup_intents::confirm(world, id, params),
        ["setup_intents", id, "cancel"] => setup_intents::cancel(world, id, params),
        ["payment_intents"] => payment_intents::create(world, params),
        ["payment_intents", id] => payment_intents::update(world, id, params),
        ["payment_intents", id, "confirm"] => payment_intents::confirm(world, id, params),
        ["payment_intents", id, "capture"] => payment_intents::capture(world, id, params),
        ["payment_intents", id, "cancel"] => payment_intents::cancel(world, id, params),
        ["refunds"] => refunds::create(world, params),
        ["refunds", id] => refunds::update(world, id, params),
        ["refunds", id, "cancel"] => refunds::cancel(world, id, params),
        ["disputes", id] => disputes::update(world, id, params),
        ["disputes", id, "close"] => disputes::close(world, id, params),
        _ => return None,
    })
}

fn erase(world: &mut World, parts: &[&str], params: Params) -> Option<Answer> {
    Some(match parts {
        ["customers", id] => customers::delete(world, id, params),
        _ => return None,
    })
}

fn read(world: &World, kind: &str, parts: &[&str], params: Params) -> Option<Answer> {
    Some(match parts {
        ["customers"] => customers::list(world, params),
        ["customers", id, "payment_methods"] => payment_methods::list(world, Some(id), params),
        ["payment_methods"] => payment_methods::list(world, None, params),
        ["setup_intents"] => setup_intents::list(world, params),
        ["payment_intents"] => payment_intents::list(world, params),
        ["payment_intents", "search"] => payment_intents::search(world, params),
        ["charges"] => charges::list(world, params),
        ["refunds"] => refunds::list(world, params),
        ["disputes"] => disputes::list(world, params),
        ["events"] => events::list(world, params),
        ["balance_transactions"] => balance::list(world, params),
        [_, id] => one(world, kind, id, params),
        _ => return None,
    })
}

fn one(world: &World, kind: &str, id: &str, mut params: Params) -> Answer {
    // A frontend reads its intent with it.
    params.ignore(&["client_secret"]);
    params.finish()?;
    // Also what is deleted, of which little is left.
    world.find(kind, id).cloned().ok_or_else(|| Refusal::no_such(kind, id, None))
}
