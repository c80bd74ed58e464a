//! The saved payment methods of customers. Stripe stores them, and card numbers never reach this service, which stores
//! only the id of an account's customer at Stripe.

mod customer;
pub mod domain;
pub mod store;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes},
    extract::{Path, Query},
    http::RequestContext,
    input::Json,
    page::{List, Page, PageQuery},
    problem::{Problem, ProblemBody},
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use stripe::{CustomerId, PaymentMethodId, StripeError};
use uuid::Uuid;

use self::domain::{PaymentMethod, Setup};
use crate::{app::App, error::Error, ids::UserId, limits};

/// Stripe lists at most 100 at once, and one of them only shows whether there is a next page.
const MAX_PAGE: usize = 99;

/// The example of a page of payment methods.
fn page_example() -> Value {
    json!({ "items": [{
        "id": "pm_1PgafTB7WZ01zgkW5mhKPw9q", "kind": "card",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030},
        "created_at": "2026-11-22T09:30:00.125Z"
    }], "next_cursor": null })
}

const LIST: List<PaymentMethodId> = List::new("/users/me/payment-methods");

/// The routes of this room.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_payment_methods))
        .routes(routes!(set_up_payment_method))
        .routes(routes!(delete_payment_method))
}

/// List your own saved payment methods, newest first
#[utoipa::path(get, path = "/users/me/payment-methods", tag = "payment methods", security(("token" = ["profile"])),
    params(PageQuery), responses((status = OK, body = Page<PaymentMethod>, example = page_example),
        (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn list_payment_methods(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<PaymentMethod>>, Error> {
    let user = caller.user_id()?.into();
    let (limit, after) = LIST.read(&page)?;
    let limit = limit.min(MAX_PAGE);
    let customer = store::customer(&app.database, user).await?.ok_or(Error::NotFound)?;
    let methods = match customer {
        None => Vec::new(),
        Some(customer) => read_page(&app, &customer, limit + 1, after.as_ref()).await?,
    };
    Ok(Json(LIST.page(methods, limit, |method| method.id.clone()).map(PaymentMethod::from)))
}

async fn read_page(
    app: &App,
    customer: &CustomerId,
    count: usize,
    after: Option<&PaymentMethodId>,
) -> Result<Vec<stripe::PaymentMethod>, Error> {
    match app.stripe.list_payment_methods(customer, count, after).await {
        Ok(list) => {
            for unreadable in &list.unreadable {
                tracing::error!(object = %unreadable, "unreadable Stripe object skipped in the list of payment methods");
            }
            Ok(list.data)
        }
        Err(error) if after.is_some() && is_about_the_cursor(&error) => {
            let detail = "points to a payment method that was deleted: start again with the first page";
            Err(Problem::invalid_parameter("cursor", detail).into())
        }
        // The customer is gone at Stripe, and its cards with it.
        Err(StripeError::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Stripe reports an unknown cursor as a missing object or as an invalid parameter.
fn is_about_the_cursor(error: &StripeError) -> bool {
    match error {
        StripeError::NotFound => true,
        StripeError::Invalid(invalid) => invalid.param.as_deref() == Some("starting_after"),
        _ => false,
    }
}

/// Begin to save a payment method
///
/// Confirm the setup in the browser with Stripe.js and the `client_secret`: the card number goes to Stripe and never to
/// this API. After that the payment method is listed. Each setup saves one payment method.
///
/// 429 comes after ten setups in an hour for one account or one e-mail address, or thirty from one source address (the
/// shop can configure them), completed or not, because setups can be used to test stolen card numbers. After five
/// declined cards (the shop can configure it) Stripe refuses all cards of the same `client_secret`: begin another
/// setup.
#[utoipa::path(post, path = "/users/me/payment-methods/setup", tag = "payment methods",
    security(("token" = ["profile"])),
    responses((status = CREATED, description = "A setup to confirm with Stripe.js.", body = Setup),
    (status = NOT_FOUND, description = "The account of the token is gone.", body = ProblemBody,
        content_type = "application/problem+json"),
    (status = TOO_MANY_REQUESTS, description = "Too many attempts; `Retry-After` says when to try again.",
        body = ProblemBody, content_type = "application/problem+json")))]
async fn set_up_payment_method(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    caller: Caller<scopes::Profile>,
) -> Result<Response, Error> {
    let user = caller.user_id()?.into();
    let db = &app.database;
    let store::Payer { email, customer } = store::payer(db, user).await?.ok_or(Error::NotFound)?;
    let attempt = app.counting.setup(user.uuid(), &email, context.source()).await?;
    limits::count(db, &attempt, Timestamp::now()).await?;
    let customer = customer::ensure(&app, user, customer).await?;
    let intent = match set_up(&app, user, &customer).await {
        Err(StripeError::NotFound) => set_up(&app, user, &customer::replace(&app, user, &customer).await?).await,
        answered => answered,
    }?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(Setup::from(intent))).into_response())
}

async fn set_up(app: &App, user: UserId, customer: &CustomerId) -> Result<stripe::SetupIntent, StripeError> {
    // transaction-service uses this to count the declined cards of a SetupIntent for the account.
    let user_id = user.to_string();
    // A new key for each call: it makes the retries of the Stripe client safe.
    let key = format!("setup:{}", Uuid::new_v4());
    app.stripe.create_setup_intent(&key, customer, &[("user_id", &user_id)]).await
}

/// Delete a saved payment method
///
/// A deleted payment method cannot be charged, and cannot be saved again under the same id.
#[utoipa::path(delete, path = "/users/me/payment-methods/{payment_method_id}", tag = "payment methods",
    security(("token" = ["profile"])),
    params(("payment_method_id" = String, Path, description = "Id of the payment method at Stripe.",
        example = "pm_1PgafTB7WZ01zgkW5mhKPw9q")),
    responses((status = NO_CONTENT, description = "The payment method is deleted.")))]
async fn delete_payment_method(
    State(app): State<App>,
    caller: Caller<scopes::Profile>,
    Path(id): Path<PaymentMethodId>,
) -> Result<StatusCode, Error> {
    let user = caller.user_id()?.into();
    let customer = store::customer(&app.database, user).await?.flatten().ok_or(Error::NotFound)?;
    must_belong(&app, &id, &customer).await?;
    // A new key for each request: Stripe repeats the first answer to a key, failures included.
    match app.stripe.detach_payment_method(&format!("detach:{}", Uuid::new_v4()), &id).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(StripeError::NotFound) => Err(Error::NotFound),
        Err(error @ StripeError::Invalid(_)) => {
            // Another request detached it in between, if it is not the customer's any more.
            must_belong(&app, &id, &customer).await?;
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// 404 unless the payment method is saved for the customer.
async fn must_belong(app: &App, id: &PaymentMethodId, customer: &CustomerId) -> Result<(), Error> {
    match app.stripe.retrieve_payment_method(id).await {
        Ok(method) if method.customer.as_ref() == Some(customer) => Ok(()),
        Ok(_) | Err(StripeError::NotFound) => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}
