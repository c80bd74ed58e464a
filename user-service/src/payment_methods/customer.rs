//! The Stripe customer of an account, created when it is first needed.

use stripe::{CustomerId, StripeError};

use super::store;
use crate::{app::App, error::Error, ids::UserId};

/// The account's customer, created if none is known. Safe to interrupt, repeat and run several times at once: Stripe
/// creates one customer for the key, and the account's row keeps the first that is saved.
///
/// The parameters under this key never vary, or Stripe would refuse it. Stripe repeats the first answer to a key for at
/// least a day, failures included (<https://docs.stripe.com/api/idempotent_requests>): after a 500 the Stripe client
/// tries the next key, and a customer that the 500 hid stays empty.
pub(super) async fn ensure(app: &App, user: UserId, known: Option<CustomerId>) -> Result<CustomerId, Error> {
    match known {
        Some(known) => Ok(known),
        None => make(app, user, &format!("customer:{user}")).await,
    }
}

/// Creates a customer to replace one that Stripe does not have any more, for example because it was deleted in Stripe's
/// dashboard. The key contains the deleted id: for the first key Stripe may still answer with that customer.
pub(super) async fn replace(app: &App, user: UserId, gone: &CustomerId) -> Result<CustomerId, Error> {
    store::forget_customer(&app.database, user, gone).await?;
    make(app, user, &format!("customer:{user}:{gone}")).await
}

async fn make(app: &App, user: UserId, key: &str) -> Result<CustomerId, Error> {
    let db = &app.database;
    let user_id = user.to_string();
    let made = match app.stripe.create_customer(key, &[("user_id", &user_id)]).await {
        Ok(customer) => customer.id,
        // Another request is creating the customer; it may have saved it by now.
        Err(error @ StripeError::Busy) => return store::customer(db, user).await?.flatten().ok_or(error.into()),
        Err(error) => return Err(error.into()),
    };
    store::save_customer(db, user, &made).await?.ok_or(Error::NotFound)
}
