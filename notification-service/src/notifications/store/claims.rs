//! Claiming: who sends.
//!
//! An event that is asked for the first time is claimed, counted, and looked up among the suppressed addresses in one
//! transaction: it becomes ours with everything that this takes, or nothing is changed. One that was given back, or whose
//! claimant did not come back within its lease, is claimed by exchanging the claim that was seen for our own; it was counted
//! when it was claimed first, and is not counted again.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update,
    },
};
use common::timestamp::Timestamp;
use platform::fingerprint::{Fingerprint, hex};
use uuid::Uuid;

use super::{Item, LEASE, MEMORY, Store, may_repeat, number, read, text};
use crate::{
    aws::Failure,
    notifications::domain::{Count, CountBy, EventKey, Reason, Record, Stands, State, barring},
    providers::Unclear,
    templates::Template,
};

/// How often a claim looks again at what another request changed under it.
const ROUNDS: usize = 4;

/// A wish to send one message.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Which.
    pub key: EventKey,
    /// What it says.
    pub template: Template,
    /// The keyed hash of its address.
    pub recipient: Fingerprint,
    /// What it counts against.
    pub counts: Vec<Count>,
    /// What is kept for sending it again.
    pub request: Option<String>,
}

/// What became of the wish to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours to send.
    Ours(Claim),
    /// Nothing is left to do.
    Ended(Record),
    /// Another request is sending it, for so long at most.
    Theirs(Duration),
}

/// The right to send one message, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub(super) key: EventKey,
    pub(super) id: String,
    pub(super) until: Timestamp,
    attempts: u32,
    created_at: Option<Timestamp>,
    unclear: Option<Unclear>,
}

impl Claim {
    fn first(key: EventKey, now: Timestamp) -> Self {
        let id = Uuid::new_v4().to_string();
        Self { key, id, until: now.plus(LEASE), attempts: 1, created_at: Some(now), unclear: None }
    }

    fn after(before: &Record, now: Timestamp) -> Self {
        Self {
            attempts: before.attempts.saturating_add(1),
            created_at: before.created_at,
            unclear: before.may_have_been_sent(LEASE),
            ..Self::first(before.key, now)
        }
    }

    /// What is claimed.
    pub fn key(&self) -> EventKey {
        self.key
    }

    /// Which try this is, from 1.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When it was asked for first.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// A text that may have been sent by an earlier try.
    pub fn unclear(&self) -> Option<Unclear> {
        self.unclear
    }

    /// Whether something that may take so long ends before the lease does.
    pub fn covers(&self, now: Timestamp, duration: Duration) -> bool {
        now.plus(duration) < self.until
    }
}

/// What stood against a claim.
enum Hurdle {
    /// Something is remembered of the event.
    Record(Box<Record>),
    /// What was remembered is gone, or changed.
    Changed,
    /// It must not be sent.
    Barred(Reason),
}

impl Store {
    /// Claims what is to be sent, unless it is ended, another's, or barred. Takes one call, the first time it is asked for.
    pub async fn claim(&self, wish: &Wish, now: Timestamp) -> Result<Claimed, Failure> {
        let mut before: Option<Box<Record>> = None;
        for _ in 0..ROUNDS {
            let claim = before.as_ref().map_or_else(|| Claim::first(wish.key, now), |before| Claim::after(before, now));
            let hurdle = match &before {
                None => self.transact(self.first_claim(wish, &claim, now)?, wish).await?,
                Some(before) => self.transact(self.later_claim(wish, &claim, before)?, wish).await?,
            };
            match hurdle {
                None => return Ok(Claimed::Ours(claim)),
                // The answer to the first try was lost, and the SDK tried again.
                Some(Hurdle::Record(found)) if found.claim == claim.id => return Ok(Claimed::Ours(claim)),
                Some(Hurdle::Record(found)) => match found.stands(now) {
                    Stands::Ended => return Ok(Claimed::Ended(*found)),
                    Stands::Theirs(left) => return Ok(Claimed::Theirs(left)),
                    Stands::Free => before = Some(found),
                },
                Some(Hurdle::Changed) => before = None,
                Some(Hurdle::Barred(reason)) => return self.conclude(wish, reason, before, now).await,
            }
        }
        Err(Failure::Unavailable("other requests keep claiming the event".into()))
    }

