//! What staff read of the notifications' table, and what is written there of what they did.

use std::collections::HashMap;

use super::domain::{Day, MAX_RESENDS, MessageView, Resend};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Item, Store, cancellations, did_not_hold, incomplete, may_repeat, moment, number, only_conflicts,
        text, words,
    },
    event::{Channel, EventId, EventKey},
    listing::{LISTED, ListedAt},
    notifications::{domain::State, store::read as read_record},
    templates::Template,
};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use strum::VariantArray;

/// How many messages a filter looks at in one call, and how many calls a page may cost.
const BATCH: i32 = 200;
const ROUNDS: usize = 5;

/// Which messages are listed.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Of which day.
    pub day: Day,
    /// In which state.
    pub state: Option<State>,
    /// Of which template.
    pub template: Option<Template>,
    /// On which channel.
    pub channel: Option<Channel>,
}

/// A part of a list.
#[derive(Debug)]
pub struct Listed {
    /// What was found, the newest first.
    pub items: Vec<MessageView>,
    /// Behind which message the list goes on; `None` at its end.
    pub next: Option<ListedAt>,
}

/// Up to `limit` messages of a day, the newest first, after a place. One query, and up to `ROUNDS` where a filter leaves
/// most of them out.
pub async fn list(store: &Store, filter: Filter, limit: usize, after: Option<ListedAt>) -> Result<Listed, Failure> {
    let mut items = Vec::new();
    let mut after = after;
    for _ in 0..ROUNDS {
        let (found, last) = query(store, filter, limit, after.as_ref()).await?;
        for item in &found {
            items.extend(read(item).map(|view| (place(item), view)));
        }
        after = last;
        if after.is_none() || items.len() >= limit {
            break;
        }
    }
    if items.len() > limit {
        items.truncate(limit);
        after = items.last().and_then(|(place, _)| place.clone());
    }
    Ok(Listed { items: items.into_iter().map(|(_, view)| view).collect(), next: after })
}

/// The items of one query, and where it stopped unless it came to the end.
async fn query(
    store: &Store,
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
    let mut query = store.aws().dynamodb().await.query().table_name(store.table()).index_name(LISTED);
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
    let last = found.last_evaluated_key.and_then(|key| place(&key));
    Ok((found.items.unwrap_or_default(), last))
}

fn place(item: &Item) -> Option<ListedAt> {
    words(item, "listed_at")?.to_owned().try_into().ok()
}

/// The messages of an event, one for each of its channels.
pub async fn of_event(store: &Store, event_id: EventId) -> Result<Vec<Kept>, Failure> {
    let items = store.items_of(event_id).await?;
    let kept = |item: &Item| Some(Kept { view: read(item)?, request: words(item, "request").map(str::to_owned) });
    let mut all: Vec<Kept> = items.iter().filter_map(kept).collect();
    all.sort_by_key(|kept| Channel::VARIANTS.iter().position(|channel| *channel == kept.view.delivery.channel));
    Ok(all)
}

/// A message, and what was asked for where that is kept.
#[derive(Debug)]
pub struct Kept {
    /// As staff see it.
    pub view: MessageView,
    /// The notification, as JSON.
    pub request: Option<String>,
}

/// Writes down with a message that it is sent again on these channels, and that it is on no other under the same id: all of it
/// or nothing. False where that, or something else under this id, stands there already, where no more fits, and where a
/// channel's message is gone.
pub async fn note_resend(
    store: &Store,
    event_id: EventId,
    channels: &[Channel],
    resend: &Resend,
) -> Result<bool, Failure> {
    let write = |channel: Channel| {
        let key = EventKey { event_id, channel };
        if channels.contains(&channel) { noting(store, key, resend) } else { not_noted(store, key, resend) }
    };
    let writes = Channel::VARIANTS.iter().copied().map(write).collect::<Result<Vec<_>, _>>()?;
    let mut conflicts = 0;
    loop {
        let call = store.aws().dynamodb().await.transact_write_items().set_transact_items(Some(writes.clone()));
        let Err(error) = call.send().await else { return Ok(true) };
        let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
        if reasons.iter().any(did_not_hold) {
            return Ok(false);
        }
        only_conflicts(reasons)?;
        if !may_repeat(&mut conflicts, Some(CONFLICT)).await {
            return Err(Failure::Unavailable(CONFLICT.into()));
        }
    }
}

fn noting(store: &Store, key: EventKey, resend: &Resend) -> Result<TransactWriteItem, Failure> {
    let entry = HashMap::from([
        ("event_id".to_owned(), text(&resend.event_id)),
        ("at".to_owned(), number(resend.at.unix_millis())),
        ("by".to_owned(), text(&resend.by)),
        ("reason".to_owned(), text(&resend.reason)),
    ]);
    let update = Update::builder()
        .table_name(store.table())
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

/// That nothing was sent again under this id on a channel, which need not have a message.
fn not_noted(store: &Store, key: EventKey, resend: &Resend) -> Result<TransactWriteItem, Failure> {
    let check = ConditionCheck::builder()
        .table_name(store.table())
        .key("event_id", text(&key))
        .condition_expression("attribute_not_exists(resent_as) OR NOT contains(resent_as, :id)")
        .expression_attribute_values(":id", text(&resend.event_id));
    Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
}

fn read(item: &Item) -> Option<MessageView> {
    let record = read_record(item)?;
    Some(MessageView {
        event_id: record.key.event_id,
        template: words(item, "template").unwrap_or_default().to_owned(),
        delivery: record.delivery(),
        // The index has the flag only; an earlier release wrote none.
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
            event_id: words(entry, "event_id")?.parse().ok()?,
            at: moment(entry, "at")?,
            by: words(entry, "by")?.to_owned(),
            reason: words(entry, "reason")?.to_owned(),
        })
    };
    list.iter().filter_map(read).collect()
}
