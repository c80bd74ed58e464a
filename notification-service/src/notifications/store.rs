//! What became of events, in one DynamoDB table. One item for each event and channel:
//!
//! | attribute | |
//! | --- | --- |
//! | `event_id` | partition key: the event's id for its mail, with `#sms` behind it for its text |
//! | `channel`, `template` | what is sent |
//! | `state` | `sending`, `waiting`, and then for good `sent`, `withheld`, `suppressed` or `refused` |
//! | `claim` | who is, or was, sending: a UUID of one attempt |
//! | `lease_until` | until when no other may try, in milliseconds since 1970; while `sending` |
//! | `attempts` | how often it was claimed |
//! | `recipient_key`, `key_id` | the keyed hash of the address, and which key that is |
//! | `resend_of` | the event of which staff had it sent again |
//! | `created_at`, `sent_at` | when it was first asked for, and when a provider took it (milliseconds) |
//! | `provider`, `provider_message_id` | who took it, and what they call it |
//! | `last_error` | why the last try failed, or why it is never sent |
//! | `unclear` | a text that may have been sent: which `provider` was asked, `since` when (milliseconds) that is not clear |
//! | `last_event`, `last_event_at`, `last_event_by`, `last_event_rank` | what a provider told last of it, and when (milliseconds) |
//! | `request` | what was asked for, so that staff can have it sent again; only where it holds no secret |
//! | `is_kept` | true where `request` is there, for the index, which has no `request` |
//! | `resends`, `resent_as` | when, by whom and why staff had it sent again, and under which ids |
//! | `listed`, `listed_at` | the index by which staff list them: `notification#DAY`, and the moment with the key |
//! | `expires_at` | when DynamoDB may delete the item, in seconds since 1970 |
//!
//! `request` has the address and what the message says; nothing else of an item is personal. Beside them stand items that
//! count, each for a while: `recipient#HASH#DAY` (mails about orders), `account#HASH#DAY`, `verify#HASH#DAY`, `reset#HASH#DAY`,
//! `direct#HASH#DAY` and `phone#HASH#DAY` (a keyed hash of the address and the days since 1970) have in `counted` the set of the events that count; `country#CODE#HOUR` has in `number` how many texts went there. And
//! there are the items of suppressed addresses, `suppression#CHANNEL#HASH`, of which only the keys matter here.

mod claims;
mod marks;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use strum::VariantArray;

pub use self::claims::{Claim, Claimed, Wish};
use super::domain::{LastEvent, RecipientKey, Record, State};
use crate::{
    aws::Failure,
    dynamo::{Item, Store, incomplete, moment, number, text, whole, words},
    event::{Channel, EventId, EventKey},
    providers::Unclear,
};

/// How long an attempt may send alone. Far above a request's deadline, so that its maker has surely given up before.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long an event is remembered: no outbox repeats a message for so long.
pub const MEMORY: Duration = Duration::from_hours(90 * 24);

impl Store {
    /// What is remembered of an event, in the order of the channels; in one call.
    pub async fn of_event(&self, event_id: EventId) -> Result<Vec<Record>, Failure> {
        let mut records: Vec<Record> = self.items_of(event_id).await?.iter().filter_map(read).collect();
        records.sort_by_key(|record| Channel::VARIANTS.iter().position(|channel| *channel == record.key.channel));
        Ok(records)
    }

    /// The items of an event, in any order; in one call.
    pub(crate) async fn items_of(&self, event_id: EventId) -> Result<Vec<Item>, Failure> {
        let keys = Channel::VARIANTS.iter().map(|&channel| EventKey { event_id, channel });
        let keys = keys.map(|key| HashMap::from([("event_id".to_owned(), text(&key))]));
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let wanted = wanted.map_err(incomplete)?;
        let got = self.client().await.batch_get_item().request_items(self.table(), wanted).send().await;
        let got = got.map_err(|error| Failure::of(&error))?;
        if got.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(Failure::Unavailable("it has too much to do".into()));
        }
        Ok(got.responses.unwrap_or_default().remove(self.table()).unwrap_or_default())
    }
}

/// What an item says. Those of an older release lack some of it; its own attempt was the first.
pub(crate) fn read(item: &Item) -> Option<Record> {
    let last_event = words(item, "last_event").and_then(|kind| kind.parse().ok()).zip(moment(item, "last_event_at"));
    let unclear = item.get("unclear").and_then(|unclear| unclear.as_m().ok());
    let unclear = unclear.and_then(|unclear| {
        Some(Unclear { provider: words(unclear, "provider")?.parse().ok()?, since: moment(unclear, "since")? })
    });
    let recipient = words(item, "recipient_key")
        .map(|hash| RecipientKey { hash: hash.to_owned(), key_id: words(item, "key_id").map(str::to_owned) });
    Some(Record {
        key: words(item, "event_id")?.parse().ok()?,
        template: words(item, "template").map(str::to_owned),
        recipient,
        resend_of: words(item, "resend_of").and_then(|id| id.parse().ok()),
        state: words(item, "state")?.parse::<State>().ok()?,
        claim: words(item, "claim").unwrap_or_default().to_owned(),
        lease_until: moment(item, "lease_until"),
        attempts: whole(item, "attempts").and_then(|attempts| attempts.try_into().ok()).unwrap_or(1),
        created_at: moment(item, "created_at"),
        sent_at: moment(item, "sent_at"),
        provider: words(item, "provider").and_then(|name| name.parse().ok()),
        provider_message_id: words(item, "provider_message_id").map(str::to_owned),
        last_error: words(item, "last_error").map(str::to_owned),
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
