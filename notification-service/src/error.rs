//! Everything that can go wrong here, and the one place that says what a client hears of it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::{input::Refusal, problem::Problem};
use http::StatusCode;
use platform::config::SecretError;

use crate::{
    aws::Failure,
    event::Channel,
    providers::domain::Undelivered,
    templates::Unwritable,
    webhooks::{certificates::SnsError, invalid::Invalid},
};

/// A failure of notification-service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another request is sending the event; it holds it for so long at most.
    #[error("another request is sending it")]
    InProgress(Duration),
    /// The event's id was used on this channel for another message, or for another recipient.
    #[error("{0}: the event's id was used for another template or recipient")]
    EventIdReused(Channel),
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// What a message said is not kept, so that it cannot be sent again.
    #[error("the content is not kept")]
    ContentNotKept,
    /// An event was told with different words on its channels, so that it is no one message that can be sent again on all.
    #[error("the channels were told different things")]
    ToldDifferently,
    /// A message was sent again as often as it may be.
    #[error("sent again too often")]
    TooManyResends,
    /// The caller used the idempotency key for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A webhook is refused.
    #[error("a webhook is refused: {0}")]
    Webhook(Invalid),
    /// The settings do not have this vendor.
    #[error("the vendor is not set up")]
    WebhookNotConfigured,
    /// The key that verifies a vendor's webhooks is none.
    #[error("the key of a vendor's webhooks {0}")]
    WebhookKey(Refusal),
    /// SNS cannot be asked.
    #[error(transparent)]
    Sns(SnsError),
    /// Something that is understood already.
    #[error("{}", .0.detail())]
    Problem(Problem),
    /// DynamoDB failed us. Nothing was sent.
    #[error("DynamoDB {0}")]
    Store(Failure),
    /// The key of the fingerprints could not be had. Nothing was sent.
    #[error(transparent)]
    Secret(SecretError),
    /// No provider took it; asking again is right.
    #[error(transparent)]
    Undelivered(Undelivered),
    /// A channel without an address.
    #[error("a channel without an address was let through")]
    Unaddressed,
    /// The event was ours to send for a time that is over: the process was stopped in between. Nothing was sent.
    #[error("the lease ran out before the message was begun")]
    TooLate,
    /// A template could not be filled in, or the shop does not send what is in it.
    #[error(transparent)]
    Unwritable(Unwritable),
    /// The task that sends stopped half way.
    #[error("the task that sends stopped: {0}")]
    Stopped(tokio::task::JoinError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InProgress(left) => Self::conflict(
                "notification_in_progress",
                "Being sent",
                "Another request is sending this event. Ask again, and hear how it ended.",
            )
            .with_retry_after(left),
            Error::EventIdReused(_) => Self::conflict(
                "event_id_reused",
                "The event's id was used before",
                "This event was told with another template or to another recipient. Nothing was sent. Give each event an id of its own.",
            ),
            Error::NotFound => Self::not_found(),
            Error::ContentNotKept => Self::conflict(
                "content_not_kept",
                "The content is not kept",
                "What this message said is not stored: it held a secret, or it is too old. It cannot be sent again from here.",
            ),
            Error::ToldDifferently => Self::conflict(
                "told_differently",
                "The channels were told different things",
                "This event has another template, other data or another locale on each of its channels. Name the channel that is to be sent again.",
            ),
            Error::TooManyResends => Self::conflict(
                "too_many_resends",
                "Sent again too often",
                "This message was sent again as often as a message may be.",
            ),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another request",
                "Use a new key each time a message is to be sent again, and the same one only to repeat a request unchanged.",
            ),
            Error::Webhook(invalid) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                "The signature is not good",
                "Nothing was taken from this request: it does not show that the vendor signed it, just now and for this shop.",
            )
            .with_cause(invalid),
            Error::WebhookNotConfigured => Self::new(
                StatusCode::NOT_FOUND,
                "webhook_not_configured",
                "The vendor is not set up",
                "This shop does not listen to this vendor: its settings lack what verifies the vendor's requests.",
            ),
            Error::Problem(problem) => problem,
            Error::Store(Failure::Unavailable(_)) | Error::Undelivered(_) | Error::Secret(_) | Error::Sns(_) | Error::TooLate => {
                Self::unavailable(error)
            }
            Error::Unwritable(Unwritable::Refused(errors)) => Self::invalid_input(errors),
            Error::Store(Failure::Refused(_))
            | Error::WebhookKey(_)
            | Error::Unaddressed
            | Error::Unwritable(Unwritable::Template(_))
            | Error::Stopped(_) => Self::internal(error),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
