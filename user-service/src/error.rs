//! The failures of this service, and the one place that maps each to an answer for the client.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::problem::{FieldError, Problem};
use http::{HeaderValue, StatusCode, header};
use platform::{config::SecretError, postgres};
use stripe::StripeError;

use crate::{keys::domain::KeysError, limits::domain::TooMany, opaque::NoRandomness, users::domain::NEEDS_PHONE};

/// `Retry-After` for a password that was not checked: about the time that the queue before it needs.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// A failure of user-service. Its text goes to logs, and never holds an address, a password or a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The password is wrong, or the account is absent or disabled; the answer is the same for all three.
    #[error("the credentials are wrong")]
    InvalidCredentials,
    /// Too many attempts of a kind were counted, whether or not there is an account.
    #[error(transparent)]
    TooManyAttempts(#[from] TooMany),
    /// The password waited for its turn until its time was up, and was not checked.
    #[error("too many passwords are being checked")]
    PasswordsBusy,
    /// The refresh token is unknown, expired, or was used before.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The resource is absent, or not the caller's.
    #[error("not found")]
    NotFound,
    /// The resource was changed since the client read it.
    #[error("the resource was changed since the client read it")]
    Stale,
    /// The user has as many addresses as a user may have.
    #[error("the user has the maximum number of addresses")]
    TooManyAddresses,
    /// The cart has as many items as a cart may have.
    #[error("the cart is full")]
    CartFull,
    /// A failure that all services share; it has its answer already.
    #[error("{}", .0.kind())]
    Problem(Problem),
    /// The signing keys cannot be read, or signing failed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key that makes the fingerprints of limits cannot be read.
    #[error(transparent)]
    Fingerprints(#[from] SecretError),
    /// A password could not be hashed, or a saved hash could not be read.
    #[error("password hashing failed: {0}")]
    Hashing(String),
    /// A random secret could not be generated.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database failed, or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(sqlx::Error),
    /// Stripe refused, failed, or could not be reached.
    #[error("Stripe: {0}")]
    Stripe(StripeError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => challenged(
                "invalid_credentials",
                "The credentials are wrong",
                "No account has this e-mail address and password.",
            ),
            Error::TooManyAttempts(TooMany { wait }) => {
                Self::too_many_requests("Too many attempts. Wait as long as Retry-After says, then try again.", wait)
            }
            Error::PasswordsBusy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "passwords_busy",
                "Too many passwords are being checked",
                "The password was not checked. Wait as long as Retry-After says, then send the same request again.",
            )
            .with_retry_after(BUSY_WAIT),
            Error::InvalidRefreshToken => challenged(
                "invalid_refresh_token",
                "The refresh token is not valid",
                "It has expired, was used before, or was never issued. Log in again.",
            ),
            Error::NotFound => Self::not_found(),
            Error::Stale => Self::stale(),
            Error::TooManyAddresses => {
                Self::conflict("too_many_addresses", "Too many addresses", "Delete an address before you add another.")
            }
            Error::CartFull => {
                Self::conflict("cart_full", "The cart is full", "Remove an item before you add another SKU.")
            }
            Error::Problem(problem) => problem,
            Error::Keys(error @ KeysError::Secret(_)) => Self::unavailable(error),
            Error::Keys(error @ (KeysError::Unusable { .. } | KeysError::Missing | KeysError::Signing(_))) => {
                Self::internal(error)
            }
            Error::Fingerprints(error) => Self::unavailable(error),
            Error::Hashing(cause) => Self::internal(cause),
            Error::NoRandomness(error) => Self::internal(error),
            Error::Database(error) => postgres::problem(error),
            // Calls to Stripe carry nothing of the client's but an id, and an unknown id has been answered with 404
            // before.
            Error::Stripe(error) => error.into(),
        }
    }
}

/// 401, with the challenge that RFC 9110 (15.5.2) asks of every 401.
fn challenged(kind: &'static str, title: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, kind, title, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bodega\""))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// `#[from]` would make it a cause as well; the text has it already, and a log would show it twice.
impl From<StripeError> for Error {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("users_address_limit") => Self::TooManyAddresses,
            Some("carts_item_limit") => Self::CartFull,
            Some("users_sms_needs_phone") => {
                let refused = FieldError::new("/notify_by", "needs_phone", NEEDS_PHONE);
                Self::Problem(Problem::invalid_input(vec![refused]))
            }
            // The account was deleted while its tokens are still valid.
            Some("carts_of_user") => Self::NotFound,
            _ => Self::Database(error),
        }
    }
}