    /// Notes for good that it is not sent, unless it is ended or another's. What another request gave back ends, too.
    pub async fn never(&self, wish: &Wish, reason: Reason, now: Timestamp) -> Result<Claimed, Failure> {
        self.conclude(wish, reason, None, now).await
    }

    async fn conclude(
        &self,
        wish: &Wish,
        reason: Reason,
        before: Option<Box<Record>>,
        now: Timestamp,
    ) -> Result<Claimed, Failure> {
        let mut before = before;
        for _ in 0..ROUNDS {
            let claim = before.as_ref().map_or_else(|| Claim::first(wish.key, now), |before| Claim::after(before, now));
            let hurdle = match &before {
                None => self.put_end(wish, &claim, reason, now).await?,
                Some(before) => self.exchange_end(&claim, before, reason).await?,
            };
            let found = match hurdle {
                None => return Ok(Claimed::Ended(ended(&claim, reason, before.as_deref()))),
                Some(Hurdle::Record(found)) if found.claim == claim.id => return Ok(Claimed::Ended(*found)),
                Some(Hurdle::Record(found)) => Some(found),
                Some(Hurdle::Changed | Hurdle::Barred(_)) => None,
            };
            match found.as_ref().map(|found| found.stands(now)) {
                Some(Stands::Ended) => return Ok(found.map_or(Claimed::Theirs(LEASE), |found| Claimed::Ended(*found))),
                Some(Stands::Theirs(left)) => return Ok(Claimed::Theirs(left)),
                Some(Stands::Free) | None => before = found,
            }
        }
        Err(Failure::Unavailable("other requests keep claiming the event".into()))
    }

    /// The item of an event that is new.
    fn item(wish: &Wish, claim: &Claim, now: Timestamp) -> Item {
        let Wish { key, template, recipient, request, .. } = wish;
        let day = &now.to_string()[.."2026-11-30".len()];
        let mut item = HashMap::from([
            ("event_id".to_owned(), text(key)),
            ("channel".to_owned(), text(&key.channel)),
            ("template".to_owned(), text(&template.as_str())),
            ("claim".to_owned(), text(&claim.id)),
            ("attempts".to_owned(), number(claim.attempts)),
            ("recipient_key".to_owned(), text(&hex(*recipient))),
            ("created_at".to_owned(), number(now.unix_millis())),
            ("listed".to_owned(), text(&format!("notification#{day}"))),
            ("listed_at".to_owned(), text(&format!("{now}#{key}"))),
            ("expires_at".to_owned(), number(now.plus(MEMORY).unix_seconds())),
        ]);
        item.extend(request.as_ref().map(|request| ("request".to_owned(), text(request))));
        item
    }

