//! Objects in the place of their ids: <https://docs.stripe.com/api/expanding_objects>.

use serde_json::{Value, json};

use crate::{refusal::Refusal, world::World};

/// How deep a path may go.
const DEPTH: usize = 4;

/// The kind of a member that is always null here, or can have several kinds: nothing can be expanded below it.
const OPAQUE: &str = "opaque";
/// The list of a charge's refunds, which is there only where it is asked for.
const REFUNDS: &str = "refunds";
/// How many of them it has.
const NEWEST: usize = 10;

/// The kind that a member of an object refers to, where Stripe can expand it.
fn reference(kind: &str, member: &str) -> Option<&'static str> {
    match (kind, member) {
        ("payment_intent" | "setup_intent" | "charge" | "refund" | "payment_method", "customer") => Some("customer"),
        ("payment_intent" | "setup_intent" | "refund", "payment_method") => Some("payment_method"),
        ("payment_intent", "latest_charge") | ("refund" | "dispute", "charge") => Some("charge"),
        ("charge" | "refund" | "dispute", "payment_intent") => Some("payment_intent"),
        ("charge" | "refund", "balance_transaction") | ("refund", "failure_balance_transaction") => {
            Some("balance_transaction")
        }
        ("charge", "refunds") => Some(REFUNDS),
        (REFUNDS, "data") => Some("refund"),
        ("payment_intent" | "setup_intent" | "charge", "application" | "on_behalf_of")
        | ("payment_intent" | "charge", "review")
        | ("customer", "default_source" | "test_clock")
        | ("balance_transaction", "source") => Some(OPAQUE),
        _ => None,
    }
}

/// Refuses what cannot be expanded in an answer of this kind, before anything is done.
pub(crate) fn check(paths: &[String], kind: &str, is_list: bool) -> Result<(), Refusal> {
    paths.iter().try_for_each(|path| {
        let parts: Vec<&str> = path.split('.').collect();
        if parts.len() > DEPTH {
            let message = format!("You cannot expand more than {DEPTH} levels of a property. Property: {path}.");
            return Err(Refusal::invalid_parameter("expand", message));
        }
        let below = if is_list { parts.strip_prefix(&["data"]) } else { Some(&parts[..]) };
        let mut kind = kind;
        for part in below.filter(|below| !below.is_empty()).unwrap_or(&[""]) {
            kind = reference(kind, part).ok_or_else(|| {
                Refusal::invalid_parameter("expand", format!("This property cannot be expanded ({path})."))
            })?;
        }
        Ok(())
    })
}

/// Expands what was checked.
pub(crate) fn apply(world: &World, answer: &mut Value, paths: &[String]) {
    for path in paths {
        expand(world, answer, &path.split('.').collect::<Vec<_>>());
    }
}

fn expand(world: &World, at: &mut Value, path: &[&str]) {
    let [first, rest @ ..] = path else { return };
    if let Value::Array(items) = at {
        return items.iter_mut().for_each(|item| expand(world, item, path));
    }
    if *first == REFUNDS && at["object"] == "charge" {
        at[REFUNDS] = refunds(world, &at["id"]);
    }
    let Some(member) = at.get_mut(*first) else { return };
    if let Some(object) = member.as_str().and_then(|id| world.any(id)) {
        *member = object.clone();
    }
    expand(world, member, rest);
}

fn refunds(world: &World, charge: &Value) -> Value {
    let all: Vec<&Value> = world.all("refund").filter(|refund| refund["charge"] == *charge).collect();
    let url = format!("/v1/charges/{}/refunds", charge.as_str().unwrap_or_default());
    json!({ "data": all[..all.len().min(NEWEST)], "has_more": all.len() > NEWEST, "object": "list", "url": url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_can_be_expanded() {
        let check = |path: &str, is_list| check(&[path.to_owned()], "payment_intent", is_list).is_ok();
        for path in ["latest_charge", "customer", "payment_method.customer", "latest_charge.balance_transaction.source"]
        {
            assert!(check(path, false), "{path}");
            assert!(!check(path, true), "{path}");
        }
        assert!(check("data.latest_charge", true));
        for path in ["status", "latest_charge.status", "metadata.order", "", "data", "data.latest_charge"] {
            assert!(!check(path, false), "{path}");
        }
        assert!(!check("latest_charge.payment_intent.latest_charge.payment_intent.customer", false));
        assert!(!check("data", true));
    }
}
