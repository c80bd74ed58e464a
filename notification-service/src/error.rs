//! The failures of this service, and the one mapping to the problems that clients get.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::{contact::Channel, input::Refusal, problem::Problem};
use http::StatusCode;
use platform::config::SecretError;

use crate::{
    aws::Failure,
    providers::domain::SendError,
    templates::RenderError,
    webhooks::{certificates::SnsError, invalid::InvalidWebhook},
};

/// A failure of notification-service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another request is sending the event. Its lease ends after this time at the latest.
    #[error("another request is sending the event")]
    InProgress(Duration),
    /// The event's id was used on this channel for another message, or for another recipient.
    #[error("{0}: the event's id was used for another template or recipient")]
    EventIdReused(Channel),
    /// The resource does not exist.
    #[error("not found")]
    NotFound,
    /// The content of a message is not stored, so that it cannot be resent.
    #[error("the content of the message is not stored")]
    ContentNotKept,
    /// The messages of an event differ between its channels, so that they cannot be resent by one request.
    #[error("the messages of the channels differ")]
    ChannelsDiffer,
    /// A message was resent as often as is allowed.
    #[error("the message was resent too often")]
    TooManyResends,
    /// The caller used the idempotency key for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The signature of a webhook could not be verified.
    #[error("webhook refused: {0}")]
    Webhook(InvalidWebhook),
    /// The settings lack what verifies this vendor's webhooks.
    #[error("the vendor is not set up")]
    WebhookNotConfigured,
    /// The configured key of a vendor's webhooks is malformed.
    #[error("the key of a vendor's webhooks {0}")]
    WebhookKey(Refusal),
    /// The certificate or confirmation of SNS could not be fetched.
    #[error(transparent)]
    Sns(SnsError),
    /// A problem made elsewhere.
    #[error("{}", .0.detail())]
    Problem(Problem),
    /// A call of DynamoDB failed. Nothing was sent.
    #[error("DynamoDB {0}")]
    Store(Failure),
    /// The key for hashing addresses could not be fetched. Nothing was sent.
    #[error(transparent)]
    Secret(SecretError),
    /// No provider accepted the message; a later try may succeed.
    #[error(transparent)]
    Send(SendError),
    /// A notification without an address for one of its channels passed validation: a mistake in this program.
    #[error("the notification has no address for one of its channels")]
    AddressMissing,
    /// The lease of the event expired before sending began, because the process was paused. Nothing was sent.
    #[error("the lease expired before the message was sent")]
    LeaseExpired,
    /// A template could not be rendered, or its data contain what this shop does not send.
    #[error(transparent)]
    Render(RenderError),
    /// The task that sends panicked or was cancelled.
    #[error("the sending task stopped: {0}")]
    TaskStopped(tokio::task::JoinError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InProgress(left) => Self::conflict(
                "notification_in_progress",
                "The notification is being sent",
                "Another request is sending this event. Repeat the request after `Retry-After` to get the result.",
            )
            .with_retry_after(left),
            Error::EventIdReused(_) => Self::conflict(
                "event_id_reused",
                "The event's id was used before",
                "An earlier request used this event id with another template or recipient. Nothing was sent. Use a new id for each event.",
            ),
            Error::NotFound => Self::not_found(),
            Error::ContentNotKept => Self::conflict(
                "content_not_kept",
                "The content is not stored",
                "The content of this message is not stored, because it contained a secret, is too old or too large. It cannot be resent.",
            ),
            Error::ChannelsDiffer => Self::conflict(
                "told_differently",
                "The channels have different messages",
                "The messages of this event differ in template, data or locale between its channels. Name the `channel` to resend.",
            ),
            Error::TooManyResends => Self::conflict(
                "too_many_resends",
                "The message was resent too often",
                "This message has reached the limit of resends.",
            ),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another request",
                "Use a new key for each resend, and the same key only to repeat a request unchanged.",
            ),
            Error::Webhook(invalid) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                "The signature is invalid",
                "The request was ignored: its signature does not prove that the vendor sent it recently and to this shop.",
            )
            .with_cause(invalid),
            Error::WebhookNotConfigured => Self::new(
                StatusCode::NOT_FOUND,
                "webhook_not_configured",
                "The vendor is not configured",
                "This shop does not accept webhooks of this vendor: its settings lack the key that verifies them.",
            ),
            Error::Problem(problem) => problem,
            Error::Store(Failure::Unavailable(_)) | Error::Send(_) | Error::Secret(_) | Error::Sns(_) | Error::LeaseExpired => {
                Self::unavailable(error)
            }
            Error::Render(RenderError::Refused(errors)) => Self::invalid_input(errors),
            Error::Store(Failure::Refused(_))
            | Error::WebhookKey(_)
            | Error::AddressMissing
            | Error::Render(RenderError::Template(_))
            | Error::TaskStopped(_) => Self::internal(error),
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
