//! Suppressed addresses, in the table of the notifications. An item holds no address, only its keyed hash:
//!
//! | attribute | |
//! | --- | --- |
//! | `event_id` | partition key: `suppression#email#FINGERPRINT`, with `#announcements` appended for that scope |
//! | `hard_bounce_at`, `complaint_at`, `stop_at`, `unsubscribed_at`, `staff_at` | since when it is suppressed for each reason (milliseconds); the item exists as long as one of them does |
//! | `provider`, `created_at`, `note` | the vendor that reported it first, when it was created (milliseconds), a note of staff |
//! | `listed`, `listed_at` | for the index by which staff list them |
//!
//! Vendors repeat reports. So that a repeated report does not restore a suppression that staff or its owner lifted, each report
//! leaves an item `seen#VENDOR#ID` for `REMEMBERED`.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::delete_item::DeleteItemError,
    types::{CancellationReason, Delete, Put, ReturnValue, TransactWriteItem, Update},
};
use common::{contact::Channel, timestamp::Timestamp};
use platform::fingerprint::Fingerprint;
use strum::VariantArray;

use super::domain::{Cause, Note, Reason, Suppression, SuppressionId};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Dynamo, Item, cancellations, incomplete, is_condition_failed, may_repeat, number, only_conflicts,
        text, text_of, timestamp_of,
    },
    listing::{LISTED, ListedAt},
    providers::Name,
};

/// How long a report is remembered: SNS repeats one for hours, SendGrid for a day.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// The partition of the index by which suppressions are listed.
const SUPPRESSIONS: &str = "suppression";

/// A request to suppress an address.
#[derive(Debug, Clone)]
pub struct SuppressionRequest<'a> {
    /// The channel of the address.
    pub channel: Channel,
    /// The keyed hash of the address.
    pub recipient: Fingerprint,
    /// The reason.
    pub reason: Reason,
    /// The vendor that reported it.
    pub provider: Option<Name>,
    /// When it happened.
    pub since: Timestamp,
    /// A note of staff.
    pub note: Option<&'a Note>,
}

/// Suppresses an address, or adds a reason. `false` when the report was applied before, and nothing is changed.
pub async fn suppress(
    db: &Dynamo,
    request: &SuppressionRequest<'_>,
    report: Option<&str>,
    now: Timestamp,
) -> Result<bool, Failure> {
    let id = SuppressionId { channel: request.channel, recipient: request.recipient, scope: request.reason.scope() };
    let key = id.item_key();
    let mut expression = String::from(
        "SET #reason = if_not_exists(#reason, :since), created_at = if_not_exists(created_at, :now), listed = :listed, \
         listed_at = if_not_exists(listed_at, :listed_at)",
    );
    let mut update = Update::builder()
        .table_name(db.table())
        .key("event_id", text(&key))
        .expression_attribute_names("#reason", attribute(request.reason))
        .expression_attribute_values(":since", number(request.since.unix_millis()))
        .expression_attribute_values(":now", number(now.unix_millis()))
        .expression_attribute_values(":listed", text(&SUPPRESSIONS))
        .expression_attribute_values(":listed_at", text(&format!("{now}#{key}")));
    if let Some(provider) = request.provider {
        expression.push_str(", provider = if_not_exists(provider, :provider)");
        update = update.expression_attribute_values(":provider", text(&provider));
    }
    if let Some(note) = request.note {
        expression.push_str(", note = :note");
        update = update.expression_attribute_values(":note", text(&note.as_str()));
    }
    let update = update.update_expression(expression).build().map_err(incomplete)?;
    let done = apply_once(db, report, now, TransactWriteItem::builder().update(update).build()).await?;
    Ok(done == ChangeOutcome::Done)
}

/// Removes one reason, and with the last one the suppression. `false` when the report was applied before, and nothing is changed.
pub async fn remove_reason(
    db: &Dynamo,
    id: SuppressionId,
    reason: Reason,
    report: Option<&str>,
    now: Timestamp,
) -> Result<bool, Failure> {
    let others = Reason::VARIANTS.iter().copied().filter(|other| *other != reason);
    let no_others = others.map(|other| format!("attribute_not_exists({})", attribute(other))).collect::<Vec<_>>();
    let delete = Delete::builder()
        .table_name(db.table())
        .key("event_id", text(&id.item_key()))
        .condition_expression(no_others.join(" AND "))
        .build()
        .map_err(incomplete)?;
    match apply_once(db, report, now, TransactWriteItem::builder().delete(delete).build()).await? {
        ChangeOutcome::Done => return Ok(true),
        ChangeOutcome::AlreadyReported => return Ok(false),
        ChangeOutcome::ConditionFailed => {}
    }
    let update = Update::builder()
        .table_name(db.table())
        .key("event_id", text(&id.item_key()))
        .update_expression(format!("REMOVE {}", attribute(reason)))
        .condition_expression("attribute_exists(event_id)")
        .build()
        .map_err(incomplete)?;
    // The condition fails when the suppression was lifted meanwhile.
    let done = apply_once(db, report, now, TransactWriteItem::builder().update(update).build()).await?;
    Ok(done == ChangeOutcome::Done)
}

/// The outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChangeOutcome {
    /// The change was made.
    Done,
    /// The report was applied before.
    AlreadyReported,
    /// The condition of the change failed.
    ConditionFailed,
}

