//! The steps of reserving, deciding and sweeping. Any of them may be the last before a crash; each can be repeated.
//!
//! Reserving takes two round trips when nothing fails: one command that claims the order and takes the units SKU by SKU,
//! stopping at the first that is short, while the prices are read beside it; and one that makes the reservation held and
//! settles the movements. Committing and releasing take a read and one command.

use std::{collections::BTreeSet, time::Duration};

use common::{id::Id, problem::FieldError, timestamp::Timestamp};
use platform::metrics::{self, Metric};
use serde::Serialize;

use super::{
    domain::{
        Attempt, Basket, DecideStep, Decision, PricedLine, Refused, Reservation, ReservationRequest, ReserveStep,
        State, Unpriced, price,
    },
    store::{self, InsertMode, InsertOutcome},
};
use crate::{
    basket::LineItem,
    error::{Error, Shortage},
    ids::OrderId,
    inventory::{
        domain::{MovementKind, StockMovement, Verdict},
        store as inventory_store,
    },
    mongo::Mongo,
    products::store as product_store,
};

/// How long other requests leave an attempt alone before they may unwind it; far above the time a request may take.
const LEASE: Duration = Duration::from_secs(10);
/// How old a movement must be before the sweep settles it: its request has ended by then.
pub(crate) const UNSETTLED_AFTER: Duration = Duration::from_secs(30);
/// How long a reservation is held before the sweep releases it; its order has long expired in transaction-service by then.
const EXPIRES_AFTER: Duration = Duration::from_hours(24);
/// How long a request waits for attempts in flight before it tries again.
const IN_FLIGHT_WAIT: Duration = Duration::from_millis(30);
/// How often a request tries before it gives up because other requests change the reservation.
const MAX_ATTEMPTS: usize = 3;
/// How many reservations or SKUs of each kind one sweep handles.
const SWEEP_LIMIT: i64 = 50;

/// Prices and reserves all lines for an order, or none.
pub(super) async fn reserve(
    db: &Mongo,
    order_id: OrderId,
    request: &ReservationRequest,
    now: Timestamp,
) -> Result<Reservation, Error> {
    let basket = request.basket();
    let mut mode = InsertMode::New;
    // Whether the last try failed for want of units, and not because of another request for this order.
    let mut is_contended = false;
    for _ in 0..MAX_ATTEMPTS {
        let attempt = begin(order_id, basket.clone(), now);
        let (priced, inserted) = tokio::join!(read_prices(db, &basket), store::insert(db, &attempt, mode));
        match inserted? {
            InsertOutcome::Complete => return hold(db, attempt, request, priced, now).await,
            InsertOutcome::Shortage => {
                metrics::count(Metric::OversellPrevented);
                refuse_unless_retryable(db, &attempt, request, priced, now).await?;
                // Units came back in the meantime, or may: try again.
                is_contended = true;
                mode = InsertMode::Replace;
                continue;
            }
            InsertOutcome::Exists => is_contended = false,
        }
        mode = match store::find(db, order_id).await? {
            None => InsertMode::New,
            Some(found) => match found.on_reserve(&basket, now)? {
                ReserveStep::Answer => return Ok(found),
                ReserveStep::Replace => InsertMode::Replace,
                ReserveStep::Unwind(attempt) => {
                    store::unwind(db, attempt, now).await?;
                    InsertMode::Replace
                }
            },
        };
    }
    Err(if is_contended { Error::StockContended } else { Refused::ReservationInProgress.into() })
}

fn begin(order_id: OrderId, basket: Basket, now: Timestamp) -> Attempt {
    let (lease_until, expires_at) = (now.plus(LEASE), now.plus(EXPIRES_AFTER));
    Attempt { order_id, basket, hold: Id::new(now), lease_until, expires_at, begun_at: now }
}

/// Prices of all lines; or the lines that have none; or why they could not be read.
pub(crate) type Prices = Result<Result<Vec<PricedLine>, Vec<Unpriced>>, Error>;

/// Prices a basket with the prices that the catalogue has now.
pub(crate) async fn read_prices(db: &Mongo, basket: &Basket) -> Prices {
    let skus: Vec<_> = basket.lines.iter().map(|line| &line.sku).collect();
    let products = product_store::with_skus(db, &skus).await?;
    Ok(price(basket, &products))
}