    fn first_claim(&self, wish: &Wish, claim: &Claim, now: Timestamp) -> Result<Vec<TransactWriteItem>, Failure> {
        let mut item = Self::item(wish, claim, now);
        item.insert("state".to_owned(), text(&State::Sending));
        item.insert("lease_until".to_owned(), number(claim.until.unix_millis()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(event_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut writes =
            vec![TransactWriteItem::builder().put(put.build().map_err(|error| incomplete(&error))?).build()];
        writes.extend(self.bars(wish)?);
        for count in &wish.counts {
            let update = self.count(count, wish.key, now).build().map_err(|error| incomplete(&error))?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        Ok(writes)
    }

    fn later_claim(&self, wish: &Wish, claim: &Claim, before: &Record) -> Result<Vec<TransactWriteItem>, Failure> {
        let unclear = claim.unclear.map(super::unclear_map);
        let expression = match unclear {
            Some(_) => {
                "SET #state = :sending, claim = :claim, lease_until = :until, attempts = :attempts, unclear = :unclear"
            }
            None => "SET #state = :sending, claim = :claim, lease_until = :until, attempts = :attempts",
        };
        let mut update = Update::builder()
            .table_name(self.table())
            .key("event_id", text(&wish.key))
            .update_expression(expression)
            .condition_expression("claim = :before AND #state = :was")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sending", text(&State::Sending))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":until", number(claim.until.unix_millis()))
            .expression_attribute_values(":attempts", number(claim.attempts))
            .expression_attribute_values(":before", text(&before.claim))
            .expression_attribute_values(":was", text(&before.state))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(unclear) = unclear {
            update = update.expression_attribute_values(":unclear", unclear);
        }
        let mut writes =
            vec![TransactWriteItem::builder().update(update.build().map_err(|error| incomplete(&error))?).build()];
        writes.extend(self.bars(wish)?);
        Ok(writes)
    }

    /// That the address is not suppressed.
    fn bars(&self, wish: &Wish) -> Result<Vec<TransactWriteItem>, Failure> {
        let check = |key: String| {
            let check = ConditionCheck::builder()
                .table_name(self.table())
                .key("event_id", text(&key))
                .condition_expression("attribute_not_exists(event_id)");
            Ok(TransactWriteItem::builder().condition_check(check.build().map_err(|error| incomplete(&error))?).build())
        };
        barring(wish.key.channel, wish.recipient, wish.template).into_iter().map(check).collect()
    }

    fn count(&self, count: &Count, key: EventKey, now: Timestamp) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let update = Update::builder()
            .table_name(self.table())
            .key("event_id", text(&count.key))
            .expression_attribute_values(":most", number(count.most))
            .expression_attribute_values(":until", number(now.plus(count.kept_for).unix_seconds()));
        match count.by {
            CountBy::Events => update
                .update_expression("ADD counted :events SET expires_at = :until")
                .condition_expression(
                    "attribute_not_exists(counted) OR size(counted) < :most OR contains(counted, :event)",
                )
                .expression_attribute_values(":events", AttributeValue::Ss(vec![key.event_id.to_string()]))
                .expression_attribute_values(":event", text(&key.event_id)),
            CountBy::Number => update
                .update_expression("ADD #number :one SET expires_at = :until")
                .condition_expression("attribute_not_exists(#number) OR #number < :most")
                .expression_attribute_names("#number", "number")
                .expression_attribute_values(":one", number(1)),
        }
    }

    /// Writes all of it or nothing; what stood against it. Where another transaction got in the way it is made again.
    async fn transact(&self, writes: Vec<TransactWriteItem>, wish: &Wish) -> Result<Option<Hurdle>, Failure> {
        let mut conflicts = 0;
        loop {
            let call = self.client().await.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = call.send().await else { return Ok(None) };
            let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
            match hurdle(reasons, wish)? {
                Some(hurdle) => return Ok(Some(hurdle)),
                None if may_repeat(&mut conflicts, Some("TransactionConflict")).await => {}
                None => return Err(Failure::Unavailable("TransactionConflict".into())),
            }
        }
    }

    async fn put_end(
        &self,
        wish: &Wish,
        claim: &Claim,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Option<Hurdle>, Failure> {
        let mut item = Self::item(wish, claim, now);
        item.insert("state".to_owned(), text(&reason.state()));
        item.insert("last_error".to_owned(), text(&reason.as_str()));
        item.insert("attempts".to_owned(), number(0));
        let put = self.client().await.put_item().table_name(self.table()).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(event_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut conflicts = 0;
        loop {
            let Err(error) = put.clone().send().await else { return Ok(None) };
            if let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
                return Ok(Some(found(refused.item())));
            }
            if !may_repeat(&mut conflicts, error.code()).await {
                return Err(Failure::of(&error));
            }
        }
    }

    async fn exchange_end(&self, claim: &Claim, before: &Record, reason: Reason) -> Result<Option<Hurdle>, Failure> {
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&claim.key));
        let update = update
            .update_expression("SET #state = :state, claim = :claim, last_error = :error REMOVE lease_until")
            .condition_expression("claim = :before AND #state = :was")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(&reason.state()))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":error", text(&reason.as_str()))
            .expression_attribute_values(":before", text(&before.claim))
            .expression_attribute_values(":was", text(&before.state))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut conflicts = 0;
        loop {
            let Err(error) = update.clone().send().await else { return Ok(None) };
            if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
                return Ok(Some(found(refused.item())));
            }
            if !may_repeat(&mut conflicts, error.code()).await {
                return Err(Failure::of(&error));
            }
        }
    }
}

