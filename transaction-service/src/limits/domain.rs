//! Who is counted, and how much each may have. Pure: the conditional update in `orders::store::insert` is this rule once
//! more, where races are decided.
//!
//! An attempt is taken while each of its counters has room: for one more open order, for its units, and for one more
//! decline, where every open order counts as a decline that may yet come. So no crowd of requests that are sent at once
//! gets more declines than one that is sent in a row.

use std::time::Duration;

use common::timestamp::Timestamp;
use platform::fingerprint::Fingerprint;
use strum::{Display, IntoStaticStr};

use crate::{
    ids::Owner,
    orders::domain::{Method, Order, State},
};

/// Counters stay at least this long after they were last changed: longer than any attempt that they say has ended.
const MIN_KEEP: Duration = Duration::from_hours(1);
/// When to ask again where declines may yet come of orders that are open.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// How much one counter may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// Orders that wait for their payment.
    pub open_orders: u32,
    /// Units that these orders hold.
    pub held_units: u32,
    /// Declined payments within the window.
    pub declines: u32,
}

/// The limits of the shop; from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of a customer, a guest, and an address that guests gave.
    pub caller: Ceiling,
    /// Of a source address, behind which there may be an office.
    pub source: Ceiling,
    /// Declined tries of one order that the frontend pays, and declined cards of one SetupIntent.
    pub declines_per_order: u32,
    /// How long a decline counts, from the first of several.
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

/// Who a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A customer.
    User,
    /// A guest.
    Guest,
    /// An address that guests gave, by its fingerprint.
    Recipient,
    /// A source address, by its fingerprint.
    Source,
}

impl Kind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The counters of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Who orders.
    pub owner: Owner,
    /// The address that a guest gave.
    pub recipient: Option<Fingerprint>,
    /// Where the request came from.
    pub source: Option<Fingerprint>,
}

impl Counters {
    /// Each by kind and key.
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

/// Limit a counter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Who is counted.
    pub kind: Kind,
    /// Orders that wait for their payment.
    pub open_orders: i64,
    /// Units that they hold.
    pub held_units: i64,
    /// Declined payments within the window.
    pub declines: i64,
    /// When the window ends.
    pub declines_until: Option<Timestamp>,
}

impl Count {
    /// The count of a counter that nothing was counted in.
    pub fn of_nothing(kind: Kind) -> Self {
        Self { kind, open_orders: 0, held_units: 0, declines: 0, declines_until: None }
    }

    /// How long the declines still count; `None` where there are none, or none that count.
    fn declined_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.declines_until?.unix_millis() - now.unix_millis();
        u64::try_from(left).ok().filter(|left| *left > 0 && self.declines > 0).map(Duration::from_millis)
    }
}

/// Limit there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
pub enum Limit {
    /// Open orders.
    #[strum(serialize = "open orders")]
    OpenOrders,
    /// Units on hold.
    #[strum(serialize = "units on hold")]
    HeldUnits,
    /// Declined payments; when there may be another.
    #[strum(serialize = "declined payments")]
    Declines(Duration),
}

/// A limit that an attempt meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {most} {limit} of one {}", .by.as_str())]
pub struct Exceeded {
    /// Of what.
    pub limit: Limit,
    /// In which counter.
    pub by: Kind,
    /// The limit.
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

    /// Whether all counters have room for another order of so many units. The first that has none says why.
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

    /// Whether so many declined tries, of one payment or SetupIntent and of its caller, are enough.
    pub fn are_enough(&self, of_one: i64, of_caller: i64) -> bool {
        of_one >= i64::from(self.declines_per_order) || of_caller >= i64::from(self.caller.declines)
    }

    /// How long a counter stays after it was last changed.
    pub fn keep_for(&self) -> Duration {
        self.window.max(MIN_KEEP)
    }
}

/// Limit a change of an order does to its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// The order and its units are no longer counted.
    pub closes: bool,
    /// Its payment was declined. Declines of payments that the frontend confirms are counted as they come
    /// ([`super::declines`]).
    pub declined: bool,
}

impl Change {
    /// From one state of an order to the next.
    pub fn between(before: &Order, after: &Order) -> Self {
        let closes = before.state.is_open() && !after.state.is_open();
        let is_ours = matches!(after.payment.method, Method::Saved { .. });
        Self { closes, declined: closes && is_ours && after.state == State::PaymentFailed }
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