/// Makes an attempt held once all its units are taken. Rolls it back when a line has no price, or when a release ended it.
async fn hold(
    db: &Mongo,
    attempt: Attempt,
    request: &ReservationRequest,
    priced: Prices,
    now: Timestamp,
) -> Result<Reservation, Error> {
    let lines = match priced {
        Ok(Ok(lines)) => lines,
        Ok(Err(unpriced)) => {
            store::roll_back(db, &attempt, now).await?;
            return Err(not_priced(request, &unpriced));
        }
        Err(error) => {
            // Best effort: the database just failed, and the sweep rolls back what this cannot.
            let _ = store::roll_back(db, &attempt, now).await;
            return Err(error);
        }
    };
    if let Some(held) = store::hold(db, &attempt, lines).await? {
        return Ok(held);
    }
    store::roll_back(db, &attempt, now).await?;
    let found = store::find(db, attempt.order_id).await?;
    let released = found.is_some_and(|found| matches!(found.state, State::Released { .. } | State::Cancelled { .. }));
    Err(Error::from(if released { Refused::ReservationReleased } else { Refused::ReservationInProgress }))
}

/// Rolls back an attempt that lacked units, and fails with the lines that have no price or too few units. Returns when a retry
/// may succeed: the units are back, or attempts in flight hold them; in the second case it waits [`IN_FLIGHT_WAIT`] first.
async fn refuse_unless_retryable(
    db: &Mongo,
    attempt: &Attempt,
    request: &ReservationRequest,
    priced: Prices,
    now: Timestamp,
) -> Result<(), Error> {
    store::roll_back(db, attempt, now).await?;
    if let Err(unpriced) = priced? {
        return Err(not_priced(request, &unpriced));
    }
    let skus: Vec<_> = attempt.basket.lines.iter().map(|line| &line.sku).collect();
    let stock = inventory_store::available_to_promise(db, &skus).await?;
    let available = |line: &LineItem| {
        stock.iter().find(|(sku, _)| *sku == line.sku).map(|(_, available)| *available).unwrap_or_default()
    };
    let short = attempt.basket.lines.iter().filter(|line| !available(line).covers(line.quantity));
    let short: Vec<Shortage> = short
        .map(|line| Shortage {
            sku: line.sku.clone(),
            line: request.position(&line.sku),
            available: available(line).count.max(0),
        })
        .collect();
    if !attempt.basket.lines.iter().all(|line| available(line).may_cover(line.quantity)) {
        metrics::count(Metric::OutOfStock);
        return Err(Error::OutOfStock(short));
    }
    if !short.is_empty() {
        tokio::time::sleep(IN_FLIGHT_WAIT).await;
    }
    Ok(())
}

/// The refusal of lines that have no price, each with a pointer to the first line of its SKU in the request.
pub(crate) fn not_priced(request: &ReservationRequest, unpriced: &[Unpriced]) -> Error {
    let field = |(sku, code, message): &Unpriced| {
        let pointer = format!("/lines/{}/sku", request.position(sku));
        FieldError::new(pointer, *code, message.clone()).of_sku(sku)
    };
    Error::InvalidInput(unpriced.iter().map(field).collect())
}

/// Commits or releases an order's reservation.
pub(super) async fn decide(
    db: &Mongo,
    order_id: OrderId,
    decision: Decision,
    now: Timestamp,
) -> Result<Reservation, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let found = store::find(db, order_id).await?;
        let decided = match Reservation::on_decision(found.as_ref(), decision)? {
            DecideStep::Answer(found) => return Ok(found.clone()),
            DecideStep::Move(reservation, hold) => store::decide(db, reservation, hold, decision, now).await?,
            DecideStep::End(attempt) => store::release_attempt(db, attempt.clone(), now).await?,
            DecideStep::InsertTombstone { replaces_void } => {
                store::insert_tombstone(db, Reservation::tombstone(order_id, now), replaces_void).await?
            }
        };
        if let Some(decided) = decided {
            return Ok(decided);
        }
    }
    Err(Refused::ReservationInProgress.into())
}

