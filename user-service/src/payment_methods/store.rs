//! Every query of the accounts' customers at Stripe.

use common::contact::Email;
use sqlx::PgExecutor;
use stripe::CustomerId;

use crate::ids::UserId;

/// Finds the customer of an account, if it has one yet; `None` when there is no such account.
pub async fn customer(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<Option<CustomerId>>, sqlx::Error> {
    let select = "SELECT stripe_customer_id FROM users WHERE id = $1";
    let row: Option<Option<String>> = sqlx::query_scalar(select).bind(user.uuid()).fetch_optional(db).await?;
    row.map(|id| id.as_deref().map(read).transpose()).transpose()
}

/// An account that saves a card.
#[derive(Debug)]
pub struct Payer {
    /// The account's e-mail address.
    pub email: Email,
    /// The account's customer at Stripe, if it has one yet.
    pub customer: Option<CustomerId>,
}

/// Finds an account that saves a card; `None` when there is no such account.
pub async fn payer(db: impl PgExecutor<'_>, user: UserId) -> Result<Option<Payer>, sqlx::Error> {
    let select = "SELECT email, stripe_customer_id FROM users WHERE id = $1";
    let row: Option<(String, Option<String>)> = sqlx::query_as(select).bind(user.uuid()).fetch_optional(db).await?;
    let Some((email, customer)) = row else { return Ok(None) };
    let email = email.parse().map_err(|error: common::input::Refusal| sqlx::Error::Decode(error.into()))?;
    Ok(Some(Payer { email, customer: customer.as_deref().map(read).transpose()? }))
}

/// Saves an account's customer unless it has one. Returns the customer that it has now; `None` when there is no such
/// account.
pub async fn save_customer(
    db: impl PgExecutor<'_>,
    user: UserId,
    customer: &CustomerId,
) -> Result<Option<CustomerId>, sqlx::Error> {
    let save = "UPDATE users SET stripe_customer_id = COALESCE(stripe_customer_id, $2) WHERE id = $1
                RETURNING stripe_customer_id";
    let row: Option<String> =
        sqlx::query_scalar(save).bind(user.uuid()).bind(customer.to_string()).fetch_optional(db).await?;
    row.as_deref().map(read).transpose()
}

/// Removes an account's customer, if it is still this one.
pub async fn forget_customer(db: impl PgExecutor<'_>, user: UserId, gone: &CustomerId) -> Result<(), sqlx::Error> {
    let forget = "UPDATE users SET stripe_customer_id = NULL WHERE id = $1 AND stripe_customer_id = $2";
    sqlx::query(forget).bind(user.uuid()).bind(gone.to_string()).execute(db).await.map(|_| ())
}

/// Reads a stored id; the constraint `users_stripe_customer_form` allows only readable ones.
fn read(id: &str) -> Result<CustomerId, sqlx::Error> {
    id.parse().map_err(|error: common::input::Refusal| sqlx::Error::Decode(error.into()))
}
