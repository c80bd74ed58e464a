//! Everything that can go wrong here, and the one place that says what a client hears of it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::problem::{FieldError, Problem};
use http::{HeaderValue, StatusCode, header};
use platform::{config::SecretError, postgres};
use stripe::StripeError;

use crate::{keys::domain::KeysError, limits::domain::TooMany, opaque::NoRandomness, users::domain::NEEDS_PHONE};

/// What a client waits whose password could not be looked at: about as long as the queue before it.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// A failure of user-service.
#[derive(Debug)]
pub enum Error {
    /// The password is wrong, or the account is absent or disabled; nobody hears which.
    InvalidCredentials,
    /// Too many attempts of a kind were counted, whether or not there is an account.
    TooManyAttempts(TooMany),
    /// The passwords before this one took all the time that it could wait.
    PasswordsBusy,
    /// The refresh token is unknown, expired, or was used before.
    InvalidRefreshToken,
    /// Absent, or not the caller's.
    NotFound,
    /// The resource was changed since the client read it.
    Stale,
    /// The user has as many addresses as a user may have.
    TooManyAddresses,
    /// The cart has as many items as a cart may have.
    CartFull,
    /// A common failure that needs no name of ours.
    Problem(Problem),
    /// The signing keys cannot be had.
    Keys(KeysError),
    /// The key that limits count under cannot be had.
    Fingerprints(SecretError),
    /// A password could not be hashed, or a saved hash could not be read.
    Hashing(String),
    /// A secret could not be made.
    NoRandomness(NoRandomness),
    /// The database failed, or could not be reached.
    Database(sqlx::Error),
    /// Stripe refused, failed, or could not be reached.
    Stripe(StripeError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => challenged(
                "invalid_credentials",
                "The credentials are wrong",
                "No account has this address and password.",
            ),
            Error::TooManyAttempts(TooMany { wait }) => {
                Self::too_many_requests("Too many attempts. Wait as long as Retry-After says, then try again.", wait)
            }
            Error::PasswordsBusy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "passwords_busy",
                "Too many passwords are being checked",
                "The password was not looked at. Wait as long as Retry-After says, then send the same request again.",
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
                Self::conflict("cart_full", "The cart is full", "Take something out before you put another SKU in.")
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
            // It may have had its effect: whoever asks again finds it, or does it under the same key.
            Error::Stripe(
                error @ (StripeError::Unknown(_)
                | StripeError::RateLimited
                | StripeError::Busy
                | StripeError::Unreadable(_)),
            ) => Self::unavailable(error),
            // Nothing of what is asked of Stripe here comes from the client but an id, whose absence is a 404 by now.
            Error::Stripe(
                error @ (StripeError::Declined(_)
                | StripeError::Invalid(_)
                | StripeError::NotFound
                | StripeError::KeyReused(_)
                | StripeError::Unauthorized(_)),
            ) => Self::internal(error),
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

impl From<TooMany> for Error {
    fn from(refused: TooMany) -> Self {
        Self::TooManyAttempts(refused)
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        Self::Fingerprints(error)
    }
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl From<NoRandomness> for Error {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

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
            // The account went while its tokens are still good.
            Some("carts_of_user") => Self::NotFound,
            _ => Self::Database(error),
        }
    }
}

/// For triggers: operators read this. Never shows an address, a password or a token.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvalidCredentials => f.write_str("the credentials are wrong"),
            Self::TooManyAttempts(TooMany { wait }) => write!(f, "too many attempts; wait {} s", wait.as_secs()),
            Self::PasswordsBusy => f.write_str("too many passwords are being checked"),
            Self::InvalidRefreshToken => f.write_str("the refresh token is not valid"),
            Self::NotFound => f.write_str("there is no such thing"),
            Self::Stale => f.write_str("it was changed in between"),
            Self::TooManyAddresses => f.write_str("too many addresses"),
            Self::CartFull => f.write_str("the cart is full"),
            Self::Problem(problem) => f.write_str(problem.kind()),
            Self::Keys(error) => error.fmt(f),
            Self::Fingerprints(error) => error.fmt(f),
            Self::Hashing(cause) => write!(f, "hashing failed: {cause}"),
            Self::NoRandomness(error) => error.fmt(f),
            Self::Database(error) => write!(f, "PostgreSQL: {error}"),
            Self::Stripe(error) => write!(f, "Stripe: {error}"),
        }
    }
}

impl std::error::Error for Error {}
