//! The way from a request to an order: look, reserve and ask who it is, save, pay.
//!
//! Round trips of a new order paid with a saved method: PostgreSQL 7 (look; commit 1; begin, save, book, enqueue, commit 2),
//! user-service 1 and product-service 1 at the same time, Stripe 2.

use common::{http::RequestContext, timestamp::Timestamp};
use platform::metrics::{self, Metric};

use super::{
    domain::{Attempt, Refused, draft},
    hold::Hold,
    request::{Basket, OrderRequest},
};
use crate::{
    app::App,
    basket::BasketLine,
    customer::Context,
    error::Error,
    ids::Owner,
    limits::{
        self,
        domain::{Count, Counters},
    },
    orders::{
        domain::Order,
        store::{self as order_store, Inserted},
    },
    payments::flow as payment_flow,
    pointers::Pointers,
    pricing::Item,
    siblings::NotReserved,
};

/// The answer to `POST /orders`: the order that the key made, or a new one.
pub(super) async fn order(app: &App, attempt: Attempt<'_>, context: &RequestContext) -> Result<Order, Error> {
    let now = Timestamp::now();
    let counters = limits::counters(app, attempt.owner, attempt.request.email.as_ref(), context).await?;
    let cart_version = attempt.request.cart_version();
    let found = order_store::look(&app.database, attempt.id, cart_version, &counters).await?;
    if let Some(order) = found.order {
        return Box::pin(resume(app, order, attempt.request, now)).await;
    }
    if found.is_ended {
        return Err(Error::AttemptEnded);
    }
    if let Some(order) = found.of_cart {
        return Err(Error::CartAlreadyOrdered(order));
    }
    let admission = Admission { counters, counts: found.counts, now };
    match Box::pin(place(app, attempt, context, &admission)).await {
        Err(error) => Err(with_open_orders(app, attempt.owner, error).await),
        made => made,
    }
}

/// Under which counters an attempt is counted, and what they had when it began.
struct Admission {
    counters: Counters,
    counts: Vec<Count>,
    now: Timestamp,
}

impl Admission {
    /// Whether there is room for so many units, before any stock is reserved: a refusal takes nothing from anybody. What
    /// decides, once more, is the statement that saves the order.
    fn check(&self, app: &App, lines: &[BasketLine]) -> Result<(), Error> {
        let units = lines.iter().map(|line| i64::from(line.quantity)).sum();
        let room = app.limits.check(&self.counts, units, self.now);
        room.map_err(|exceeded| Error::Limited(exceeded, Vec::new()))
    }
}

/// A refusal for a limit says which orders its caller can pay or cancel.
async fn with_open_orders(app: &App, owner: Owner, error: Error) -> Error {
    let Error::Limited(exceeded, _) = error else { return error };
    let open = order_store::open_ids(&app.database, owner).await;
    Error::Limited(exceeded, open.unwrap_or_default())
}

/// Makes a new order and pays for it. What does not become an order gives its stock back.
async fn place(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    admission: &Admission,
) -> Result<Order, Error> {
    let hold = Hold::of(app, attempt);
    // Boxed, here and below: with the clients' futures inside, this one is too large to move about.
    let made = Box::pin(make(app, attempt, context, admission, &hold)).await;
    let order = match made {
        Ok(order) => order,
        Err(refusal) => {
            return match hold.end().await {
                Some(first) => Box::pin(resume(app, first, attempt.request, admission.now)).await,
                None => Err(refusal),
            };
        }
    };
    hold.is_not_ours();
    let paying = Box::pin(payment_flow::begin(app, order.clone(), admission.now)).await;
    or_give_up(app, &order, paying).await
}

