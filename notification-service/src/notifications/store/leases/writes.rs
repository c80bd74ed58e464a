//! The writes that acquire a lease or make an event final, and the meaning of their failed conditions.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update, builders::UpdateBuilder,
    },
};
use common::timestamp::Timestamp;
use platform::fingerprint::hex;

use super::{Lease, OutboundMessage};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Dynamo, Item, cancellations, incomplete, is_condition_failed, may_repeat, number, only_conflicts,
        text,
    },
    event::EventKey,
    notifications::{
        domain::{Count, CountBy, Reason, Record, State, suppression_keys},
        store::{MEMORY, read, unclear_map},
    },
};

/// Why a write was not made.
pub(super) enum Obstacle {
    /// The event has a record.
    Record(Box<Record>),
    /// The record that was read has changed or is gone.
    Changed,
    /// The message must not be sent.
    Barred(Reason),
}

impl Dynamo {
    /// The item of a new event.
    fn item(outbound: &OutboundMessage, lease: &Lease, now: Timestamp) -> Item {
        let OutboundMessage { key, template, recipient, key_id, resend_of, request, .. } = outbound;
        let day = &now.to_string()[.."2026-11-30".len()];
        let mut item = HashMap::from([
            ("event_id".to_owned(), text(key)),
            ("channel".to_owned(), text(&key.channel)),
            ("template".to_owned(), text(&template.as_str())),
            ("claim".to_owned(), text(&lease.id)),
            ("attempts".to_owned(), number(lease.attempts)),
            ("recipient_key".to_owned(), text(&hex(*recipient))),
            ("key_id".to_owned(), text(key_id)),
            ("created_at".to_owned(), number(now.unix_millis())),
            ("listed".to_owned(), text(&format!("notification#{day}"))),
            ("listed_at".to_owned(), text(&format!("{now}#{key}"))),
            ("expires_at".to_owned(), number(now.plus(MEMORY).unix_seconds())),
        ]);
        item.extend(resend_of.map(|event_id| ("resend_of".to_owned(), text(&event_id))));
        item.extend(request.as_ref().map(|request| ("request".to_owned(), text(request))));
        item.extend(request.as_ref().map(|_| ("is_kept".to_owned(), AttributeValue::Bool(true))));
        item
    }