/// The record of a message that is not sent.
fn ended(claim: &Claim, reason: Reason, before: Option<&Record>) -> Record {
    Record {
        key: claim.key,
        state: reason.state(),
        claim: claim.id.clone(),
        lease_until: None,
        attempts: before.map_or(0, |before| before.attempts),
        created_at: claim.created_at,
        sent_at: None,
        provider: None,
        provider_message_id: None,
        last_error: Some(reason.as_str().to_owned()),
        unclear: None,
        last_event: None,
    }
}

/// Why a transaction was cancelled, in the order of its writes.
fn cancellations(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// What the reasons mean: the first write is the claim, then come the bars, then the counts. `None`: another transaction
/// was in the way.
fn hurdle(reasons: &[CancellationReason], wish: &Wish) -> Result<Option<Hurdle>, Failure> {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    let bars = barring(wish.key.channel, wish.recipient, wish.template).len();
    if let Some(claim) = reasons.first().filter(|reason| failed(reason)) {
        return Ok(Some(found(claim.item())));
    }
    if reasons.iter().skip(1).take(bars).any(failed) {
        return Ok(Some(Hurdle::Barred(Reason::Suppressed)));
    }
    let counts = wish.counts.iter().zip(reasons.iter().skip(1 + bars));
    if let Some((count, _)) = counts.into_iter().find(|(_, reason)| failed(reason)) {
        return Ok(Some(Hurdle::Barred(count.reason)));
    }
    let codes = || reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None");
    match codes().find(|code| *code != "TransactionConflict") {
        None if codes().next().is_some() => Ok(None),
        Some(code @ ("ThrottlingError" | "ProvisionedThroughputExceeded")) => {
            Err(Failure::Unavailable(code.to_owned()))
        }
        code => Err(Failure::Refused(format!("the transaction was cancelled: {}", code.unwrap_or("no reason")))),
    }
}

/// What the item that stood in the way says.
fn found(item: Option<&Item>) -> Hurdle {
    item.and_then(read).map_or(Hurdle::Changed, |record| Hurdle::Record(Box::new(record)))
}

fn incomplete(error: &BuildError) -> Failure {
    Failure::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EventKey {
        "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap()
    }

    #[test]
    fn a_message_is_begun_only_if_it_ends_within_the_lease() {
        let now = Timestamp::now();
        let claim = Claim::first(key(), now);
        let takes = Duration::from_secs(2);
        assert!(claim.covers(now, takes));
        assert!(claim.covers(now.plus(LEASE).minus(takes).minus(Duration::from_millis(1)), takes));
        assert!(!claim.covers(now.plus(LEASE).minus(takes), takes));
        assert!(!claim.covers(now.plus(LEASE * 2), takes));
    }

    #[test]
    fn of_several_reasons_the_claim_comes_first_then_the_bar_then_the_limit() {
        let count = Count {
            key: "recipient#x".into(),
            most: 1,
            by: CountBy::Events,
            kept_for: Duration::from_secs(1),
            reason: Reason::OrderMails,
        };
        let wish = Wish {
            key: key(),
            template: Template::OrderConfirmation,
            recipient: [0; 16],
            counts: vec![count],
            request: None,
        };
        let reason = |code: &str| CancellationReason::builder().code(code).build();
        let judged = |codes: [&str; 3]| hurdle(&codes.map(reason), &wish);
        let failed = "ConditionalCheckFailed";
        assert!(matches!(judged([failed, failed, failed]), Ok(Some(Hurdle::Changed))));
        assert!(matches!(judged(["None", failed, failed]), Ok(Some(Hurdle::Barred(Reason::Suppressed)))));
        assert!(matches!(judged(["None", "None", failed]), Ok(Some(Hurdle::Barred(Reason::OrderMails)))));
        assert!(matches!(judged(["None", "None", "TransactionConflict"]), Ok(None)));
        assert!(matches!(judged(["None", "ThrottlingError", "TransactionConflict"]), Err(Failure::Unavailable(_))));
        assert!(matches!(judged(["ValidationError", "None", "None"]), Err(Failure::Refused(_))));
        assert!(matches!(judged(["None", "None", "None"]), Err(Failure::Refused(_))));
    }
}
