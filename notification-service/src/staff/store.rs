//! Queries of staff on the records of notifications, and the records of resends.

use common::contact::Channel;
use std::collections::HashMap;

use super::domain::{Day, MAX_RESENDS, MessageView, Resend};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Dynamo, Item, cancellations, incomplete, is_condition_failed, may_repeat, number, only_conflicts,
        text, text_of, timestamp_of,
    },
    event::{EventId, EventKey},
    listing::{LISTED, ListedAt},
    notifications::{domain::State, store::read as read_record},
    templates::Template,
};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use strum::VariantArray;

/// How many messages a filtered query reads, and how many queries a page may take.
const BATCH: i32 = 200;
const MAX_QUERIES: usize = 5;

/// The messages to list.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// The day on which they were requested.
    pub day: Day,
    /// Their state.
    pub state: Option<State>,
    /// Their template.
    pub template: Option<Template>,
    /// Their channel.
    pub channel: Option<Channel>,
}

/// A part of a list.
#[derive(Debug)]
pub struct MessageList {
    /// The messages, newest first.
    pub items: Vec<MessageView>,
    /// The position after which the list continues; `None` at its end.
    pub next: Option<ListedAt>,
}

/// Up to `limit` messages of a day, newest first, after a position. Takes one query, or up to `MAX_QUERIES` where a filter
/// excludes most of them.
pub async fn list(db: &Dynamo, filter: Filter, limit: usize, after: Option<ListedAt>) -> Result<MessageList, Failure> {
    let mut items = Vec::new();
    let mut after = after;
    for _ in 0..MAX_QUERIES {
        let (found, last) = query(db, filter, limit, after.as_ref()).await?;
        for item in &found {
            items.extend(read(item).map(|view| (position(item), view)));
        }
        after = last;
        if after.is_none() || items.len() >= limit {
            break;
        }
    }
    if items.len() > limit {
        items.truncate(limit);
        after = items.last().and_then(|(position, _)| position.clone());
    }
    Ok(MessageList { items: items.into_iter().map(|(_, view)| view).collect(), next: after })
}

/// The items of one query, and the position at which it stopped before the end.
async fn query(
    db: &Dynamo,
    filter: Filter,
    limit: usize,
    after: Option<&ListedAt>,
) -> Result<(Vec<Item>, Option<ListedAt>), Failure> {
    let filters = [
        ("#state = :state", ":state", "#state", "state", filter.state.map(State::as_str)),
        ("#template = :template", ":template", "#template", "template", filter.template.map(Template::as_str)),
        ("#channel = :channel", ":channel", "#channel", "channel", filter.channel.map(Channel::as_str)),
    ];
    let is_filtered = filters.iter().any(|(.., value)| value.is_some());
    let size = if is_filtered { BATCH } else { i32::try_from(limit).unwrap_or(BATCH) };
    let mut query = db.aws().dynamodb().await.query().table_name(db.table()).index_name(LISTED);
    query = query
        .expression_attribute_values(":listed", text(&format!("notification#{}", filter.day)))
        .scan_index_forward(false)
        .limit(size);
    query = match after {
        Some(after) => query
            .key_condition_expression("listed = :listed AND listed_at < :after")
            .expression_attribute_values(":after", text(&after.as_str())),
        None => query.key_condition_expression("listed = :listed"),
    };
    let mut expressions = Vec::new();
    for (expression, placeholder, name, attribute, value) in filters {
        let Some(value) = value else { continue };
        expressions.push(expression);
        query =
            query.expression_attribute_names(name, attribute).expression_attribute_values(placeholder, text(&value));
    }
    if is_filtered {
        query = query.filter_expression(expressions.join(" AND "));
    }
    let found = query.send().await.map_err(|error| Failure::of(&error))?;
    let last = found.last_evaluated_key.and_then(|key| position(&key));
    Ok((found.items.unwrap_or_default(), last))
}

fn position(item: &Item) -> Option<ListedAt> {
    text_of(item, "listed_at")?.to_owned().try_into().ok()
}

/// The messages of an event, one for each of its channels.
pub async fn of_event(db: &Dynamo, event_id: EventId) -> Result<Vec<StoredMessage>, Failure> {
    let items = db.items_of(event_id).await?;
    let kept =
        |item: &Item| Some(StoredMessage { view: read(item)?, request: text_of(item, "request").map(str::to_owned) });
    let mut all: Vec<StoredMessage> = items.iter().filter_map(kept).collect();
    all.sort_by_key(|kept| Channel::VARIANTS.iter().position(|channel| *channel == kept.view.delivery.channel));
    Ok(all)
}

