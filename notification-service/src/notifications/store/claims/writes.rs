//! The writes that claim an event or end it, and what stands against them.

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

use super::{Claim, Wish};
use crate::{
    aws::Failure,
    dynamo::{
        CONFLICT, Item, Store, cancellations, did_not_hold, incomplete, may_repeat, number, only_conflicts, text,
    },
    event::EventKey,
    notifications::{
        domain::{Count, CountBy, Reason, Record, State, barring},
        store::{MEMORY, read, unclear_map},
    },
};

/// What stood against a claim.
pub(super) enum Hurdle {
    /// Something is remembered of the event.
    Record(Box<Record>),
    /// What was remembered is gone, or changed.
    Changed,
    /// It must not be sent.
    Barred(Reason),
}

impl Store {
    /// The item of an event that is new.
    fn item(wish: &Wish, claim: &Claim, now: Timestamp) -> Item {
        let Wish { key, template, recipient, key_id, resend_of, request, .. } = wish;
        let day = &now.to_string()[.."2026-11-30".len()];
        let mut item = HashMap::from([
            ("event_id".to_owned(), text(key)),
            ("channel".to_owned(), text(&key.channel)),
            ("template".to_owned(), text(&template.as_str())),
            ("claim".to_owned(), text(&claim.id)),
            ("attempts".to_owned(), number(claim.attempts)),
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

    pub(super) fn first_claim(
        &self,
        wish: &Wish,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let mut item = Self::item(wish, claim, now);
        item.insert("state".to_owned(), text(&State::Sending));
        item.insert("lease_until".to_owned(), number(claim.until.unix_millis()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(event_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut writes = vec![TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build()];
        writes.extend(self.bars(wish)?);
        for count in &wish.counts {
            let update = self.count(count, wish.key, now).build().map_err(incomplete)?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        Ok(writes)
    }

    pub(super) fn later_claim(
        &self,
        wish: &Wish,
        claim: &Claim,
        before: &Record,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let unclear = claim.unclear.map(unclear_map);
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
        let mut writes = vec![TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build()];
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
            Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
        };
        barring(wish.key.channel, wish.recipient, wish.template).into_iter().map(check).collect()
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

    /// Writes all of it or nothing; what stood against it. Where another transaction got in the way it is made again.
    pub(super) async fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
        wish: &Wish,
    ) -> Result<Option<Hurdle>, Failure> {
        let mut conflicts = 0;
        loop {
            let call = self.client().await.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = call.send().await else { return Ok(None) };
            let reasons = cancellations(&error).ok_or_else(|| Failure::of(&error))?;
            match hurdle(reasons, wish)? {
                Some(hurdle) => return Ok(Some(hurdle)),
                None if may_repeat(&mut conflicts, Some(CONFLICT)).await => {}
                None => return Err(Failure::Unavailable(CONFLICT.into())),
            }
        }
    }

    pub(super) async fn put_end(
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

    pub(super) async fn exchange_end(
        &self,
        claim: &Claim,
        before: &Record,
        reason: Reason,
    ) -> Result<Option<Hurdle>, Failure> {
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

/// What the reasons mean: the first write is the claim, then come the bars, then the counts. `None`: another transaction
/// was in the way.
fn hurdle(reasons: &[CancellationReason], wish: &Wish) -> Result<Option<Hurdle>, Failure> {
    let bars = barring(wish.key.channel, wish.recipient, wish.template).len();
    if let Some(claim) = reasons.first().filter(|reason| did_not_hold(reason)) {
        return Ok(Some(found(claim.item())));
    }
    if reasons.iter().skip(1).take(bars).any(did_not_hold) {
        return Ok(Some(Hurdle::Barred(Reason::Suppressed)));
    }
    let counts = wish.counts.iter().zip(reasons.iter().skip(1 + bars));
    if let Some((count, _)) = counts.into_iter().find(|(_, reason)| did_not_hold(reason)) {
        return Ok(Some(Hurdle::Barred(count.reason)));
    }
    only_conflicts(reasons).map(|()| None)
}

/// What the item that stood in the way says.
fn found(item: Option<&Item>) -> Hurdle {
    item.and_then(read).map_or(Hurdle::Changed, |record| Hurdle::Record(Box::new(record)))
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
            key_id: "1".into(),
            resend_of: None,
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
