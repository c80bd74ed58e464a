//! Suppressed addresses, in the table of the notifications. An item holds no address, only its keyed hash:
//!
//! | attribute | |
//! | --- | --- |
//! | `event_id` | partition key: `suppression#email#FINGERPRINT`, with `#announcements` behind it for what only keeps those away |
//! | `hard_bounce_at`, `complaint_at`, `stop_at`, `unsubscribed_at`, `staff_at` | since when it is suppressed for each reason (milliseconds); the item is there as long as one of them is |
//! | `provider`, `created_at`, `note` | who reported it first, since when it is there (milliseconds), what staff wrote down |
//! | `listed`, `listed_at` | for the index by which staff list them |
//!
//! Vendors report some things twice. So that a report which comes again after staff or its owner lifted the suppression
//! does not bring it back, each report leaves an item `seen#VENDOR#ID` for `REMEMBERED`.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::delete_item::DeleteItemError,
    types::{CancellationReason, Delete, Put, ReturnValue, TransactWriteItem, Update},
};
use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use strum::VariantArray;

use super::domain::{Cause, Note, Reason, Suppression, SuppressionId};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Item, Store, cancellations, did_not_hold, incomplete, may_repeat, moment, number, only_conflicts,
        text, words,
    },
    event::Channel,
    listing::{LISTED, ListedAt},
    providers::Name,
};

/// How long a report is known again: SNS repeats for hours, SendGrid for a day.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// The partition of the index by which suppressions are listed.
const SUPPRESSIONS: &str = "suppression";

/// A wish to suppress an address.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// How the address is reached.
    pub channel: Channel,
    /// The address.
    pub recipient: Fingerprint,
    /// Why.
    pub reason: Reason,
    /// Who reported it.
    pub provider: Option<Name>,
    /// Since when.
    pub since: Timestamp,
    /// What staff write down.
    pub note: Option<&'a Note>,
}

/// Suppresses an address, or adds a reason to those it has. False where the report was seen before, and nothing is changed.
pub async fn suppress(store: &Store, wish: &Wish<'_>, report: Option<&str>, now: Timestamp) -> Result<bool, Failure> {
    let id = SuppressionId { channel: wish.channel, recipient: wish.recipient, scope: wish.reason.scope() };
    let key = id.item_key();
    let mut expression = String::from(
        "SET #reason = if_not_exists(#reason, :since), created_at = if_not_exists(created_at, :now), listed = :listed, \
         listed_at = if_not_exists(listed_at, :listed_at)",
    );
    let mut update = Update::builder()
        .table_name(store.table())
        .key("event_id", text(&key))
        .expression_attribute_names("#reason", attribute(wish.reason))
        .expression_attribute_values(":since", number(wish.since.unix_millis()))
        .expression_attribute_values(":now", number(now.unix_millis()))
        .expression_attribute_values(":listed", text(&SUPPRESSIONS))
        .expression_attribute_values(":listed_at", text(&format!("{now}#{key}")));
    if let Some(provider) = wish.provider {
        expression.push_str(", provider = if_not_exists(provider, :provider)");
        update = update.expression_attribute_values(":provider", text(&provider));
    }
    if let Some(note) = wish.note {
        expression.push_str(", note = :note");
        update = update.expression_attribute_values(":note", text(&note.as_str()));
    }
    let update = update.update_expression(expression).build().map_err(incomplete)?;
    let done = once(store, report, now, TransactWriteItem::builder().update(update).build()).await?;
    Ok(done == Once::Done)
}

/// Takes one reason away; where it was the last one, the address is free. False where the report was seen before, and
/// nothing is changed.
pub async fn withdraw(
    store: &Store,
    id: SuppressionId,
    reason: Reason,
    report: Option<&str>,
    now: Timestamp,
) -> Result<bool, Failure> {
    let others = Reason::VARIANTS.iter().copied().filter(|other| *other != reason);
    let no_others = others.map(|other| format!("attribute_not_exists({})", attribute(other))).collect::<Vec<_>>();
    let delete = Delete::builder()
        .table_name(store.table())
        .key("event_id", text(&id.item_key()))
        .condition_expression(no_others.join(" AND "))
        .build()
        .map_err(incomplete)?;
    match once(store, report, now, TransactWriteItem::builder().delete(delete).build()).await? {
        Once::Done => return Ok(true),
        Once::Seen => return Ok(false),
        Once::Otherwise => {}
    }
    let update = Update::builder()
        .table_name(store.table())
        .key("event_id", text(&id.item_key()))
        .update_expression(format!("REMOVE {}", attribute(reason)))
        .condition_expression("attribute_exists(event_id)")
        .build()
        .map_err(incomplete)?;
    // Otherwise it was lifted meanwhile.
    let done = once(store, report, now, TransactWriteItem::builder().update(update).build()).await?;
    Ok(done == Once::Done)
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    /// It was made.
    Done,
    /// The report was seen before.
    Seen,
    /// The item is not as the change wants it.
    Otherwise,
}

