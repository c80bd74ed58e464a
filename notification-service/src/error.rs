//! Everything that can go wrong here, and the one place that says what a client hears of it.

use std::{fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use common::problem::Problem;
use platform::config::SecretError;

use crate::{aws::Failure, providers::Undelivered, templates::Unwritable};

/// A failure of notification-service.
#[derive(Debug)]
pub enum Error {
    /// Another request is sending the event; it holds it for so long at most.
    InProgress(Duration),
    /// DynamoDB failed us. Nothing was sent.
    Store(Failure),
    /// The key of the fingerprints could not be had. Nothing was sent.
    Secret(SecretError),
    /// No provider took it; asking again is right.
    Undelivered(Undelivered),
    /// A channel without an address.
    Unaddressed,
    /// Nothing is remembered of the event.
    NotFound,
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
            Error::NotFound => Self::not_found(),
            Error::InProgress(left) => Self::conflict(
                "notification_in_progress",
                "Being sent",
                "Another request is sending this event. Ask again, and hear how it ended.",
            )
            .with_retry_after(left),
            Error::Store(Failure::Unavailable(_)) | Error::Undelivered(_) | Error::Secret(_) | Error::TooLate => {
                Self::unavailable(error)
            }
            Error::Unwritable(Unwritable::Refused(errors)) => Self::invalid_input(errors),
            Error::Store(Failure::Refused(_))
            | Error::Unaddressed
            | Error::Unwritable(Unwritable::Template(_))
            | Error::Stopped(_) => Self::internal(error),
        }
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
            Self::NotFound => f.write_str("nothing is remembered of the event"),
            Self::InProgress(_) => f.write_str("another request is sending it"),
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
