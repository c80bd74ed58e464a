//! Everything that can go wrong here, and the one place that says what a client hears of it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::problem::{FieldError, Problem};
use http::StatusCode;
use platform::{client::CallError, config::SecretError, postgres};
use stripe::{StripeError, webhook::WebhookError};

use crate::{
    checkout::domain::Refused,
    ids::{NotAShopper, OrderId},
    limits::domain::{Exceeded, Kind, What},
    orders::domain::{Illegal, State},
    terms::NotSold,
};

/// A failure of transaction-service. Its text is for logs and triggers: it never shows an address, a secret or what a shopper
/// sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, or not the caller's.
    #[error("there is no such thing")]
    NotFound,
    /// Fields are refused by a sibling.
    #[error("{} fields are refused", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The request does not become an order.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The shop does not sell the basket on its terms.
    #[error(transparent)]
    NotSold(#[from] NotSold),
    /// The key made another order, or is making one.
    #[error("the key was used for another request")]
    KeyReused,
    /// The order of this key is being made, by another request.
    #[error("another request is making the order")]
    InProgress,
    /// The attempt of this key gave its stock back before it became an order.
    #[error("the attempt has ended")]
    AttemptEnded,
    /// Lines are short; which ones.
    #[error("not enough in stock")]
    OutOfStock(Vec<FieldError>),
    /// Others are about to buy the last units, or to let go of them.
    #[error("other requests have taken the last units")]
    StockContended,
    /// The cart is not in the version that the shopper saw.
    #[error("the cart has changed")]
    CartChanged,
    /// The version of the cart has become this live order.
    #[error("the cart is ordered already")]
    CartAlreadyOrdered(OrderId),
    /// There is nothing in the cart.
    #[error("the cart is empty")]
    CartEmpty,
    /// A limit is met; the caller's own open orders.
    #[error("{0}")]
    Limited(Exceeded, Vec<OrderId>),
    /// The order is past cancelling.
    #[error("an order that is {} cannot be cancelled", .0.as_str())]
    NotCancellable(State),
    /// A webhook that is not Stripe's, or not in time.
    #[error("webhook: {0}")]
    Webhook(WebhookError),
    /// A common failure that needs no name of ours.
    #[error("{}", .0.kind())]
    Problem(Problem),
    /// A sibling could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The siblings took so long that no time is left to make an order.
    #[error("the siblings did not answer in time")]
    Late,
    /// A sibling answered something else.
    #[error("a sibling: {0}")]
    Sibling(String),
    /// Stripe could not be asked, or we asked wrongly.
    #[error("Stripe: {0}")]
    Stripe(StripeError),
    /// Stripe's answers don't come to an end.
    #[error("Stripe's answers did not come to an end")]
    Unsettled,
    /// Two accounts of one payment contradict each other.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// A secret could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A saved order could not be read.
    #[error("a saved order cannot be read: {0}")]
    Corrupt(String),
    /// The database failed, or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(sqlx::Error),
}

impl Error {
    /// Whether everything else would fail for the same cause, so that a sweep had better stop: a store that is away, or
    /// Stripe asking for fewer calls. All other failures are of one order, a statement that the database refused among them;
    /// the sweep goes on with the next.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) => postgres::is_outage(error),
            Self::Secret(_) | Self::Call(_) | Self::Stripe(StripeError::RateLimited) => true,
            _ => false,
        }
    }

    /// Whether the same may succeed when it is only repeated: an outage, a call to Stripe without a clear answer, a key of
    /// ours that Stripe refuses until it is set right, or a race. All other failures are of what is stored here or at Stripe,
    /// and stay until that changes.
    pub fn may_pass(&self) -> bool {
        use StripeError::{Busy, Unauthorized, Unknown};
        let is_of_the_moment =
            matches!(self, Self::Unsettled | Self::Late | Self::Stripe(Unknown(_) | Busy | Unauthorized(_)));
        is_of_the_moment || self.is_outage()
    }

    /// The same failure, with each of its entries about fields changed.
    #[must_use]
    pub fn with_entries(self, change: impl Fn(FieldError) -> FieldError) -> Self {
        let all = |errors: Vec<FieldError>| errors.into_iter().map(change).collect();
        match self {
            Self::InvalidInput(errors) => Self::InvalidInput(all(errors)),
            Self::OutOfStock(errors) => Self::OutOfStock(all(errors)),
            error => error,
        }
    }
}