    pub(super) fn first_lease(
        &self,
        outbound: &OutboundMessage,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let mut item = Self::item(outbound, lease, now);
        item.insert("state".to_owned(), text(&State::Sending));
        item.insert("lease_until".to_owned(), number(lease.until.unix_millis()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(event_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut writes = vec![TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build()];
        writes.extend(self.suppression_checks(outbound)?);
        for count in &outbound.counts {
            let update = self.count(count, outbound.key, now).build().map_err(incomplete)?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        Ok(writes)
    }

    pub(super) fn renewed_lease(
        &self,
        outbound: &OutboundMessage,
        lease: &Lease,
        before: &Record,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let unclear = lease.unclear.map(unclear_map);
        let expression = match unclear {
            Some(_) => {
                "SET #state = :sending, claim = :claim, lease_until = :until, attempts = :attempts, unclear = :unclear"
            }
            None => "SET #state = :sending, claim = :claim, lease_until = :until, attempts = :attempts",
        };
        let mut update = Update::builder()
            .table_name(self.table())
            .key("event_id", text(&outbound.key))
            .update_expression(expression)
            .condition_expression("claim = :before AND #state = :was")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sending", text(&State::Sending))
            .expression_attribute_values(":claim", text(&lease.id))
            .expression_attribute_values(":until", number(lease.until.unix_millis()))
            .expression_attribute_values(":attempts", number(lease.attempts))
            .expression_attribute_values(":before", text(&before.lease_id))
            .expression_attribute_values(":was", text(&before.state))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(unclear) = unclear {
            update = update.expression_attribute_values(":unclear", unclear);
        }
        let mut writes = vec![TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build()];
        writes.extend(self.suppression_checks(outbound)?);
        Ok(writes)
    }

    /// Checks that the address is not suppressed.
    fn suppression_checks(&self, outbound: &OutboundMessage) -> Result<Vec<TransactWriteItem>, Failure> {
        let check = |key: String| {
            let check = ConditionCheck::builder()
                .table_name(self.table())
                .key("event_id", text(&key))
                .condition_expression("attribute_not_exists(event_id)");
            Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
        };
        suppression_keys(outbound.key.channel, outbound.recipient, outbound.template).into_iter().map(check).collect()
    }

    fn count(&self, count: &Count, key: EventKey, now: Timestamp) -> UpdateBuilder {
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

    /// Makes all writes or none; answers why none was made. A conflict with another transaction is retried.
    pub(super) async fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
        outbound: &OutboundMessage,
    ) -> Result<Option<Obstacle>, Failure> {
        let mut conflicts = 0;
        loop {
            let call = self.client().await.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = call.send().await else { return Ok(None) };
            let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
            match obstacle(reasons, outbound)? {
                Some(obstacle) => return Ok(Some(obstacle)),
                None if may_repeat(&mut conflicts, Some(CONFLICT)).await => {}
                None => return Err(Failure::Unavailable(CONFLICT.into())),
            }
        }
    }

    pub(super) async fn insert_ended(
        &self,
        outbound: &OutboundMessage,
        lease: &Lease,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Option<Obstacle>, Failure> {
        let mut item = Self::item(outbound, lease, now);
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

    pub(super) async fn replace_with_ended(
        &self,
        lease: &Lease,
        before: &Record,
        reason: Reason,
    ) -> Result<Option<Obstacle>, Failure> {
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&lease.key));
        let update = update
            .update_expression("SET #state = :state, claim = :claim, last_error = :error REMOVE lease_until")
            .condition_expression("claim = :before AND #state = :was")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(&reason.state()))
            .expression_attribute_values(":claim", text(&lease.id))
            .expression_attribute_values(":error", text(&reason.as_str()))
            .expression_attribute_values(":before", text(&before.lease_id))
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

/// Classifies the reasons of a cancelled transaction: the first write is the lease, then come the checks of suppressions, then
/// the counters. `None` for a conflict with another transaction.
fn obstacle(reasons: &[CancellationReason], outbound: &OutboundMessage) -> Result<Option<Obstacle>, Failure> {
    let suppression_checks = suppression_keys(outbound.key.channel, outbound.recipient, outbound.template).len();
    if let Some(lease) = reasons.first().filter(|reason| is_condition_failed(reason)) {
        return Ok(Some(found(lease.item())));
    }
    if reasons.iter().skip(1).take(suppression_checks).any(is_condition_failed) {
        return Ok(Some(Obstacle::Barred(Reason::Suppressed)));
    }
    let counts = outbound.counts.iter().zip(reasons.iter().skip(1 + suppression_checks));
    if let Some((count, _)) = counts.into_iter().find(|(_, reason)| is_condition_failed(reason)) {
        return Ok(Some(Obstacle::Barred(count.reason)));
    }
    only_conflicts(reasons).map(|()| None)
}

/// The record in the way, read from the item of a failed condition.
fn found(item: Option<&Item>) -> Obstacle {
    item.and_then(read).map_or(Obstacle::Changed, |record| Obstacle::Record(Box::new(record)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::templates::Template;

    fn key() -> EventKey {
        "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap()
    }

    #[test]
    fn of_several_reasons_the_record_comes_first_then_the_suppression_then_the_limit() {
        let count = Count {
            key: "recipient#x".into(),
            most: 1,
            by: CountBy::Events,
            kept_for: Duration::from_secs(1),
            reason: Reason::OrderMails,
        };
        let outbound = OutboundMessage {
            key: key(),
            template: Template::OrderConfirmation,
            recipient: [0; 16],
            key_id: "1".into(),
            resend_of: None,
            counts: vec![count],
            request: None,
        };
        let reason = |code: &str| CancellationReason::builder().code(code).build();
        let judged = |codes: [&str; 3]| obstacle(&codes.map(reason), &outbound);
        let failed = "ConditionalCheckFailed";
        assert!(matches!(judged([failed, failed, failed]), Ok(Some(Obstacle::Changed))));
        assert!(matches!(judged(["None", failed, failed]), Ok(Some(Obstacle::Barred(Reason::Suppressed)))));
        assert!(matches!(judged(["None", "None", failed]), Ok(Some(Obstacle::Barred(Reason::OrderMails)))));
        assert!(matches!(judged(["None", "None", "TransactionConflict"]), Ok(None)));
        assert!(matches!(judged(["None", "ThrottlingError", "TransactionConflict"]), Err(Failure::Unavailable(_))));
        assert!(matches!(judged(["ValidationError", "None", "None"]), Err(Failure::Refused(_))));
        assert!(matches!(judged(["None", "None", "None"]), Err(Failure::Refused(_))));
    }
}
