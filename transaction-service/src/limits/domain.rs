//! Counters and their limits. Pure: the conditional update in `orders::store::insert` is the same rule, and decides races.
//!
//! An attempt is accepted while each of its counters has room for one more open order, for its units, and for one more
//! decline. Every open order counts as a decline that may still come, so requests in parallel get no more declines than
//! requests in sequence.

use std::time::Duration;

use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use strum::{Display, IntoStaticStr};

use crate::{
    ids::Owner,
    orders::domain::{Method, Order, State},
};

/// Least time that a counter is kept after its last change: longer than any attempt that it marks as ended.
const MIN_KEEP: Duration = Duration::from_hours(1);
/// `Retry-After` when open orders may still be declined.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// The limits of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Orders that wait for payment.
    pub open_orders: u32,
    /// Units that these orders hold.
    pub held_units: u32,
    /// Declined payments within the window.
    pub declines: u32,
}

/// The limits of the shop; from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Limits of a customer, of a guest, and of an e-mail address that guests gave.
    pub caller: Ceiling,
    /// Limits of a source address, which many people of an office may share.
    pub source: Ceiling,
    /// Declined tries of one order that the frontend pays, and declined cards of one SetupIntent.
    pub declines_per_order: u32,
    /// Time that declines count, from the first of them.
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            caller: Ceiling { open_orders: 5, held_units: 100, declines: 10 },
            source: Ceiling { open_orders: 20, held_units: 400, declines: 20 },
            declines_per_order: 5,
            window: Duration::from_hours(1),
        }
    }
}

/// Kind of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A customer.
    User,
    /// A guest.
    Guest,
    /// An e-mail address that guests gave, by its fingerprint.
    Recipient,
    /// A source address, by its fingerprint.
    Source,
}

impl Kind {
    /// The name that is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The counters of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The shopper.
    pub owner: Owner,
    /// Fingerprint of the e-mail address that a guest gave.
    pub recipient: Option<Fingerprint>,
    /// Fingerprint of the source address.
    pub source: Option<Fingerprint>,
}

impl Counters {
    /// Kind and key of each counter.
    pub fn each(&self) -> impl Iterator<Item = (Kind, Fingerprint)> {
        let owner = owner_key(self.owner);
        let recipient = self.recipient.map(|key| (Kind::Recipient, key));
        let source = self.source.map(|key| (Kind::Source, key));
        std::iter::once(owner).chain(recipient).chain(source)
    }
}

/// The counter of an owner.
pub fn owner_key(owner: Owner) -> (Kind, Fingerprint) {
    match owner {
        Owner::User(id) => (Kind::User, id.into_bytes()),
        Owner::Guest(id) => (Kind::Guest, id.into_bytes()),
    }
}

/// The present count of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Kind of the counter.
    pub kind: Kind,
    /// Orders that wait for payment.
    pub open_orders: i64,
    /// Units that these orders hold.
    pub held_units: i64,
    /// Declined payments within the window.
    pub declines: i64,
    /// When the window of the declines ends.
    pub declines_until: Option<Timestamp>,
}

impl Count {
    /// The count of a counter in which nothing was counted.
    pub fn of_nothing(kind: Kind) -> Self {
        Self { kind, open_orders: 0, held_units: 0, declines: 0, declines_until: None }
    }

    /// Time that the declines still count; `None` when there are none that count.
    fn declined_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.declines_until?.unix_millis() - now.unix_millis();
        u64::try_from(left).ok().filter(|left| *left > 0 && self.declines > 0).map(Duration::from_millis)
    }
}

/// The limit that an attempt exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
pub enum Limit {
    /// Open orders.
    #[strum(serialize = "open orders")]
    OpenOrders,
    /// Units on hold.
    #[strum(serialize = "units on hold")]
    HeldUnits,
    /// Declined payments; with the time after which another may be tried.
    #[strum(serialize = "declined payments")]
    Declines(Duration),
}

/// An attempt exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit exceeded: {limit} per {}, at most {most}", .by.as_str())]
pub struct Exceeded {
    /// The limit.
    pub limit: Limit,
    /// Kind of the counter.
    pub by: Kind,
    /// The value of the limit.
    pub most: u32,
}

impl Limits {
    /// The ceiling of counters of this kind.
    pub fn of(&self, kind: Kind) -> Ceiling {
        match kind {
            Kind::User | Kind::Guest | Kind::Recipient => self.caller,
            Kind::Source => self.source,
        }
    }

    /// Whether all counters have room for another order of so many units. The error is of the first that has none.
    pub fn check(&self, counts: &[Count], units: i64, now: Timestamp) -> Result<(), Exceeded> {
        counts.iter().try_for_each(|count| self.check_one(count, units, now))
    }

    fn check_one(&self, count: &Count, units: i64, now: Timestamp) -> Result<(), Exceeded> {
        let Ceiling { open_orders, held_units, declines } = self.of(count.kind);
        let exceeded = |limit, most| Err(Exceeded { limit, by: count.kind, most });
        let left = count.declined_for(now);
        let declined = if left.is_some() { count.declines } else { 0 };
        if let Some(left) = left.filter(|_| declined >= i64::from(declines)) {
            return exceeded(Limit::Declines(left), declines);
        }
        if count.open_orders >= i64::from(open_orders) {
            return exceeded(Limit::OpenOrders, open_orders);
        }
        if count.held_units + units > i64::from(held_units) {
            return exceeded(Limit::HeldUnits, held_units);
        }
        if declined + count.open_orders >= i64::from(declines) {
            return exceeded(Limit::Declines(UNDER_WAY), declines);
        }
        Ok(())
    }

    /// Whether so many declined tries, of one payment or SetupIntent and of its caller, reach the limit.
    pub fn are_enough(&self, of_one: i64, of_caller: i64) -> bool {
        of_one >= i64::from(self.declines_per_order) || of_caller >= i64::from(self.caller.declines)
    }

    /// Time that a counter is kept after its last change.
    pub fn keep_for(&self) -> Duration {
        self.window.max(MIN_KEEP)
    }
}

/// Effect of a change of an order on its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// The order and its units are no longer counted.
    pub closes: bool,
    /// Its payment was declined. Declines of payments that the frontend confirms are counted as they come
    /// ([`super::declines`]).
    pub declined: bool,
}

impl Change {
    /// The effect of a change from `before` to `after`.
    pub fn between(before: &Order, after: &Order) -> Self {
        let closes = before.state.is_open() && !after.state.is_open();
        let is_ours = matches!(after.payment.method, Method::Saved { .. });
        Self { closes, declined: closes && is_ours && after.state == State::PaymentFailed }
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
