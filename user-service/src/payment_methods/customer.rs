//! Which customer of Stripe's an account is: made when it is first needed, and never another.

use stripe::{CustomerId, StripeError};

use super::store;
use crate::{app::App, error::Error, ids::UserId};

/// The account's customer, made if none is known. May end anywhere and be done again, many at once: Stripe makes one for
/// the key, and the account's row keeps the first that is saved.
///
/// Under this key the parameters never vary, or Stripe would refuse it. What Stripe answered to a key it repeats for at
/// least a day, failures included (<https://docs.stripe.com/api/idempotent_requests>): after such a 500 the client makes
/// another under the next key, and one that the 500 hid stays empty.
pub(super) async fn ensure(app: &App, user: UserId, known: Option<CustomerId>) -> Result<CustomerId, Error> {
    match known {
        Some(known) => Ok(known),
        None => make(app, user, &format!("customer:{user}")).await,
    }
}

/// Another customer in the place of one that Stripe does not have any more, as after somebody deleted it there. The key
/// names the one that is gone: under the first key Stripe may still answer with that.
pub(super) async fn replace(app: &App, user: UserId, gone: &CustomerId) -> Result<CustomerId, Error> {
    store::forget_customer(&app.database, user, gone).await?;
    make(app, user, &format!("customer:{user}:{gone}")).await
}

async fn make(app: &App, user: UserId, key: &str) -> Result<CustomerId, Error> {
    let db = &app.database;
    let user_id = user.to_string();
    let made = match app.stripe.create_customer(key, &[("user_id", &user_id)]).await {
        Ok(customer) => customer.id,
        // Another request is making it; by now it may have saved it.
        Err(error @ StripeError::Busy) => return store::customer(db, user).await?.flatten().ok_or(error.into()),
        Err(error) => return Err(error.into()),
    };
    store::save_customer(db, user, &made).await?.ok_or(Error::NotFound)
}