/// Makes a change together with the note that its report was seen, or neither.
async fn once(store: &Store, report: Option<&str>, now: Timestamp, change: TransactWriteItem) -> Result<Once, Failure> {
    let seen = report.map(|report| seen(store, report, now)).transpose()?;
    let has_report = seen.is_some();
    let items: Vec<TransactWriteItem> = seen.into_iter().chain([change]).collect();
    let mut conflicts = 0;
    loop {
        let call = store.aws().dynamodb().await.transact_write_items().set_transact_items(Some(items.clone()));
        let Err(error) = call.send().await else { return Ok(Once::Done) };
        let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
        match not_made(reasons, has_report)? {
            Some(end) => return Ok(end),
            None if may_repeat(&mut conflicts, Some(CONFLICT)).await => {}
            None => return Err(Failure::Unavailable(CONFLICT.into())),
        }
    }
}

/// What the reasons of a cancelled transaction mean: where there is a report its note comes first, then the change.
/// `None`: another transaction was in the way.
fn not_made(reasons: &[CancellationReason], has_report: bool) -> Result<Option<Once>, Failure> {
    let failed = |at: usize| reasons.get(at).is_some_and(did_not_hold);
    if has_report && failed(0) {
        return Ok(Some(Once::Seen));
    }
    if failed(usize::from(has_report)) {
        return Ok(Some(Once::Otherwise));
    }
    only_conflicts(reasons).map(|()| None)
}

fn seen(store: &Store, report: &str, now: Timestamp) -> Result<TransactWriteItem, Failure> {
    let put = Put::builder()
        .table_name(store.table())
        .item("event_id", text(&format!("seen#{report}")))
        .item("expires_at", number(now.plus(REMEMBERED).unix_seconds()))
        .condition_expression("attribute_not_exists(event_id)")
        .build()
        .map_err(incomplete)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Frees an address of all reasons, and answers with what it had; `None` where it had none.
pub async fn lift(store: &Store, id: SuppressionId) -> Result<Option<Suppression>, Failure> {
    let delete = store.aws().dynamodb().await.delete_item().table_name(store.table());
    let delete = delete.key("event_id", text(&id.item_key())).return_values(ReturnValue::AllOld);
    let deleted = delete.send().await.map_err(|error: SdkError<DeleteItemError>| Failure::of(&error))?;
    Ok(deleted.attributes.as_ref().and_then(|item| read(id, item)))
}

/// The suppression of this id.
pub async fn find(store: &Store, id: SuppressionId) -> Result<Option<Suppression>, Failure> {
    let get = store.aws().dynamodb().await.get_item().table_name(store.table());
    let get = get.key("event_id", text(&id.item_key())).consistent_read(true);
    let found = get.send().await.map_err(|error| Failure::of(&error))?;
    Ok(found.item.as_ref().and_then(|item| read(id, item)))
}

/// Up to `limit` suppressions, the newest first, after a place.
pub async fn list(
    store: &Store,
    limit: usize,
    after: Option<&ListedAt>,
) -> Result<Vec<(ListedAt, Suppression)>, Failure> {
    let query = store.aws().dynamodb().await.query().table_name(store.table()).index_name(LISTED);
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

/// A suppression, and its place in the list.
fn listed(item: &Item) -> Option<(ListedAt, Suppression)> {
    let key = words(item, "event_id")?;
    let id = key.strip_prefix("suppression#")?.replace('#', "-").parse().ok()?;
    let place = ListedAt::try_from(words(item, "listed_at")?.to_owned()).ok()?;
    Some((place, read(id, item)?))
}

fn read(id: SuppressionId, item: &Item) -> Option<Suppression> {
    let cause = |reason: Reason| Some(Cause { reason, since: moment(item, attribute(reason))? });
    Some(Suppression {
        id,
        channel: id.channel,
        scope: id.scope,
        causes: Reason::VARIANTS.iter().copied().filter_map(cause).collect(),
        provider: words(item, "provider").and_then(|name| name.parse().ok()),
        created_at: moment(item, "created_at")?,
        note: words(item, "note").and_then(|note| note.parse().ok()),
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
            not_made(&reasons, has_report)
        };
        let failed = "ConditionalCheckFailed";
        assert_eq!(judged(&[failed, failed], true), Ok(Some(Once::Seen)));
        assert_eq!(judged(&["None", failed], true), Ok(Some(Once::Otherwise)));
        assert_eq!(judged(&[failed], false), Ok(Some(Once::Otherwise)));
        assert_eq!(judged(&["None", CONFLICT], true), Ok(None));
        assert_eq!(judged(&["None", "ThrottlingError"], true), Err(Failure::Unavailable("ThrottlingError".into())));
        assert!(matches!(judged(&["ValidationError"], false), Err(Failure::Refused(_))));
    }
}