/// When to ask again for an order that another request is making.
const IN_PROGRESS_FOR: Duration = Duration::from_secs(1);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::InvalidInput(errors) => Self::invalid_input(errors),
            Error::Refused(refused) => not_ordered(refused),
            Error::NotSold(refused) => not_sold(refused),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another request",
                "This key belongs to an attempt with other content. Make a new key for a new attempt.",
            ),
            Error::InProgress => Self::conflict(
                "request_in_progress",
                "The order is being made",
                "Another request with this key is at work. Repeat it shortly to get its answer.",
            )
            .with_retry_after(IN_PROGRESS_FOR),
            Error::AttemptEnded => Self::conflict(
                "attempt_ended",
                "The attempt has ended",
                "The attempt of this key ended without an order. Make a new key and try again.",
            ),
            Error::OutOfStock(errors) => {
                Self::conflict("out_of_stock", "Not enough in stock", "Nothing was ordered; errors says what is short.")
                    .with_errors(errors)
            }
            Error::StockContended => Self::conflict(
                "stock_contended",
                "Others are buying the last units",
                "Nothing was ordered. What is left is taken by orders that may yet come to nothing: repeat this one \
                 shortly, with the same key.",
            )
            .with_retry_after(IN_PROGRESS_FOR),
            Error::CartChanged => Self::conflict(
                "cart_changed",
                "The cart has changed",
                "The cart is not in the version you named. Read it again, and order with a new key.",
            ),
            Error::CartAlreadyOrdered(order) => Self::conflict(
                "cart_already_ordered",
                "The cart is ordered already",
                "This version of the cart has become an order, under another key; order_id says which. Pay or cancel that \
                 one; once it has failed, was cancelled or expired, the cart can be ordered again.",
            )
            .with_member("order_id", serde_json::json!(order)),
            Error::Limited(exceeded, open) => limited(exceeded, &open),
            Error::CartEmpty => Self::conflict("cart_empty", "The cart is empty", "Put something into it first."),
            Error::NotCancellable(state) => Self::conflict(
                "not_cancellable",
                "The order can no longer be cancelled",
                format!("It is {}. Only an order that waits for its payment can be cancelled.", state.as_str()),
            ),
            Error::Webhook(error) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                "The webhook is not signed",
                "Stripe-Signature is missing, old, or does not fit the body.",
            )
            .with_cause(error),
            Error::Problem(problem) => problem,
            Error::Call(error) => error.into(),
            Error::Stripe(error) => error.into(),
            Error::Late => Self::unavailable("the siblings did not answer in time"),
            Error::Unsettled => Self::unavailable("Stripe's answers did not come to an end"),
            Error::Illegal(illegal) => Self::internal(illegal),
            Error::Secret(error) => Self::unavailable(error),
            Error::Sibling(cause) | Error::Corrupt(cause) => Self::internal(cause),
            Error::Database(error) => postgres::problem(error),
        }
    }
}

/// Why a request does not become an order.
fn not_ordered(refused: Refused) -> Problem {
    match refused {
        Refused::InvalidInput(errors) => Problem::invalid_input(errors),
        Refused::NotSold(refused) => not_sold(refused),
        Refused::AccountDisabled => Problem::new(
            StatusCode::FORBIDDEN,
            "account_disabled",
            "The account may not order",
            "This account is disabled. Contact the shop.",
        ),
        Refused::QuoteChanged(pricing) => Problem::conflict(
            "quote_changed",
            "The price has changed",
            "The total is not the one you expected; nothing was charged. quote says what it is now: show it, and \
             order again with a new key.",
        )
        .with_member("quote", serde_json::json!(pricing)),
    }
}

