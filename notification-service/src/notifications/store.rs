//! Which events were told, in one DynamoDB table. An item holds no personal data, only ids, a template's name and times:
//!
//! | attribute | |
//! | --- | --- |
//! | `event_id` | partition key |
//! | `state` | `sending`, then `sent` or `withheld` |
//! | `claim` | who is sending: a UUID of one attempt |
//! | `lease_until` | until when nobody else may try, in milliseconds since 1970 |
//! | `template` | for people who look |
//! | `provider_message_id`, `sent_at` | what the provider calls the mail, and when it took it (milliseconds) |
//! | `expires_at` | when DynamoDB may delete the item, in seconds since 1970 |
//!
//! Beside the events stands one item for each recipient and day: its `event_id` is `recipient#FINGERPRINT#DAY`, a keyed hash
//! of the address and the days since 1970; `counted` is the set of the events whose mails count. A set, and no number, so
//! that an event that is tried again is not counted again; it stays small, for the limit is small.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TableStatus},
};
use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use uuid::Uuid;

use super::domain::{DailyLimit, DeliveryEvent, EventId, EventKey, State};
use crate::{
    aws::{Aws, Failure},
    providers::Name,
    templates::Template,
};

/// How long an attempt may send alone. Far above a request's deadline, so that its maker has surely given up before.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long an event is remembered: no outbox repeats a message for so long.
pub const MEMORY: Duration = Duration::from_hours(90 * 24);

/// Mails to a recipient are counted by the day.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What became of the wish to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours to send.
    Ours(Claim),
    /// Nothing is left to do: it is in this final state.
    Ended(State),
    /// Somebody else is sending it, for so long at most.
    Theirs(Duration),
}

/// The right to send one mail, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    key: EventKey,
    id: String,
    until: Timestamp,
}

impl Claim {
    /// What is claimed.
    pub fn key(&self) -> EventKey {
        self.key
    }

    /// Whether something that may take so long ends before the lease does.
    pub fn covers(&self, now: Timestamp, duration: Duration) -> bool {
        now.plus(duration) < self.until
    }
}

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    aws: Aws,
    table: String,
}