/// The order, saved and not yet paid.
async fn make(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    admission: &Admission,
    hold: &Hold<'_>,
) -> Result<Order, Error> {
    // So that there is time left to give back what was reserved before the answer is due.
    let asking = ask_siblings(app, attempt, context, admission, hold);
    let asked = tokio::time::timeout(app.deadline * 3 / 4, Box::pin(asking)).await;
    let (user, items) = asked.map_err(|_| Error::Late)??;
    let order = draft(attempt, user.as_ref(), items, &app.terms, admission.now)?;
    match order_store::insert(&app.database, &order, &admission.counters, &app.limits).await? {
        Inserted::Made => {
            metrics::count(Metric::OrdersPlaced);
            Ok(order)
        }
        // Whose it is, is found when the hold is to be given back.
        Inserted::Exists => Err(Error::InProgress),
        refused @ (Inserted::CartOrdered | Inserted::NoRoom) => Err(why(app, &order, admission, refused).await?),
    }
}

/// Why an order was not saved, as it is a moment later.
async fn why(app: &App, order: &Order, admission: &Admission, refused: Inserted) -> Result<Error, Error> {
    let found = order_store::look(&app.database, order.id, order.cart_version, &admission.counters).await?;
    Ok(match (found.of_cart.filter(|_| refused == Inserted::CartOrdered), found.is_ended) {
        (Some(first), _) => Error::CartAlreadyOrdered(first),
        (None, true) => Error::AttemptEnded,
        (None, false) => match app.limits.check(&found.counts, order.units(), admission.now) {
            Err(exceeded) => Error::Limited(exceeded, Vec::new()),
            // What stood in the way is over by now; another attempt may succeed.
            Ok(()) => Error::AttemptEnded,
        },
    })
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
    if !order_store::take_over(&app.database, &order, now, until).await? {
        return Err(Error::InProgress);
    }
    let paying = Box::pin(payment_flow::settle(app, order.clone(), now)).await;
    or_give_up(app, &order, paying).await
}

/// A pending order whose payment could not be brought to an end goes to the next who asks, without waiting for the
/// lease. Only a courtesy: where it fails, the lease runs out by itself.
async fn or_give_up(app: &App, order: &Order, paying: Result<Order, Error>) -> Result<Order, Error> {
    if let Err(error) = &paying {
        tracing::warn!(%error, order_id = %order.id, "payment left half way; a retry or the sweep goes on");
        if let Err(error) = order_store::give_up(&app.database, order, Timestamp::now()).await {
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
    admission: &Admission,
    hold: &Hold<'_>,
) -> Result<(Option<Context>, Vec<Item>), Error> {
    match &attempt.request.basket {
        Basket::Lines(lines) => {
            admission.check(app, lines)?;
            tokio::try_join!(user(app, attempt, context), reserve(app, attempt, lines, context, hold))
        }
        Basket::Cart(version) => {
            // A cart has something in it, or comes to nothing anyway.
            admission.check(app, &[])?;
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
            admission.check(app, &cart.items)?;
            let items = reserve(app, attempt, &cart.items, context, hold).await?;
            Ok((user, items))
        }
    }
}

async fn user(app: &App, attempt: Attempt<'_>, context: &RequestContext) -> Result<Option<Context>, Error> {
    match attempt.owner {
        Owner::User(id) => {
            let user = app.siblings.context(id, context).await?;
            // A deleted account is refused like a disabled one.
            Ok(Some(user.ok_or(Refused::AccountDisabled)?))
        }
        Owner::Guest(_) => Ok(None),
    }
}

/// Reserves the lines. From the call on there may be a reservation, until product-service says that there is none.
async fn reserve(
    app: &App,
    attempt: Attempt<'_>,
    lines: &[BasketLine],
    context: &RequestContext,
    hold: &Hold<'_>,
) -> Result<Vec<Item>, Error> {
    hold.may_exist();
    let pointers = Pointers::of_order(attempt.request.basket.lines());
    let currency = attempt.request.expected_total.currency;
    let reserved = app.siblings.reserve(attempt.id, currency, lines, context).await;
    reserved.map_err(|NotReserved { error, may_exist }| {
        if !may_exist {
            hold.is_not_ours();
        }
        error.with_entries(|entry| pointers.translate(entry))
    })
}