/// Why the shop does not sell a basket on its terms.
fn not_sold(refused: NotSold) -> Problem {
    match refused {
        NotSold::InvalidInput(errors) => Problem::invalid_input(errors),
        NotSold::TotalTooSmall { total, minimum } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "total_too_small",
            "The total is too small to be charged",
            format!("Nothing was ordered. The total is {total}, and payments start at {minimum}: add something."),
        )
        .with_member("total", serde_json::json!(total))
        .with_member("minimum", serde_json::json!(minimum)),
        NotSold::TotalTooLarge { total, maximum } => {
            let detail = format!(
                "Nothing was ordered. One payment takes up to {maximum}: order less at a time; what costs more by itself \
                 cannot be paid in one payment."
            );
            let (status, title) = (StatusCode::UNPROCESSABLE_ENTITY, "The total is too large to be charged");
            let problem = Problem::new(status, "total_too_large", title, detail);
            let problem = problem.with_member("maximum", serde_json::json!(maximum));
            match total {
                Some(total) => problem.with_member("total", serde_json::json!(total)),
                None => problem,
            }
        }
        NotSold::Contradiction(cause) => Problem::internal(cause),
    }
}

/// A limit that is met, and what the client can do about it.
fn limited(Exceeded { what, by, most }: Exceeded, open: &[OrderId]) -> Problem {
    let (counted_by, by, mend) = match by {
        Kind::User | Kind::Guest => ("caller", "you", "Pay or cancel one of open_orders"),
        Kind::Recipient => ("recipient", "this e-mail address", "Pay or cancel one of them, or wait until one expires"),
        Kind::Source => ("source", "your network", "Wait until some of them are paid, cancelled or expired"),
    };
    let problem = match what {
        What::OpenOrders => {
            let detail = format!(
                "Nothing was ordered: {most} orders of {by} wait for their payment, and no more may. {mend}, and order \
                 again with a new key."
            );
            Problem::conflict("too_many_open_orders", "Too many orders wait for their payment", detail)
        }
        What::HeldUnits => {
            // A caller who has no open order can only order fewer.
            let mend = if counted_by == "caller" && open.is_empty() {
                "Order fewer units".to_owned()
            } else {
                format!("{mend}, or order fewer units")
            };
            let detail = format!(
                "Nothing was ordered: orders of {by} may hold at most {most} units that are not paid, this one included. \
                 {mend}, with a new key."
            );
            Problem::conflict("too_many_units_held", "Too many units are held without payment", detail)
        }
        What::Declines(wait) => {
            let detail = format!(
                "Nothing was ordered: too many payments of {by} were declined, or may yet be. Order again after \
                 Retry-After, with a new key."
            );
            let title = "Too many payments were declined";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_declines", title, detail).with_retry_after(wait)
        }
    };
    let problem = problem.with_member("counted_by", serde_json::json!(counted_by));
    if open.is_empty() { problem } else { problem.with_member("open_orders", serde_json::json!(open)) }
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

impl From<NotAShopper> for Error {
    fn from(_: NotAShopper) -> Self {
        Self::Problem(Problem::forbidden("orders"))
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
        Self::Database(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_each_failure_that_has_some_are_changed() {
        let errors = || vec![FieldError::new("/lines/0/sku", "refused", "is refused")];
        for error in [Error::InvalidInput(errors()), Error::OutOfStock(errors())] {
            let changed = error.with_entries(|entry| FieldError { pointer: "/cart_version".to_owned(), ..entry });
            let (Error::InvalidInput(errors) | Error::OutOfStock(errors)) = changed else { panic!("{changed}") };
            assert_eq!(errors.into_iter().map(|entry| entry.pointer).collect::<Vec<_>>(), ["/cart_version"]);
        }
    }
}
