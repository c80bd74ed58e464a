//! Stock that is reserved for orders.
//!
//! A reservation belongs to one order and is decided once: it is held, then committed or released, and that is final.
//!
//! | state \ event | reserve, same lines | reserve, other lines | commit | release |
//! | --- | --- | --- | --- | --- |
//! | absent, void | takes the stock | takes the stock | 404 | inserts a tombstone |
//! | reserving, lease runs | 409 in progress | 409 in progress | 409 in progress | ends it: released |
//! | reserving, lease ran out | unwinds it, takes the stock | unwinds it, takes the stock | 409 in progress | ends it: released |
//! | held | the same answer | 409 differs | committed | released |
//! | committed | the same answer | 409 differs | the same answer | 409 committed |
//! | released (or tombstone) | 409 released | 409 released | 409 released | the same answer |
//!
//! *Void* is the state of an attempt that ended without taking stock; it is treated as absent. A crash between any two steps
//! leaves one of these states and perhaps movements on some SKUs; [`Reservation::verdict`] decides whether those are applied or
//! discarded.

use common::{money::Currency, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use utoipa::ToSchema;

pub use self::lines::{Basket, PricedLine, ReservationRequest, Unpriced, price};
use crate::{
    ids::OrderId,
    inventory::domain::{MovementId, MovementKind, StockMovement, Verdict},
};

mod lines;

/// The name of a reservation's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoStaticStr, VariantNames)]
#[schema(as = ReservationState)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StateName {
    /// An attempt to reserve is taking units.
    Reserving,
    /// An attempt to reserve ended without taking units.
    Void,
    /// Units are reserved for the order.
    Held,
    /// The order is paid, and its units have left the stock on hand; final.
    Committed,
    /// The units can be reserved for other orders; final.
    Released,
}

impl StateName {
    /// The name that is stored and published.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The order; its id is the id of the reservation.
    pub order_id: OrderId,
    /// The state, with what the reservation has in it.
    pub state: State,
    /// When the sweep releases a held reservation. A backstop: transaction-service expires orders long before.
    pub expires_at: Timestamp,
    /// When it was first requested.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub updated_at: Timestamp,
}

/// The state of a reservation, with what it has in that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// An attempt is taking units.
    Reserving(Attempt),
    /// An attempt ended without taking units.
    Void,
    /// Units are reserved.
    Held(Hold),
    /// The order is paid; final.
    Committed {
        /// What was held.
        hold: Hold,
        /// The movement that committed it.
        decision: MovementId,
    },
    /// The order was cancelled, and its units given back; final.
    Released {
        /// What was held.
        hold: Hold,
        /// The movement that released it.
        decision: MovementId,
    },
    /// The order was cancelled before units were held; final.
    Cancelled {
        /// Currency of the attempt that was ended; `None` on a tombstone.
        currency: Option<Currency>,
    },
}

/// An attempt to reserve, until its units are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The order.
    pub order_id: OrderId,
    /// The lines whose units it takes.
    pub basket: Basket,
    /// The movement that takes the units.
    pub hold: MovementId,
    /// Until when other requests leave it alone.
    pub lease_until: Timestamp,
    /// When the reservation expires that it becomes.
    pub expires_at: Timestamp,
    /// When it began.
    pub begun_at: Timestamp,
}

/// Units that are, or were, reserved for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The movement that took the units.
    pub id: MovementId,
    /// The lines whose units are reserved.
    pub basket: Basket,
    /// The same lines with prices.
    pub lines: Vec<PricedLine>,
}

impl State {
    /// The name of the state; a cancelled reservation is called released.
    pub fn name(&self) -> StateName {
        match self {
            Self::Reserving(_) => StateName::Reserving,
            Self::Void => StateName::Void,
            Self::Held(_) => StateName::Held,
            Self::Committed { .. } => StateName::Committed,
            Self::Released { .. } | Self::Cancelled { .. } => StateName::Released,
        }
    }
}

impl Attempt {
    /// The reservation whose units are all taken, with its priced lines.
    pub fn held(&self, lines: Vec<PricedLine>) -> Reservation {
        let Self { order_id, basket, hold: id, expires_at, begun_at, .. } = self.clone();
        let state = State::Held(Hold { id, basket, lines });
        Reservation { order_id, state, expires_at, created_at: begun_at, updated_at: begun_at }
    }

    /// The reservation after a release ended the attempt.
    pub fn cancelled(self, now: Timestamp) -> Reservation {
        let state = State::Cancelled { currency: Some(self.basket.currency) };
        let Self { order_id, expires_at, begun_at: created_at, .. } = self;
        Reservation { order_id, state, expires_at, created_at, updated_at: now }
    }
}

/// What a request to reserve does with the reservation that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveStep<'a> {
    /// Answers with it.
    Answer,
    /// Replaces it.
    Replace,
    /// Unwinds this attempt, then replaces it.
    Unwind(&'a Attempt),
}

/// A decision about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The order is paid.
    Commit,
    /// The order is given up.
    Release,
}

