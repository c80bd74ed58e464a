//! All failures of this service, and the one place that maps them to problems.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::problem::{FieldError, Problem};
use http::StatusCode;
use platform::{client::CallError, config::SecretError, postgres};
use stripe::{StripeError, webhook::WebhookError};

use crate::{
    checkout::domain::Refused,
    ids::{NotAShopper, OrderId},
    limits::domain::{Exceeded, Kind, Limit},
    orders::domain::{InvalidTransition, State},
    shop_settings::NotSold,
};

/// A failure of transaction-service. The text is for logs and triggers: it has no address, no secret and nothing that a
/// shopper sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order does not exist, or is not the caller's.
    #[error("there is no such order")]
    NotFound,
    /// product-service refuses fields.
    #[error("invalid input: {} fields", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// The request does not become an order.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The basket has no total that can be charged.
    #[error(transparent)]
    NotSold(#[from] NotSold),
    /// The key made another order, or is making one.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Another request is making the order of this key.
    #[error("another request with this key is in progress")]
    InProgress,
    /// The stock of this key's attempt was released before it became an order.
    #[error("the attempt with this key ended without an order")]
    AttemptEnded,
    /// These lines have too few units in stock.
    #[error("not enough in stock")]
    OutOfStock(Vec<FieldError>),
    /// Orders in progress hold the last units, and may still release them.
    #[error("orders in progress hold the last units")]
    StockContended,
    /// The cart is not in the version that the shopper saw.
    #[error("the cart has changed")]
    CartChanged,
    /// The version of the cart was ordered before, as this live order.
    #[error("the cart was already ordered")]
    CartAlreadyOrdered(OrderId),
    /// The cart has no lines.
    #[error("the cart is empty")]
    CartEmpty,
    /// A limit is reached; with the caller's own open orders.
    #[error("{0}")]
    Limited(Exceeded, Vec<OrderId>),
    /// An order in this state cannot be cancelled.
    #[error("an order that is {} cannot be cancelled", .0.as_str())]
    NotCancellable(State),
    /// The signature of a webhook is missing, wrong or too old.
    #[error("webhook: {0}")]
    Webhook(WebhookError),
    /// A problem that a shared part has made.
    #[error("{}", .0.kind())]
    Problem(Problem),
    /// A call of another service failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The other services took so long that no time is left to make an order.
    #[error("other services did not answer in time")]
    Timeout,
    /// The answer of another service has an unknown form.
    #[error("unexpected answer of another service: {0}")]
    UnexpectedAnswer(String),
    /// A call of Stripe failed.
    #[error("Stripe: {0}")]
    Stripe(StripeError),
    /// The payment reached no final or waiting state within its steps; a retry or the sweep goes on.
    #[error("the payment was not settled")]
    Unsettled,
    /// Stripe reports an outcome that may not follow the state of the order.
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    /// A secret could not be read.
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
    /// Whether all other work would fail for the same cause, so that a sweep should stop: a store that is down, or Stripe
    /// limiting calls. All other failures, such as a statement that the database refuses, are of one order; the sweep goes on
    /// with the next.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) => postgres::is_outage(error),
            Self::Secret(_) | Self::Call(_) | Self::Stripe(StripeError::RateLimited) => true,
            _ => false,
        }
    }

    /// Whether the same work may succeed when repeated: after an outage, a call of Stripe without a clear answer, an API key
    /// that Stripe refuses, or a race. All other failures come from what is stored here or at Stripe, and stay until that
    /// changes.
    pub fn is_transient(&self) -> bool {
        use StripeError::{Busy, Unauthorized, Unknown};
        let is_momentary =
            matches!(self, Self::Unsettled | Self::Timeout | Self::Stripe(Unknown(_) | Busy | Unauthorized(_)));
        is_momentary || self.is_outage()
    }

    /// The same failure, with `change` applied to each of its entries about fields.
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