/// What one sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Movements that a crash had left on a SKU, and that were settled; or whose reservation was decided anew, in which case
    /// the next sweep settles the old movement and counts it again.
    pub settled: usize,
    /// Attempts whose lease ran out, and that were unwound.
    pub unwound: usize,
    /// Held reservations that expired, and were released.
    pub expired: usize,
    /// Failures; each is logged, and the next sweep tries again.
    pub failed: usize,
}

impl Swept {
    /// Counts a success, or logs a failure: the sweep goes on with the next reservation either way.
    fn note(&mut self, done: Result<(), Error>, order_id: OrderId, count: fn(&mut Self) -> &mut usize) {
        match done {
            Ok(()) => *count(self) += 1,
            Err(error) => {
                tracing::error!(%error, %order_id, "reservation sweep failed");
                self.failed += 1;
            }
        }
    }
}

/// Finishes or unwinds reservations that crashes left unfinished, and releases expired ones. Does bounded work; several sweeps
/// may run at once.
pub async fn sweep(db: &Mongo, now: Timestamp) -> Result<Swept, Error> {
    let mut report = Swept::default();
    let before = now.minus(UNSETTLED_AFTER);
    for (order_id, found) in store::abandoned(db, before, SWEEP_LIMIT).await? {
        let done = match found.map(|found| found.state) {
            Ok(State::Reserving(attempt)) => store::unwind(db, &attempt, now).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        report.note(done, order_id, |report| &mut report.unwound);
    }
    settle_left_over(db, before, now, &mut report).await?;
    for (order_id, found) in store::expired(db, now, SWEEP_LIMIT).await? {
        let done = match found {
            Ok(_) => redecide(db, order_id, Decision::Release, now).await,
            Err(error) => Err(error),
        };
        report.note(done, order_id, |report| &mut report.expired);
    }
    Ok(report)
}

/// Settles movements that crashes left on their SKUs.
async fn settle_left_over(db: &Mongo, before: Timestamp, now: Timestamp, report: &mut Swept) -> Result<(), Error> {
    let unsettled = inventory_store::unsettled(db, before, SWEEP_LIMIT).await?;
    let orders: BTreeSet<OrderId> = unsettled.iter().map(|(_, movement)| movement.order_id).collect();
    let reservations = store::find_many(db, &orders).await?;
    for (sku, movement) in &unsettled {
        let found = reservations.iter().find(|(order_id, _)| *order_id == movement.order_id);
        let Some((_, reservation)) = found else {
            // A reservation is inserted before its movements. Without it nothing says whether they were applied: an operator
            // must decide.
            tracing::error!(%sku, order_id = %movement.order_id, movement_id = %movement.id, "stock movement has no reservation");
            report.failed += 1;
            continue;
        };
        let done = match reservation.as_ref().map(|reservation| (reservation, reservation.verdict(movement))) {
            Ok((reservation, Verdict::Pending)) => resolve(db, reservation, movement, now).await,
            Ok((_, verdict)) => store::settle(db, sku, movement, verdict == Verdict::Applied).await,
            Err(_) => Err(Error::IncompleteReservation(movement.order_id)),
        };
        report.note(done, movement.order_id, |report| &mut report.settled);
    }
    Ok(())
}

/// Settles a movement that is still pending. An attempt is unwound. A commit or release whose request died before it decided is
/// decided anew, with a movement of its own: were the old movement recorded again, two sweeps could settle it twice. The next
/// sweep discards the old one.
async fn resolve(db: &Mongo, reservation: &Reservation, movement: &StockMovement, now: Timestamp) -> Result<(), Error> {
    match movement.kind {
        MovementKind::Hold => match &reservation.state {
            State::Reserving(attempt) => store::unwind(db, attempt, now).await,
            // Another request ended the attempt after it was read.
            _ => Ok(()),
        },
        MovementKind::Commit => redecide(db, reservation.order_id, Decision::Commit, now).await,
        MovementKind::Release => redecide(db, reservation.order_id, Decision::Release, now).await,
    }
}

/// Decides; a reservation that another request has decided meanwhile stays as it is.
async fn redecide(db: &Mongo, order_id: OrderId, decision: Decision, now: Timestamp) -> Result<(), Error> {
    match decide(db, order_id, decision, now).await {
        Ok(_) | Err(Error::Reservation(Refused::ReservationCommitted | Refused::ReservationReleased)) => Ok(()),
        Err(error) => Err(error),
    }
}
