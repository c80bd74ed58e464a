//! Everything that can go wrong here, and the one place that says what a client hears of it.

use std::{fmt, time::Duration};

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
#[derive(Debug)]
pub enum Error {
    /// Another request is sending the event; it holds it for so long at most.
    InProgress(Duration),
    /// The event's id was used on this channel for another message, or for another recipient.
    EventIdReused(Channel),
    /// There is no such thing.
    NotFound,
    /// What a message said is not kept, so that it cannot be sent again.
    ContentNotKept,
    /// An event was told with different words on its channels, so that it is no one message that can be sent again on all.
    ToldDifferently,
    /// A message was sent again as often as it may be.
    TooManyResends,
    /// The caller used the idempotency key for something else.
    KeyReused,
    /// A webhook is refused.
    Webhook(Invalid),
    /// The settings do not have this vendor.
    WebhookNotConfigured,
    /// The key that verifies a vendor's webhooks is none.
    WebhookKey(Refusal),
    /// SNS cannot be asked.
    Sns(SnsError),
    /// Something that is understood already.
    Problem(Problem),
    /// DynamoDB failed us. Nothing was sent.
    Store(Failure),
    /// The key of the fingerprints could not be had. Nothing was sent.
    Secret(SecretError),
    /// No provider took it; asking again is right.
    Undelivered(Undelivered),
    /// A channel without an address.
    Unaddressed,
    /// The event was ours to send for a time that is over: the process was stopped in between. Nothing was sent.
    TooLate,
    /// A template could not be filled in, or the shop does not send what is in it.
    Unwritable(Unwritable),
    /// The task that sends stopped half way.
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProgress(_) => f.write_str("another request is sending it"),
            Self::EventIdReused(channel) => {
                write!(f, "{channel}: the event's id was used for another template or recipient")
            }
            Self::NotFound => f.write_str("there is no such thing"),
            Self::ContentNotKept => f.write_str("the content is not kept"),
            Self::ToldDifferently => f.write_str("the channels were told different things"),
            Self::TooManyResends => f.write_str("sent again too often"),
            Self::KeyReused => f.write_str("the idempotency key was used for another request"),
            Self::Webhook(invalid) => write!(f, "a webhook is refused: {invalid}"),
            Self::WebhookNotConfigured => f.write_str("the vendor is not set up"),
            Self::WebhookKey(refusal) => write!(f, "the key of a vendor's webhooks {refusal}"),
            Self::Sns(error) => error.fmt(f),
            Self::Problem(problem) => f.write_str(problem.detail()),
            Self::Store(failure) => write!(f, "DynamoDB {failure}"),
            Self::Secret(error) => error.fmt(f),
            Self::Undelivered(Undelivered::Refused { provider, reason }) => {
                write!(f, "{provider} refused it: {reason}")
            }
            Self::Undelivered(Undelivered::Suppressed { provider }) => write!(f, "{provider} suppresses the address"),
            Self::Undelivered(Undelivered::Retryable { reason }) => write!(f, "no provider took it: {reason}"),
            Self::Undelivered(Undelivered::Unclear(unclear)) => {
                write!(f, "whether {} took it is not clear since {}", unclear.provider, unclear.since)
            }
            Self::Unaddressed => f.write_str("a channel without an address was let through"),
            Self::TooLate => f.write_str("the lease ran out before the message was begun"),
            Self::Unwritable(error) => error.fmt(f),
            Self::Stopped(error) => write!(f, "the task that sends stopped: {error}"),
        }
    }
}

impl std::error::Error for Error {}
