//! From a request to an order: look up, call user-service and product-service, save, pay.
//!
//! Round trips of a new order paid with a saved method: PostgreSQL 7 (look up; commit 1; begin, save, book, enqueue, commit 2),
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
    basket::LineItem,
    customer::CheckoutContext,
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
    pricing::PricedItem,
    service_clients::NotReserved,
};

/// Answers `POST /orders`: with the order that this key made before, or a new one.
pub(super) async fn order(app: &App, attempt: Attempt<'_>, context: &RequestContext) -> Result<Order, Error> {
    let now = Timestamp::now();
    let counters = limits::counters(app, attempt.owner, attempt.request.email.as_ref(), context).await?;
    let cart_version = attempt.request.cart_version();
    let found = order_store::look_up(&app.database, attempt.id, cart_version, &counters).await?;
    if let Some(order) = found.order {
        return Box::pin(repeat(app, order, attempt.request, now)).await;
    }
    if found.is_ended {
        return Err(Error::AttemptEnded);
    }
    if let Some(order) = found.of_cart {
        return Err(Error::CartAlreadyOrdered(order));
    }
    let admission = Admission { counters, counts: found.counts, now };
    match Box::pin(place_and_pay(app, attempt, context, &admission)).await {
        Err(error) => Err(with_open_orders(app, attempt.owner, error).await),
        made => made,
    }
}

/// The counters of an attempt, and their counts when it began.
struct Admission {
    counters: Counters,
    counts: Vec<Count>,
    now: Timestamp,
}

impl Admission {
    /// Whether the limits have room for the units of `lines`, checked before any stock is reserved. The statement that saves
    /// the order checks again and decides.
    fn check(&self, app: &App, lines: &[LineItem]) -> Result<(), Error> {
        let units = lines.iter().map(|line| i64::from(line.quantity)).sum();
        let room = app.limits.check(&self.counts, units, self.now);
        room.map_err(|exceeded| Error::Limited(exceeded, Vec::new()))
    }
}

/// Lists in a refusal for a limit the open orders that its caller can pay or cancel; none when they cannot be read.
async fn with_open_orders(app: &App, owner: Owner, error: Error) -> Error {
    let Error::Limited(exceeded, _) = error else { return error };
    let open = order_store::open_ids(&app.database, owner).await;
    Error::Limited(exceeded, open.unwrap_or_default())
}

/// Makes a new order and pays for it. An attempt that does not become an order releases its stock.
async fn place_and_pay(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    admission: &Admission,
) -> Result<Order, Error> {
    let hold = Hold::of(app, attempt);
    // Boxed, here and below: with the clients' futures inside, this future is too large to move.
    let made = Box::pin(reserve_and_save(app, attempt, context, admission, &hold)).await;
    let order = match made {
        Ok(order) => order,
        Err(refusal) => {
            return match hold.end().await {
                Some(first) => Box::pin(repeat(app, first, attempt.request, admission.now)).await,
                None => Err(refusal),
            };
        }
    };
    hold.disarm();
    let paying = Box::pin(payment_flow::begin(app, order.clone(), admission.now)).await;
    release_lease_on_error(app, &order, paying).await
}

/// Asks the other services, and saves the order unpaid.
async fn reserve_and_save(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    admission: &Admission,
    hold: &Hold<'_>,
) -> Result<Order, Error> {
    // Leaves time to release the reservation before the deadline of the request.
    let asking = ask_services(app, attempt, context, admission, hold);
    let asked = tokio::time::timeout(app.deadline * 3 / 4, Box::pin(asking)).await;
    let (user, items) = asked.map_err(|_| Error::Timeout)??;
    let order = draft(attempt, user.as_ref(), items, &app.settings, admission.now)?;
    match order_store::insert(&app.database, &order, &admission.counters, &app.limits).await? {
        Inserted::Made => {
            metrics::count(Metric::OrdersPlaced);
            Ok(order)
        }
        // Another request saved it. `place_and_pay` finds it when the hold ends, and answers with it.
        Inserted::Exists => Err(Error::InProgress),
        refused @ (Inserted::CartOrdered | Inserted::NoRoom) => {
            Err(reason_not_saved(app, &order, admission, refused).await?)
        }
    }
}

