//! Records of notifications in the DynamoDB table. One item for each event and channel:
//!
//! | attribute | |
//! | --- | --- |
//! | `event_id` | partition key: the event's id for its mail, with `#sms` appended for its text |
//! | `channel`, `template` | the message |
//! | `state` | `sending`, `waiting`, and then for good `sent`, `withheld`, `suppressed` or `refused` |
//! | `claim` | id of the last lease: a UUID |
//! | `lease_until` | when the lease ends, in milliseconds since 1970; while `sending` |
//! | `attempts` | number of leases |
//! | `recipient_key`, `key_id` | the keyed hash of the address, and the id of the key |
//! | `resend_of` | the event that was sent first, where staff resent it |
//! | `created_at`, `sent_at` | when it was first requested, and when a provider accepted it (milliseconds) |
//! | `provider`, `provider_message_id` | the provider that accepted it, and its id there |
//! | `last_error` | why the last attempt failed, or why it is not sent |
//! | `unclear` | a text that may have been sent: which `provider` was asked, `since` when (milliseconds) that is not clear |
//! | `last_event`, `last_event_at`, `last_event_by`, `last_event_rank` | the last event that a provider reported, and when (milliseconds) |
//! | `request` | the request, so that staff can resend it; only where it contains no secret |
//! | `is_kept` | true where `request` is there, for the index, which has no `request` |
//! | `resends`, `resent_as` | when, by whom and why staff resent it, and under which ids |
//! | `listed`, `listed_at` | the index by which staff list them: `notification#DAY`, and the moment with the key |
//! | `expires_at` | when DynamoDB may delete the item, in seconds since 1970 |
//!
//! `request` has the address and the data of the message; nothing else of an item is personal. Other items are counters, kept
//! for hours or days: `recipient#HASH#DAY` (mails about orders), `account#HASH#DAY`, `verify#HASH#DAY`, `reset#HASH#DAY`,
//! `direct#HASH#DAY` and `phone#HASH#DAY` (a keyed hash of the address and the days since 1970) have in `counted` the set of the events that count; `country#CODE#HOUR` has in `number` how many texts went there. And
//! there are the items of suppressed addresses, `suppression#CHANNEL#HASH`; here only their keys are used.

mod leases;
mod marks;

use common::contact::Channel;
use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use strum::VariantArray;

pub use self::leases::{Lease, LeaseOutcome, OutboundMessage};
use super::domain::{LastEvent, RecipientKey, Record, State};
use crate::{
    aws::Failure,
    dynamo::{Dynamo, Item, incomplete, number, number_of, text, text_of, timestamp_of},
    event::{EventId, EventKey},
    providers::Unclear,
};

/// The duration of a lease. Far above a request's deadline, so that its holder has given up before it ends.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long an event's record is kept. Outboxes stop repeating a message long before.
pub const MEMORY: Duration = Duration::from_hours(90 * 24);

impl Dynamo {
    /// The records of an event, in the order of the channels. Takes one call.
    pub async fn of_event(&self, event_id: EventId) -> Result<Vec<Record>, Failure> {
        let mut records: Vec<Record> = self.items_of(event_id).await?.iter().filter_map(read).collect();
        records.sort_by_key(|record| Channel::VARIANTS.iter().position(|channel| *channel == record.key.channel));
        Ok(records)
    }

    /// The items of an event, in any order. Takes one call.
    pub(crate) async fn items_of(&self, event_id: EventId) -> Result<Vec<Item>, Failure> {
        let keys = Channel::VARIANTS.iter().map(|&channel| EventKey { event_id, channel });
        let keys = keys.map(|key| HashMap::from([("event_id".to_owned(), text(&key))]));
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let wanted = wanted.map_err(incomplete)?;
        let got = self.client().await.batch_get_item().request_items(self.table(), wanted).send().await;
        let got = got.map_err(|error| Failure::of(&error))?;
        if got.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(Failure::Unavailable("it throttles".into()));
        }
        Ok(got.responses.unwrap_or_default().remove(self.table()).unwrap_or_default())
    }
}

/// Reads an item. Items of an older release lack some attributes; their only attempt counts as the first.
pub(crate) fn read(item: &Item) -> Option<Record> {
    let last_event =
        text_of(item, "last_event").and_then(|kind| kind.parse().ok()).zip(timestamp_of(item, "last_event_at"));
    let unclear = item.get("unclear").and_then(|unclear| unclear.as_m().ok());
    let unclear = unclear.and_then(|unclear| {
        Some(Unclear { provider: text_of(unclear, "provider")?.parse().ok()?, since: timestamp_of(unclear, "since")? })
    });
    let recipient = text_of(item, "recipient_key")
        .map(|hash| RecipientKey { hash: hash.to_owned(), key_id: text_of(item, "key_id").map(str::to_owned) });
    Some(Record {
        key: text_of(item, "event_id")?.parse().ok()?,
        template: text_of(item, "template").map(str::to_owned),
        recipient,
        resend_of: text_of(item, "resend_of").and_then(|id| id.parse().ok()),
        state: text_of(item, "state")?.parse::<State>().ok()?,
        lease_id: text_of(item, "claim").unwrap_or_default().to_owned(),
        lease_until: timestamp_of(item, "lease_until"),
        attempts: number_of(item, "attempts").and_then(|attempts| attempts.try_into().ok()).unwrap_or(1),
        created_at: timestamp_of(item, "created_at"),
        sent_at: timestamp_of(item, "sent_at"),
        provider: text_of(item, "provider").and_then(|name| name.parse().ok()),
        provider_message_id: text_of(item, "provider_message_id").map(str::to_owned),
        last_error: text_of(item, "last_error").map(str::to_owned),
        unclear,
        last_event: last_event.map(|(kind, at)| LastEvent { kind, at }),
    })
}

fn unclear_map(unclear: Unclear) -> AttributeValue {
    AttributeValue::M(HashMap::from([
        ("provider".to_owned(), text(&unclear.provider)),
        ("since".to_owned(), number(unclear.since.unix_millis())),
    ]))
}
