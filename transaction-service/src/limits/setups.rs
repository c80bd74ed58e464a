//! Declined cards of a SetupIntent. user-service limits how many are created, but with the client secret of one, any
//! number of cards can be tried at Stripe, without this service. Stripe reports each by `setup_intent.setup_failed`.

use common::timestamp::Timestamp;
use stripe::{Event, SetupIntentId, StripeError};
use uuid::Uuid;

use super::store;
use crate::{app::App, error::Error};

/// The event that reports a declined card.
const DECLINED: &str = "setup_intent.setup_failed";
/// The metadata of a SetupIntent in which user-service saves the account.
const USER_ID: &str = "user_id";

/// A declined card of a SetupIntent that user-service created.
#[derive(Debug, PartialEq, Eq)]
pub struct DeclinedSetup {
    setup_intent: SetupIntentId,
    /// Name of the declined card: the attempt, since Stripe may report one by two events, or else the event.
    attempt: String,
    user: Uuid,
}

impl DeclinedSetup {
    /// The declined card that an event reports. `None` for events of other kinds, and without an account: then the SetupIntent
    /// is not the shop's. None of these data change, so the event is used as it is.
    pub fn read(event: &Event) -> Option<Self> {
        let setup_intent = event.setup_intent().filter(|_| event.kind == DECLINED)?;
        let object = event.object();
        let user = object["metadata"][USER_ID].as_str()?.parse().ok()?;
        let attempt = &object["latest_attempt"];
        let attempt = attempt.as_str().or_else(|| attempt["id"].as_str()).unwrap_or(event.id.as_str()).to_owned();
        Some(Self { setup_intent, attempt, user })
    }
}

/// Counts a declined card: once, however often and late an event reports it. After too many, of this SetupIntent or of
/// its account, the SetupIntent is cancelled at Stripe. When that fails, a repetition of the event tries again, and so
/// does each sweep.
pub async fn note(app: &App, setup: &DeclinedSetup, now: Timestamp) -> Result<(), Error> {
    let DeclinedSetup { setup_intent, attempt, user } = setup;
    let db = &app.database;
    let declined = store::count_declined_setup(db, (setup_intent, attempt), *user, &app.limits, now).await?;
    if !app.limits.are_enough(declined.of_one, declined.of_caller) {
        return Ok(());
    }
    store::remember_cancellation(db, setup_intent, now).await?;
    end(app, setup_intent, declined.of_one).await
}

/// Cancels the SetupIntents that are still to be cancelled.
pub async fn sweep(app: &App, now: Timestamp) -> Result<(), Error> {
    for (id, declines) in store::claim_due_cancellations(&app.database, now).await? {
        if let Err(error) = end(app, &id, declines).await {
            tracing::error!(%error, setup_intent = %id, "SetupIntent not cancelled; a later sweep tries again");
            if error.is_transient() {
                break;
            }
        }
    }
    Ok(())
}

async fn end(app: &App, id: &SetupIntentId, declines: i64) -> Result<(), Error> {
    cancel(app, id, declines).await?;
    store::forget_cancellation(&app.database, id).await
}

async fn cancel(app: &App, id: &SetupIntentId, declines: i64) -> Result<(), Error> {
    // A key of this call alone: Stripe repeats what it answered to a key, failures included.
    match app.stripe.cancel_setup_intent(&format!("cancel:{}", Uuid::new_v4()), id).await {
        Ok(_) => {
            tracing::warn!(setup_intent = %id, declines, "SetupIntent cancelled: too many declined cards");
            Ok(())
        }
        Err(StripeError::NotFound) => Ok(()),
        Err(error @ StripeError::Invalid(_)) => {
            let intent = app.stripe.retrieve_setup_intent(id).await?;
            if matches!(intent.status.as_str(), "canceled" | "succeeded") { Ok(()) } else { Err(error.into()) }
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(kind: &str, object: &Value) -> Option<DeclinedSetup> {
        let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}});
        DeclinedSetup::read(&Event::read(event.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_declined_card_is_named_by_its_attempt_or_else_by_its_event() {
        let user = Uuid::from_u128(7);
        for (attempt, name) in
            [(json!("setatt_1"), "setatt_1"), (json!({"id": "setatt_1"}), "setatt_1"), (json!(null), "evt_1")]
        {
            let object = json!({"id": "seti_1", "object": "setup_intent", "latest_attempt": attempt,
                "metadata": {"user_id": user.to_string()}});
            let setup_intent = "seti_1".parse().unwrap();
            let expected = DeclinedSetup { setup_intent, attempt: name.to_owned(), user };
            assert_eq!(read(DECLINED, &object), Some(expected));
            assert_eq!(read("setup_intent.succeeded", &object), None);
        }
    }

    #[test]
    fn a_setup_that_notes_no_account_is_not_the_shops() {
        for metadata in [json!(null), json!({}), json!({"user_id": "7"}), json!({"user_id": 7})] {
            let object = json!({"id": "seti_1", "object": "setup_intent", "metadata": metadata});
            assert_eq!(read(DECLINED, &object), None, "{metadata}");
        }
    }
}
