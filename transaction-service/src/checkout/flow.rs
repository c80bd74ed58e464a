//! The way from a request to an order: reserve and ask who it is, save, pay.
//!
//! Round trips of a new order paid with a saved method: PostgreSQL 7 (look; commit 1; begin, save, book, enqueue, commit 2),
//! user-service 1 and product-service 1 at the same time, Stripe 2.

use common::{http::RequestContext, timestamp::Timestamp};

use super::domain::{Attempt, Basket, BasketLine, OrderRequest, draft};
use crate::{
    App,
    error::Error,
    messages,
    orders::{
        self,
        domain::{Order, OrderId, Owner},
    },
    payments,
    pointers::Pointers,
    pricing::Item,
    siblings::Context,
};

/// Makes a new order and pays for it.
pub(super) async fn place(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Order, Error> {
    // Boxed, here and below: with the clients' futures inside, this one is too large to move about.
    let (user, items) = Box::pin(ask_siblings(app, attempt, context)).await?;
    let order = match draft(attempt, user.as_ref(), items, &app.terms, now) {
        Ok(order) => order,
        Err(refusal) => {
            // A twin of this request, which asked for something else under the same key, may have made an order of the same
            // hold: that is not ours to give back.
            if let Some(first) = orders::store::find(app.database.pool().await?, attempt.id).await? {
                return resume(app, first, attempt.request, now).await;
            }
            release(app, attempt.id).await?;
            return Err(refusal);
        }
    };
    if !orders::store::insert(app.database.pool().await?, &order).await? {
        let first = orders::store::find(app.database.pool().await?, order.id).await?.ok_or(Error::NotFound)?;
        return resume(app, first, attempt.request, now).await;
    }
    let paying = Box::pin(payments::flow::begin(app, order.clone(), now)).await;
    or_give_up(app, &order, paying).await
}

/// The order that a repeated request finds: its answer, or what is left to do for it.
pub(super) async fn resume(app: &App, order: Order, request: &OrderRequest, now: Timestamp) -> Result<Order, Error> {
    if order.request_hash != request.hash() {
        return Err(Error::KeyReused);
    }
    if order.answer.is_some() {
        return Ok(order);
    }
    if order.is_in_progress(now) {
        return Err(Error::InProgress);
    }
    go_on(app, order, now).await
}

/// Takes over a pending order that was left half way.
async fn go_on(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    let until = now.plus(app.terms.lease);
    if !orders::store::take_over(app.database.pool().await?, &order, now, until).await? {
        return Err(Error::InProgress);
    }
    let paying = Box::pin(payments::flow::settle(app, order.clone(), now)).await;
    or_give_up(app, &order, paying).await
}

/// A pending order whose payment could not be brought to an end goes to the next who asks, without waiting for the
/// lease. Only a courtesy: where it fails, the lease runs out by itself.
async fn or_give_up(app: &App, order: &Order, paying: Result<Order, Error>) -> Result<Order, Error> {
    if let Err(error) = &paying {
        tracing::warn!(%error, order_id = %order.id, "payment left half way; a retry or the sweep goes on");
        if let Ok(pool) = app.database.pool().await
            && let Err(error) = orders::store::give_up(pool, order, Timestamp::now()).await
        {
            tracing::warn!(%error, order_id = %order.id, "lease not given back");
        }
    }
    paying
}

/// Who orders and what it costs. Asked for at the same time, unless the lines are in the cart.
async fn ask_siblings(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
) -> Result<(Option<Context>, Vec<Item>), Error> {
    match &attempt.request.basket {
        Basket::Lines(lines) => tokio::try_join!(user(app, attempt, context), reserve(app, attempt, lines, context)),
        Basket::Cart(version) => {
            let user = user(app, attempt, context).await?;
            let cart = match &user {
                Some(user) => user.cart.clone(),
                None => app.siblings.cart(attempt.owner, context).await?,
            };
            if cart.version != *version {
                return Err(Error::CartChanged);
            }
            if cart.items.is_empty() {
                return Err(Error::CartEmpty);
            }
            let items = reserve(app, attempt, &cart.items, context).await?;
            Ok((user, items))
        }
    }
}

async fn user(app: &App, attempt: Attempt<'_>, context: &RequestContext) -> Result<Option<Context>, Error> {
    match attempt.owner {
        Owner::User(id) => app.siblings.context(id, context).await.map(Some),
        Owner::Guest(_) => Ok(None),
    }
}

async fn reserve(
    app: &App,
    attempt: Attempt<'_>,
    lines: &[BasketLine],
    context: &RequestContext,
) -> Result<Vec<Item>, Error> {
    let pointers = Pointers::of_order(attempt.request.basket.lines());
    let reserved = app.siblings.reserve(attempt.id, attempt.request.expected_total.currency, lines, context).await;
    reserved.map_err(|error| pointers.translate(error))
}

/// The stock of an attempt that does not become an order is given back, durably.
async fn release(app: &App, id: OrderId) -> Result<(), Error> {
    let mut tx = app.database.begin().await?;
    app.outbox.enqueue(&mut tx, &[messages::release_stock(id)]).await?;
    tx.commit().await?;
    Ok(())
}