/// Why an order was not saved, read a moment later.
async fn reason_not_saved(app: &App, order: &Order, admission: &Admission, refused: Inserted) -> Result<Error, Error> {
    let found = order_store::look_up(&app.database, order.id, order.cart_version, &admission.counters).await?;
    Ok(match (found.of_cart.filter(|_| refused == Inserted::CartOrdered), found.is_ended) {
        (Some(first), _) => Error::CartAlreadyOrdered(first),
        (None, true) => Error::AttemptEnded,
        (None, false) => match app.limits.check(&found.counts, order.units(), admission.now) {
            Err(exceeded) => Error::Limited(exceeded, Vec::new()),
            // The limit has room again; an attempt with a new key may succeed.
            Ok(()) => Error::AttemptEnded,
        },
    })
}

/// Answers a repeated request with the order of its key, and resumes that order when its lease has run out.
pub(super) async fn repeat(app: &App, order: Order, request: &OrderRequest, now: Timestamp) -> Result<Order, Error> {
    if order.request_hash != request.hash() {
        return Err(Error::KeyReused);
    }
    if order.answer.is_some() {
        return Ok(order);
    }
    if order.is_in_progress(now) {
        return Err(Error::InProgress);
    }
    resume(app, order, now).await
}

/// Acquires the lease of a pending order that was left unfinished, and pays for it.
async fn resume(app: &App, order: Order, now: Timestamp) -> Result<Order, Error> {
    let until = now.plus(app.settings.lease);
    if !order_store::acquire_lease(&app.database, &order, now, until).await? {
        return Err(Error::InProgress);
    }
    let paying = Box::pin(payment_flow::settle(app, order.clone(), now)).await;
    release_lease_on_error(app, &order, paying).await
}

/// Releases the lease of an order whose payment failed to settle, so that a retry need not wait for it. When this fails, the
/// lease runs out by itself.
async fn release_lease_on_error(app: &App, order: &Order, paying: Result<Order, Error>) -> Result<Order, Error> {
    if let Err(error) = &paying {
        tracing::warn!(%error, order_id = %order.id, "payment not settled; a retry or the sweep resumes it");
        if let Err(error) = order_store::release_lease(&app.database, order, Timestamp::now()).await {
            tracing::warn!(%error, order_id = %order.id, "lease not released; it runs out by itself");
        }
    }
    paying
}

/// Reads the account and reserves the lines: at the same time, unless the lines are in the cart.
async fn ask_services(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
    admission: &Admission,
    hold: &Hold<'_>,
) -> Result<(Option<CheckoutContext>, Vec<PricedItem>), Error> {
    match &attempt.request.basket {
        Basket::Lines(lines) => {
            admission.check(app, lines)?;
            tokio::try_join!(read_account(app, attempt, context), reserve(app, attempt, lines, context, hold))
        }
        Basket::Cart(version) => {
            // Before the cart is read, only the limits of orders and declines can be checked.
            admission.check(app, &[])?;
            let user = read_account(app, attempt, context).await?;
            let cart = match &user {
                Some(user) => user.cart.clone(),
                None => app.clients.cart(attempt.owner, context).await?,
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

/// Reads the account of a user; `None` for a guest.
async fn read_account(
    app: &App,
    attempt: Attempt<'_>,
    context: &RequestContext,
) -> Result<Option<CheckoutContext>, Error> {
    match attempt.owner {
        Owner::User(id) => {
            let user = app.clients.checkout_context(id, context).await?;
            // A deleted account is refused like a disabled one.
            Ok(Some(user.ok_or(Refused::AccountDisabled)?))
        }
        Owner::Guest(_) => Ok(None),
    }
}

/// Reserves the lines. From the call on a reservation may exist, until product-service answers that there is none.
async fn reserve(
    app: &App,
    attempt: Attempt<'_>,
    lines: &[LineItem],
    context: &RequestContext,
    hold: &Hold<'_>,
) -> Result<Vec<PricedItem>, Error> {
    hold.arm();
    let pointers = Pointers::of_order(attempt.request.basket.lines());
    let currency = attempt.request.expected_total.currency;
    let reserved = app.clients.reserve(attempt.id, currency, lines, context).await;
    reserved.map_err(|NotReserved { error, may_exist }| {
        if !may_exist {
            hold.disarm();
        }
        error.with_entries(|entry| pointers.translate(entry))
    })
}