/// Makes a change and records its report in one transaction.
async fn apply_once(
    db: &Dynamo,
    report: Option<&str>,
    now: Timestamp,
    change: TransactWriteItem,
) -> Result<ChangeOutcome, Failure> {
    let seen = report.map(|report| report_marker(db, report, now)).transpose()?;
    let has_report = seen.is_some();
    let items: Vec<TransactWriteItem> = seen.into_iter().chain([change]).collect();
    let mut conflicts = 0;
    loop {
        let call = db.aws().dynamodb().await.transact_write_items().set_transact_items(Some(items.clone()));
        let Err(error) = call.send().await else { return Ok(ChangeOutcome::Done) };
        let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
        match why_cancelled(reasons, has_report)? {
            Some(end) => return Ok(end),
            None if may_repeat(&mut conflicts, Some(CONFLICT)).await => {}
            None => return Err(Failure::Unavailable(CONFLICT.into())),
        }
    }
}

/// Classifies the reasons of a cancelled transaction: the record of the report comes first, where there is one, then the change.
/// `None` for a conflict with another transaction.
fn why_cancelled(reasons: &[CancellationReason], has_report: bool) -> Result<Option<ChangeOutcome>, Failure> {
    let failed = |at: usize| reasons.get(at).is_some_and(is_condition_failed);
    if has_report && failed(0) {
        return Ok(Some(ChangeOutcome::AlreadyReported));
    }
    if failed(usize::from(has_report)) {
        return Ok(Some(ChangeOutcome::ConditionFailed));
    }
    only_conflicts(reasons).map(|()| None)
}

fn report_marker(db: &Dynamo, report: &str, now: Timestamp) -> Result<TransactWriteItem, Failure> {
    let put = Put::builder()
        .table_name(db.table())
        .item("event_id", text(&format!("seen#{report}")))
        .item("expires_at", number(now.plus(REMEMBERED).unix_seconds()))
        .condition_expression("attribute_not_exists(event_id)")
        .build()
        .map_err(incomplete)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Deletes a suppression and answers it; `None` where there was none.
pub async fn lift(db: &Dynamo, id: SuppressionId) -> Result<Option<Suppression>, Failure> {
    let delete = db.aws().dynamodb().await.delete_item().table_name(db.table());
    let delete = delete.key("event_id", text(&id.item_key())).return_values(ReturnValue::AllOld);
    let deleted = delete.send().await.map_err(|error: SdkError<DeleteItemError>| Failure::of(&error))?;
    Ok(deleted.attributes.as_ref().and_then(|item| read(id, item)))
}

/// The suppression of this id.
pub async fn find(db: &Dynamo, id: SuppressionId) -> Result<Option<Suppression>, Failure> {
    let get = db.aws().dynamodb().await.get_item().table_name(db.table());
    let get = get.key("event_id", text(&id.item_key())).consistent_read(true);
    let found = get.send().await.map_err(|error| Failure::of(&error))?;
    Ok(found.item.as_ref().and_then(|item| read(id, item)))
}

/// Up to `limit` suppressions, newest first, after a position.
pub async fn list(
    db: &Dynamo,
    limit: usize,
    after: Option<&ListedAt>,
) -> Result<Vec<(ListedAt, Suppression)>, Failure> {
    let query = db.aws().dynamodb().await.query().table_name(db.table()).index_name(LISTED);
    let query = query
        .expression_attribute_values(":listed", text(&SUPPRESSIONS))
        .limit(i32::try_from(limit).unwrap_or(i32::MAX))
        .scan_index_forward(false);
    let query = match after {
        Some(after) => query
            .key_condition_expression("listed = :listed AND listed_at < :after")
            .expression_attribute_values(":after", text(&after.as_str())),
        None => query.key_condition_expression("listed = :listed"),
    };
    let found = query.send().await.map_err(|error| Failure::of(&error))?;
    Ok(found.items.unwrap_or_default().iter().filter_map(listed).collect())
}

/// A suppression, with its position in the list.
fn listed(item: &Item) -> Option<(ListedAt, Suppression)> {
    let key = text_of(item, "event_id")?;
    let id = key.strip_prefix("suppression#")?.replace('#', "-").parse().ok()?;
    let place = ListedAt::try_from(text_of(item, "listed_at")?.to_owned()).ok()?;
    Some((place, read(id, item)?))
}

fn read(id: SuppressionId, item: &Item) -> Option<Suppression> {
    let cause = |reason: Reason| Some(Cause { reason, since: timestamp_of(item, attribute(reason))? });
    Some(Suppression {
        id,
        channel: id.channel,
        scope: id.scope,
        causes: Reason::VARIANTS.iter().copied().filter_map(cause).collect(),
        provider: text_of(item, "provider").and_then(|name| name.parse().ok()),
        created_at: timestamp_of(item, "created_at")?,
        note: text_of(item, "note").and_then(|note| note.parse().ok()),
    })
}

fn attribute(reason: Reason) -> &'static str {
    match reason {
        Reason::HardBounce => "hard_bounce_at",
        Reason::Complaint => "complaint_at",
        Reason::Stop => "stop_at",
        Reason::Unsubscribed => "unsubscribed_at",
        Reason::Staff => "staff_at",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_reasons_the_report_that_was_seen_comes_first_then_the_item_and_a_conflict_is_no_refusal() {
        let judged = |codes: &[&str], has_report| {
            let reasons: Vec<_> = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
            why_cancelled(&reasons, has_report)
        };
        let failed = "ConditionalCheckFailed";
        assert_eq!(judged(&[failed, failed], true), Ok(Some(ChangeOutcome::AlreadyReported)));
        assert_eq!(judged(&["None", failed], true), Ok(Some(ChangeOutcome::ConditionFailed)));
        assert_eq!(judged(&[failed], false), Ok(Some(ChangeOutcome::ConditionFailed)));
        assert_eq!(judged(&["None", CONFLICT], true), Ok(None));
        assert_eq!(judged(&["None", "ThrottlingError"], true), Err(Failure::Unavailable("ThrottlingError".into())));
        assert!(matches!(judged(&["ValidationError"], false), Err(Failure::Refused(_))));
    }
}