/// `Retry-After` of an order that another request is making.
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
                "This key belongs to a request with other content. Use a new key for each order; reuse a key only to repeat the same \
                 request.",
            ),
            Error::InProgress => Self::conflict(
                "request_in_progress",
                "The order is being made",
                "Another request with this key is in progress. Repeat this request shortly to get its answer.",
            )
            .with_retry_after(IN_PROGRESS_FOR),
            Error::AttemptEnded => Self::conflict(
                "attempt_ended",
                "The attempt has ended",
                "The attempt of this key ended without an order, and its stock was released. Order again with a new key.",
            ),
            Error::OutOfStock(errors) => {
                Self::conflict("out_of_stock", "Not enough in stock", "Nothing was ordered; `errors` lists the lines that are short.")
                    .with_errors(errors)
            }
            Error::StockContended => Self::conflict(
                "stock_contended",
                "Other orders hold the last units",
                "Nothing was ordered. Orders in progress hold the last units and may still release them: send the request \
                 again shortly, with the same key.",
            )
            .with_retry_after(IN_PROGRESS_FOR),
            Error::CartChanged => Self::conflict(
                "cart_changed",
                "The cart has changed",
                "The cart's version differs from `cart_version`. Read the cart again, and order with a new key.",
            ),
            Error::CartAlreadyOrdered(order) => Self::conflict(
                "cart_already_ordered",
                "The cart was already ordered",
                "This version of the cart was ordered under another key, as order `order_id`. Pay or cancel that order; once it \
                 has failed, was cancelled or expired, the cart can be ordered again.",
            )
            .with_member("order_id", serde_json::json!(order)),
            Error::Limited(exceeded, open) => limited(exceeded, &open),
            Error::CartEmpty => Self::conflict("cart_empty", "The cart is empty", "Add a line to the cart first."),
            Error::NotCancellable(state) => Self::conflict(
                "not_cancellable",
                "The order can no longer be cancelled",
                format!("It is {}. Only an order that waits for its payment can be cancelled.", state.as_str()),
            ),
            Error::Webhook(error) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_signature",
                "The webhook signature is invalid",
                "Stripe-Signature is missing, too old, or does not match the body.",
            )
            .with_cause(error),
            Error::Problem(problem) => problem,
            Error::Call(error) => error.into(),
            Error::Stripe(error) => error.into(),
            Error::Timeout => Self::unavailable("other services did not answer in time"),
            Error::Unsettled => Self::unavailable("the payment was not settled"),
            Error::InvalidTransition(illegal) => Self::internal(illegal),
            Error::Secret(error) => Self::unavailable(error),
            Error::UnexpectedAnswer(cause) | Error::Corrupt(cause) => Self::internal(cause),
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
            "The total differs from `expected_total`; nothing was charged. `quote` has the current prices: show them, and order \
             again with a new key.",
        )
        .with_member("quote", serde_json::json!(pricing)),
    }
}

/// Why a basket has no total that can be charged.
fn not_sold(refused: NotSold) -> Problem {
    match refused {
        NotSold::InvalidInput(errors) => Problem::invalid_input(errors),
        NotSold::TotalTooSmall { total, minimum } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "total_too_small",
            "The total is too small to be charged",
            format!(
                "Nothing was ordered. The total is {total}, and the minimum charge is {minimum}: add units or lines."
            ),
        )
        .with_member("total", serde_json::json!(total))
        .with_member("minimum", serde_json::json!(minimum)),
        NotSold::TotalTooLarge { total, maximum } => {
            let detail =
                format!("Nothing was ordered. The maximum charge is {maximum}: divide the lines among several orders.");
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

/// The limit that is reached, and what the client can do.
fn limited(Exceeded { limit, by, most }: Exceeded, open: &[OrderId]) -> Problem {
    let (counted_by, by, mend) = match by {
        Kind::User | Kind::Guest => ("caller", "you", "Pay or cancel one of `open_orders`"),
        Kind::Recipient => ("recipient", "this e-mail address", "Pay or cancel one of them, or wait until one expires"),
        Kind::Source => ("source", "your network", "Wait until some of them are paid, cancelled or expired"),
    };
    let problem = match limit {
        Limit::OpenOrders => {
            let detail = format!(
                "Nothing was ordered: {most} orders of {by} wait for payment, which is the limit. {mend}, and order again with a \
                 new key."
            );
            Problem::conflict("too_many_open_orders", "Too many orders wait for payment", detail)
        }
        Limit::HeldUnits => {
            // A caller who has no open order can only order fewer.
            let mend = if counted_by == "caller" && open.is_empty() {
                "Order fewer units".to_owned()
            } else {
                format!("{mend}, or order fewer units")
            };
            let detail = format!(
                "Nothing was ordered: unpaid orders of {by} may hold at most {most} units, this order included. {mend}, and order \
                 again with a new key."
            );
            Problem::conflict("too_many_units_held", "Too many units are held without payment", detail)
        }
        Limit::Declines(wait) => {
            let detail = format!(
                "Nothing was ordered: too many payments of {by} were declined, or may still be declined. Order again after \
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