/// A message, with its request where that is stored.
#[derive(Debug)]
pub struct StoredMessage {
    /// The message as staff see it.
    pub view: MessageView,
    /// The notification, as JSON.
    pub request: Option<String>,
}

/// Records a resend on these channels and checks that no other channel has one with its id: all of it or nothing. `false` when a
/// resend with this id is recorded, when the limit is reached, and when a channel has no message.
pub async fn record_resend(
    db: &Dynamo,
    event_id: EventId,
    channels: &[Channel],
    resend: &Resend,
) -> Result<bool, Failure> {
    let write = |channel: Channel| {
        let key = EventKey { event_id, channel };
        if channels.contains(&channel) { add_resend(db, key, resend) } else { without_resend(db, key, resend) }
    };
    let writes = Channel::VARIANTS.iter().copied().map(write).collect::<Result<Vec<_>, _>>()?;
    let mut conflicts = 0;
    loop {
        let call = db.aws().dynamodb().await.transact_write_items().set_transact_items(Some(writes.clone()));
        let Err(error) = call.send().await else { return Ok(true) };
        let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
        if reasons.iter().any(is_condition_failed) {
            return Ok(false);
        }
        only_conflicts(reasons)?;
        if !may_repeat(&mut conflicts, Some(CONFLICT)).await {
            return Err(Failure::Unavailable(CONFLICT.into()));
        }
    }
}

fn add_resend(db: &Dynamo, key: EventKey, resend: &Resend) -> Result<TransactWriteItem, Failure> {
    let entry = HashMap::from([
        ("event_id".to_owned(), text(&resend.event_id)),
        ("at".to_owned(), number(resend.at.unix_millis())),
        ("by".to_owned(), text(&resend.by)),
        ("reason".to_owned(), text(&resend.reason)),
    ]);
    let update = Update::builder()
        .table_name(db.table())
        .key("event_id", text(&key))
        .update_expression("SET resends = list_append(if_not_exists(resends, :none), :entry) ADD resent_as :ids")
        .condition_expression(
            "attribute_exists(event_id) AND (attribute_not_exists(resent_as) \
             OR (NOT contains(resent_as, :id) AND size(resent_as) < :most))",
        )
        .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
        .expression_attribute_values(":entry", AttributeValue::L(vec![AttributeValue::M(entry)]))
        .expression_attribute_values(":ids", AttributeValue::Ss(vec![resend.event_id.to_string()]))
        .expression_attribute_values(":id", text(&resend.event_id))
        .expression_attribute_values(":most", AttributeValue::N(MAX_RESENDS.to_string()));
    Ok(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build())
}

/// Checks that a channel has no resend with this id. The channel need not have a message.
fn without_resend(db: &Dynamo, key: EventKey, resend: &Resend) -> Result<TransactWriteItem, Failure> {
    let check = ConditionCheck::builder()
        .table_name(db.table())
        .key("event_id", text(&key))
        .condition_expression("attribute_not_exists(resent_as) OR NOT contains(resent_as, :id)")
        .expression_attribute_values(":id", text(&resend.event_id));
    Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
}

fn read(item: &Item) -> Option<MessageView> {
    let record = read_record(item)?;
    Some(MessageView {
        event_id: record.key.event_id,
        template: text_of(item, "template").unwrap_or_default().to_owned(),
        delivery: record.delivery(),
        // The index has only the flag; items of an earlier release have none.
        can_be_resent: item.contains_key("is_kept") || item.contains_key("request"),
        resends: resends(item),
        resend_of: record.resend_of,
    })
}

fn resends(item: &Item) -> Vec<Resend> {
    let list = item.get("resends").and_then(|list| list.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    let read = |entry: &AttributeValue| {
        let entry = entry.as_m().ok()?;
        Some(Resend {
            event_id: text_of(entry, "event_id")?.parse().ok()?,
            at: timestamp_of(entry, "at")?,
            by: text_of(entry, "by")?.to_owned(),
            reason: text_of(entry, "reason")?.to_owned(),
        })
    };
    list.iter().filter_map(read).collect()
}
