//! What becomes of a refund after it was made: <https://docs.stripe.com/refunds#failed-refunds>.
//!
//! | from | to |
//! | --- | --- |
//! | `pending` | `requires_action`, `succeeded`, `failed`, `canceled` |
//! | `requires_action` | `pending`, `succeeded`, `failed`, `canceled` |
//! | `succeeded` | `failed` |
//! | `failed`, `canceled` | none |

use serde_json::json;

use super::{KIND, record_update};
use crate::{
    balance, charges,
    form::Params,
    refusal::Refusal,
    world::{Answer, World, number, text},
};

/// Whether a refund can go from one status to another.
fn can_become(from: &str, to: &str) -> bool {
    match from {
        "pending" | "requires_action" => from != to,
        "succeeded" => to == "failed",
        _ => false,
    }
}

/// Makes a refund `succeeded`, `failed`, ...; what was given back comes back to the account where it failed.
pub(crate) fn settle(world: &mut World, id: &str, status: &str, failure_reason: Option<&str>) -> Answer {
    let before = world.get(KIND, id)?;
    let from = text(&before, "status");
    if !can_become(from, status) {
        return Err(Refusal::invalid(None, None, format!("A refund that is {from} cannot become {status}.")));
    }
    let charge = world.get("charge", text(&before, "charge"))?;
    let mut members = json!({ "status": status });
    let fails = matches!(status, "failed" | "canceled");
    if status == "succeeded" {
        members["balance_transaction"] = balance::given_back(world, &before, &charge)["id"].clone();
    }
    if fails {
        let otherwise = if status == "canceled" { "merchant_request" } else { "expired_or_canceled_card" };
        members["failure_reason"] = json!(failure_reason.unwrap_or(otherwise));
        if !before["balance_transaction"].is_null() {
            members["failure_balance_transaction"] = balance::returned(world, &before)["id"].clone();
        }
        charges::count_refunded(world, text(&charge, "id"), -number(&before, "amount"));
    }
    world.change(id, members);
    let after = match status {
        "pending" => world.change(id, json!({ "pending_reason": "processing" })),
        _ => world.remove(id, "pending_reason"),
    };
    record_update(world, &before, &after);
    if status == "failed" {
        world.record_change("refund.failed", &before, &after);
    }
    Ok(after)
}

/// `POST /v1/refunds/{id}/cancel`: only while the cardholder has to do something.
pub(crate) fn cancel(world: &mut World, id: &str, params: Params) -> Answer {
    params.finish()?;
    if world.get(KIND, id)?["status"] != "requires_action" {
        return Err(Refusal::invalid(None, None, "Canceling this refund is unsupported."));
    }
    settle(world, id, "canceled", None)
}

/// Plays the bank: `{"status": "failed", "failure_reason": "lost_or_stolen_card"}`.
pub(crate) fn play(world: &mut World, id: &str, mut params: Params) -> Answer {
    let statuses = ["pending", "requires_action", "succeeded", "failed", "canceled"];
    let status = params.word("status", &statuses)?.ok_or_else(|| Refusal::missing("status"))?;
    let reason = params.text("failure_reason")?;
    params.finish()?;
    settle(world, id, &status, reason.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_was_canceled_stays_so_and_what_succeeded_can_only_fail() {
        let all = ["pending", "requires_action", "succeeded", "failed", "canceled"];
        let after = |from: &str| all.into_iter().filter(|to| can_become(from, to)).collect::<Vec<_>>();
        assert_eq!(after("pending"), ["requires_action", "succeeded", "failed", "canceled"]);
        assert_eq!(after("requires_action"), ["pending", "succeeded", "failed", "canceled"]);
        assert_eq!(after("succeeded"), ["failed"]);
        assert!(after("failed").is_empty() && after("canceled").is_empty());
    }
}
