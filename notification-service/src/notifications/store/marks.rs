//! Recording the results of attempts, and the events that providers report.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use common::timestamp::Timestamp;

use super::{leases::Lease, unclear_map};
use crate::{
    aws::Failure,
    dynamo::{Dynamo, number, text, update_if},
    event::EventKey,
    notifications::domain::{DeliveryEvent, State},
    providers::{Accepted, Name, Unclear},
};

impl Dynamo {
    /// Records that a provider accepted the message; `false` when the lease was lost.
    pub async fn mark_sent(&self, lease: &Lease, accepted: &Accepted, now: Timestamp) -> Result<bool, Failure> {
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&lease.key));
        let update = update
            .update_expression(
                "SET #state = :sent, provider = :provider, provider_message_id = :message, sent_at = :now \
                 REMOVE lease_until, last_error, unclear",
            )
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sent", text(&State::Sent))
            .expression_attribute_values(":provider", text(&accepted.provider))
            .expression_attribute_values(":message", text(&accepted.id))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .expression_attribute_values(":claim", text(&lease.id));
        update_if(update).await
    }

    /// Records the final state of a message that is not sent, with the provider that refused it, if any; `false` when the lease was
    /// lost.
    pub async fn mark_ended(
        &self,
        lease: &Lease,
        state: State,
        provider: Option<Name>,
        reason: &str,
    ) -> Result<bool, Failure> {
        let expression = match provider {
            Some(_) => "SET #state = :state, provider = :provider, last_error = :reason REMOVE lease_until, unclear",
            None => "SET #state = :state, last_error = :reason REMOVE lease_until, unclear",
        };
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&lease.key));
        let mut update = update
            .update_expression(expression)
            .condition_expression("claim = :claim")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(&state))
            .expression_attribute_values(":reason", text(&reason))
            .expression_attribute_values(":claim", text(&lease.id));
        if let Some(provider) = provider {
            update = update.expression_attribute_values(":provider", text(&provider));
        }
        update_if(update).await
    }

    /// Releases a lease, so that the next request may try at once. Changes nothing when the lease was lost.
    pub async fn release_lease(&self, lease: &Lease, reason: &str, unclear: Option<Unclear>) -> Result<(), Failure> {
        let expression = match unclear {
            Some(_) => "SET #state = :waiting, last_error = :reason, unclear = :unclear REMOVE lease_until",
            None => "SET #state = :waiting, last_error = :reason REMOVE lease_until, unclear",
        };
        let update = self.client().await.update_item().table_name(self.table()).key("event_id", text(&lease.key));
        let mut update = update
            .update_expression(expression)
            .condition_expression("claim = :claim AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", text(&State::Waiting))
            .expression_attribute_values(":reason", text(&reason))
            .expression_attribute_values(":claim", text(&lease.id))
            .expression_attribute_values(":sending", text(&State::Sending));
        if let Some(unclear) = unclear {
            update = update.expression_attribute_values(":unclear", unclear_map(unclear));
        }
        update_if(update).await.map(drop)
    }

    /// Cancels a lease before anything is sent: deletes the item of a first lease, releases a later one. Counters keep their
    /// counts.
    pub async fn cancel_lease(&self, lease: &Lease) -> Result<(), Failure> {
        if lease.attempts() > 1 {
            return self.release_lease(lease, "another channel of the event was refused", lease.unclear()).await;
        }
        let delete = self.client().await.delete_item().table_name(self.table()).key("event_id", text(&lease.key));
        let delete = delete
            .condition_expression("claim = :claim AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claim", text(&lease.id))
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

    /// Records an event that a provider reports. The latest counts, in whatever order they arrive; of two with the same time, and
    /// where the provider reports no times, the one of the higher rank. `false` when a later one is recorded, or the message is
    /// unknown.
    pub async fn record_event(&self, key: EventKey, event: DeliveryEvent) -> Result<bool, Failure> {
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
        update_if(update).await
    }
}