impl Store {
    /// The table of this name.
    pub fn new(aws: Aws, table: String) -> Self {
        Self { aws, table }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Where it is.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    async fn client(&self) -> &aws_sdk_dynamodb::Client {
        self.aws.dynamodb().await
    }

    /// Whether the table is there and takes writes.
    pub async fn ping(&self) -> Result<(), Failure> {
        let described = self.client().await.describe_table().table_name(&self.table).send().await;
        match described.map_err(|error| Failure::of(&error))?.table.and_then(|table| table.table_status) {
            Some(TableStatus::Active | TableStatus::Updating) => Ok(()),
            _ => Err(Failure::Unavailable("the table is not ready".into())),
        }
    }

    /// Claims an event that nobody has claimed, or whose claimant has not come back within its lease.
    pub async fn claim(&self, key: EventKey, template: Template, now: Timestamp) -> Result<Claimed, Failure> {
        let claim = Claim { key, id: Uuid::new_v4().to_string(), until: now.plus(LEASE) };
        let put = self.client().await.put_item().table_name(&self.table);
        let put = put
            .item("event_id", text(&key))
            .item("state", text(&"sending"))
            .item("claim", text(&claim.id))
            .item("lease_until", number(claim.until.unix_millis()))
            .item("template", text(&template.as_str()))
            .item("expires_at", number(now.plus(MEMORY).unix_seconds()))
            .condition_expression("attribute_not_exists(event_id) OR (#state = :sending AND lease_until <= :now)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sending", text(&"sending"))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(Claimed::Ours(claim)) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                Ok(found(refused.item().unwrap_or(&HashMap::new()), claim, now))
            }
            _ => Err(Failure::of(&error)),
        }
    }

    /// Notes that the provider took the mail. Whether the claim was still ours.
    pub async fn mark_sent(
        &self,
        claim: &Claim,
        provider: Name,
        message: &str,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let update = self.client().await.update_item().table_name(&self.table).key("event_id", text(&claim.key));
        let update = update
            .update_expression(
                "SET #state = :sent, provider = :provider, provider_message_id = :message, sent_at = :now \
                 REMOVE lease_until",
            )
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sent", text(&"sent"))
            .expression_attribute_values(":provider", text(&provider))
            .expression_attribute_values(":message", text(&message))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .expression_attribute_values(":claim", text(&claim.id));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Failure::of(&error)),
            },
        }
    }

    /// Counts the mail of an event to a recipient. False, and nothing is counted, where that would be one more than
    /// `limit` on this day. One conditional update, so that of many at once no more than `limit` are let through.
    pub async fn count(
        &self,
        recipient: Fingerprint,
        event_id: EventId,
        limit: DailyLimit,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let day = now.unix_seconds().div_euclid(DAY_SECONDS);
        let key = format!("recipient#{:032x}#{day}", u128::from_be_bytes(recipient));
        let update = self.client().await.update_item().table_name(&self.table).key("event_id", text(&key));
        let update = update
            .update_expression("ADD counted :events SET expires_at = :until")
            .condition_expression(
                "attribute_not_exists(counted) OR size(counted) < :limit OR contains(counted, :event)",
            )
            .expression_attribute_values(":events", AttributeValue::Ss(vec![event_id.to_string()]))
            .expression_attribute_values(":event", text(&event_id))
            .expression_attribute_values(":limit", number(limit.get().into()))
            .expression_attribute_values(":until", number(now.unix_seconds() + 2 * DAY_SECONDS));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Failure::of(&error)),
            },
        }
    }

    /// Notes a state that nothing follows. Whether the claim was still ours.
    pub async fn mark(&self, claim: &Claim, state: State) -> Result<bool, Failure> {
        let update = self.client().await.update_item().table_name(&self.table).key("event_id", text(&claim.key));
        let update = update
            .update_expression("SET #state = :state REMOVE lease_until")
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(&state))
            .expression_attribute_values(":claim", text(&claim.id));
        noted(update.send().await)
    }

    /// Notes what a provider tells of a message. The latest counts, whichever order they come in; of two of one moment the
    /// one of the higher rank. Whether it was noted: not where a later one was, or where the event is not known.
    pub async fn note_event(&self, key: EventKey, event: DeliveryEvent) -> Result<bool, Failure> {
        let DeliveryEvent { kind, at, provider } = event;
        let update = self.client().await.update_item().table_name(&self.table).key("event_id", text(&key));
        let update = update
            .update_expression(
                "SET last_event = :kind, last_event_rank = :rank, last_event_at = :at, last_event_by = :provider",
            )
            .condition_expression(
                "attribute_exists(event_id) AND (attribute_not_exists(last_event_at) OR last_event_at < :at \
                 OR (last_event_at = :at AND last_event_rank < :rank))",
            )
            .expression_attribute_values(":kind", text(&kind.as_str()))
            .expression_attribute_values(":rank", number(kind.rank()))
            .expression_attribute_values(":at", number(at.unix_millis()))
            .expression_attribute_values(":provider", text(&provider));
        noted(update.send().await)
    }

    /// Gives a claim back: the next request may try at once. A claim that is not ours any more is left alone.
    pub async fn give_back(&self, claim: &Claim) -> Result<(), Failure> {
        let delete = self.client().await.delete_item().table_name(&self.table).key("event_id", text(&claim.key));
        let delete = delete
            .condition_expression("claim = :claim AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":sending", text(&"sending"));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

/// Whether a conditional update was made.
fn noted<T>(updated: Result<T, SdkError<UpdateItemError>>) -> Result<bool, Failure> {
    match updated {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(Failure::of(&error)),
        },
    }
}

/// What the item that stood in the way says. It may be our own: the answer to the first try was lost, and the SDK tried
/// again.
fn found(item: &HashMap<String, AttributeValue>, claim: Claim, now: Timestamp) -> Claimed {
    let is = |name: &str, value: &str| item.get(name).and_then(|found| found.as_s().ok()).is_some_and(|s| s == value);
    if is("claim", &claim.id) {
        return Claimed::Ours(claim);
    }
    let state = item.get("state").and_then(|state| state.as_s().ok()).and_then(|state| state.parse().ok());
    if let Some(state @ (State::Sent | State::Withheld | State::Suppressed | State::Refused)) = state {
        return Claimed::Ended(state);
    }
    let until = item.get("lease_until").and_then(|until| until.as_n().ok()).and_then(|until| until.parse::<i64>().ok());
    let left = until.unwrap_or_default().saturating_sub(now.unix_millis());
    Claimed::Theirs(Duration::from_millis(u64::try_from(left).unwrap_or_default()))
}

fn text(value: &impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_begun_only_if_it_ends_within_the_lease() {
        let now = Timestamp::now();
        let key = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap();
        let claim = Claim { key, id: "ours".into(), until: now.plus(LEASE) };
        let takes = Duration::from_secs(2);
        assert!(claim.covers(now, takes));
        assert!(claim.covers(now.plus(LEASE).minus(takes).minus(Duration::from_millis(1)), takes));
        assert!(!claim.covers(now.plus(LEASE).minus(takes), takes));
        assert!(!claim.covers(now.plus(LEASE * 2), takes));
    }
}