impl Decision {
    /// The state that the movement `decision` leads to.
    pub fn state(self, hold: Hold, decision: MovementId) -> State {
        match self {
            Self::Commit => State::Committed { hold, decision },
            Self::Release => State::Released { hold, decision },
        }
    }

    /// The name of that state.
    pub fn name(self) -> StateName {
        match self {
            Self::Commit => StateName::Committed,
            Self::Release => StateName::Released,
        }
    }

    /// The movement that it makes.
    pub fn movement(self) -> MovementKind {
        match self {
            Self::Commit => MovementKind::Commit,
            Self::Release => MovementKind::Release,
        }
    }
}

/// What a decision does with the reservation that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecideStep<'a> {
    /// Answers with it: it was decided in the same way before.
    Answer(&'a Reservation),
    /// Moves the stock of what is held.
    Move(&'a Reservation, &'a Hold),
    /// Ends an attempt that is taking units.
    End(&'a Attempt),
    /// Inserts a tombstone, so that a request to reserve that comes later finds it.
    InsertTombstone {
        /// A void reservation is there, which the tombstone replaces.
        replaces_void: bool,
    },
}

/// Why a request to reserve, commit or release is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The order has no reservation.
    #[error("the order has no reservation")]
    NotFound,
    /// The order has a reservation with other lines.
    #[error("the reservation of the order has other lines or another currency")]
    ReservationDiffers,
    /// Another request is reserving for the same order.
    #[error("another request is reserving for the order")]
    ReservationInProgress,
    /// The reservation was released, or its order given up, before.
    #[error("the reservation was already released")]
    ReservationReleased,
    /// The reservation was committed before.
    #[error("the reservation was already committed")]
    ReservationCommitted,
}

impl Reservation {
    /// A released reservation for an order that has none.
    pub fn tombstone(order_id: OrderId, now: Timestamp) -> Self {
        let state = State::Cancelled { currency: None };
        Self { order_id, state, expires_at: now, created_at: now, updated_at: now }
    }

    /// What a request to reserve does when it finds this one.
    pub fn on_reserve(&self, basket: &Basket, now: Timestamp) -> Result<ReserveStep<'_>, Refused> {
        match &self.state {
            State::Void => Ok(ReserveStep::Replace),
            State::Reserving(attempt) if attempt.lease_until <= now => Ok(ReserveStep::Unwind(attempt)),
            State::Reserving(_) => Err(Refused::ReservationInProgress),
            State::Held(hold) | State::Committed { hold, .. } if hold.basket == *basket => Ok(ReserveStep::Answer),
            State::Held(_) | State::Committed { .. } => Err(Refused::ReservationDiffers),
            State::Released { .. } | State::Cancelled { .. } => Err(Refused::ReservationReleased),
        }
    }

    /// What a decision does when it finds this one, or none.
    pub fn on_decision(found: Option<&Self>, decision: Decision) -> Result<DecideStep<'_>, Refused> {
        match (found.map(|found| (found, &found.state)), decision) {
            (None | Some((_, State::Void)), Decision::Commit) => Err(Refused::NotFound),
            (None, Decision::Release) => Ok(DecideStep::InsertTombstone { replaces_void: false }),
            (Some((_, State::Void)), Decision::Release) => Ok(DecideStep::InsertTombstone { replaces_void: true }),
            (Some((_, State::Reserving(_))), Decision::Commit) => Err(Refused::ReservationInProgress),
            (Some((_, State::Reserving(attempt))), Decision::Release) => Ok(DecideStep::End(attempt)),
            (Some((found, State::Held(hold))), _) => Ok(DecideStep::Move(found, hold)),
            (Some((found, State::Committed { .. })), Decision::Commit)
            | (Some((found, State::Released { .. } | State::Cancelled { .. })), Decision::Release) => {
                Ok(DecideStep::Answer(found))
            }
            (Some((_, State::Committed { .. })), Decision::Release) => Err(Refused::ReservationCommitted),
            (Some((_, State::Released { .. } | State::Cancelled { .. })), Decision::Commit) => {
                Err(Refused::ReservationReleased)
            }
        }
    }

    /// Whether a movement that is found on a SKU is applied. A hold is applied once its attempt made the reservation held; a
    /// commit or release is applied if it is the one that decided; everything else is discarded or still pending.
    pub fn verdict(&self, movement: &StockMovement) -> Verdict {
        match (movement.kind, &self.state) {
            (MovementKind::Hold, State::Reserving(attempt)) if attempt.hold == movement.id => Verdict::Pending,
            (MovementKind::Hold, State::Held(hold) | State::Committed { hold, .. } | State::Released { hold, .. })
                if hold.id == movement.id =>
            {
                Verdict::Applied
            }
            (MovementKind::Commit | MovementKind::Release, State::Held(_)) => Verdict::Pending,
            (MovementKind::Commit, State::Committed { decision, .. })
            | (MovementKind::Release, State::Released { decision, .. })
                if *decision == movement.id =>
            {
                Verdict::Applied
            }
            (MovementKind::Hold | MovementKind::Commit | MovementKind::Release, _) => Verdict::Discarded,
        }
    }
}

#[cfg(test)]
mod tests;
