//! What is noted of a message that was claimed.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use common::timestamp::Timestamp;

use super::{claims::Claim, unclear_map};
use crate::{
    aws::Failure,
    dynamo::{Store, noted, number, text},
    event::EventKey,
    notifications::domain::{DeliveryEvent, State},
    providers::{Handed, Name, Unclear},
};

impl Store {
    /// Notes that a provider took the message. Whether the claim was still ours.
    pub async fn mark_sent(&self, claim: &Claim, handed: &Handed, now: Timestamp) -> Result<bool, Failure> {
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&claim.key));
        let update = update
            .update_expression(
                "SET #state = :sent, provider = :provider, provider_message_id = :message, sent_at = :now \
                 REMOVE lease_until, last_error, unclear",
            )
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sent", text(&State::Sent))
            .expression_attribute_values(":provider", text(&handed.provider))
            .expression_attribute_values(":message", text(&handed.id))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .expression_attribute_values(":claim", text(&claim.id));
        noted(update).await
    }

    /// Notes that a provider, or where none is named no provider, will ever send it, and why. Whether the claim was still ours.
    pub async fn mark_ended(
        &self,
        claim: &Claim,
        state: State,
        provider: Option<Name>,
        reason: &str,
    ) -> Result<bool, Failure> {
        let expression = match provider {
            Some(_) => "SET #state = :state, provider = :provider, last_error = :reason REMOVE lease_until, unclear",
            None => "SET #state = :state, last_error = :reason REMOVE lease_until, unclear",
        };
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&claim.key));
        let mut update = update
            .update_expression(expression)
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(&state))
            .expression_attribute_values(":reason", text(&reason))
            .expression_attribute_values(":claim", text(&claim.id));
        if let Some(provider) = provider {
            update = update.expression_attribute_values(":provider", text(&provider));
        }
        noted(update).await
    }

    /// Gives a claim back: the next request may try at once. A claim that is not ours any more is left alone.
    pub async fn give_back(&self, claim: &Claim, reason: &str, unclear: Option<Unclear>) -> Result<(), Failure> {
        let expression = match unclear {
            Some(_) => "SET #state = :waiting, last_error = :reason, unclear = :unclear REMOVE lease_until",
            None => "SET #state = :waiting, last_error = :reason REMOVE lease_until, unclear",
        };
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&claim.key));
        let mut update = update
            .update_expression(expression)
            .condition_expression("claim = :claim AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", text(&State::Waiting))
            .expression_attribute_values(":reason", text(&reason))
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":sending", text(&State::Sending));
        if let Some(unclear) = unclear {
            update = update.expression_attribute_values(":unclear", unclear_map(unclear));
        }
        noted(update).await.map(drop)
    }

    /// Takes a claim back as if it had never been, where it was the first of its event; else gives it back as it was. What it
    /// counted stays counted.
    pub async fn withdraw(&self, claim: &Claim) -> Result<(), Failure> {
        if claim.attempts() > 1 {
            return self.give_back(claim, "another channel of the event was refused", claim.unclear()).await;
        }
        let delete = self.client().await.delete_item().table_name(self.table()).key("event_id", text(&claim.key));
        let delete = delete
            .condition_expression("claim = :claim AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claim", text(&claim.id))
            .expression_attribute_values(":sending", text(&State::Sending));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// Notes what a provider tells of a message. The latest counts, whichever order they come in; of two of one moment, and
    /// where the provider says nothing of times, the one of the higher rank. Whether it was noted: not where a later one was,
    /// or where the event is not known.
    pub async fn note_event(&self, key: EventKey, event: DeliveryEvent) -> Result<bool, Failure> {
        let DeliveryEvent { kind, at, provider } = event;
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&key));
        let update = update
            .update_expression(
                "SET last_event = :kind, last_event_rank = :rank, last_event_at = :at, last_event_by = :provider",
            )
            .condition_expression(if event.is_timed() {
                "attribute_exists(event_id) AND (attribute_not_exists(last_event_at) OR last_event_at < :at \
                 OR (last_event_at = :at AND last_event_rank < :rank))"
            } else {
                "attribute_exists(event_id) AND (attribute_not_exists(last_event_at) OR last_event_rank < :rank)"
            })
            .expression_attribute_values(":kind", text(&kind.as_str()))
            .expression_attribute_values(":rank", number(kind.rank()))
            .expression_attribute_values(":at", number(at.unix_millis()))
            .expression_attribute_values(":provider", text(&provider));
        noted(update).await
    }
}
