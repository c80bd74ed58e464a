//! The bookings of one order so far.

use std::collections::BTreeSet;

use super::entry::{Account, Booking, Entry, Kind, LedgerEntry};

/// The entries of an order: stored ones, and those that are about to be stored.
#[derive(Debug, Clone, Default)]
pub struct Books {
    lines: Vec<Line>,
    reversed: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Line {
    kind: Kind,
    source: String,
    entry: Entry,
}

impl Books {
    /// The books with these stored entries.
    pub fn of(entries: Vec<LedgerEntry>) -> Self {
        let mut books = Self::default();
        for LedgerEntry { kind, source, reverses, account, amount, .. } in entries {
            books.reversed.extend(reverses);
            books.lines.push(Line { kind, source, entry: Entry { account, amount } });
        }
        books
    }

    /// Adds a booking.
    pub fn add(&mut self, booking: &Booking) {
        let Booking { kind, source, reverses, entries, .. } = booking;
        self.reversed.extend(reverses.clone());
        let line = |entry: &Entry| Line { kind: *kind, source: source.clone(), entry: *entry };
        self.lines.extend(entries.iter().map(line));
    }

    /// Whether a source is booked.
    pub fn has(&self, source: &str) -> bool {
        self.lines.iter().any(|line| line.source == source)
    }

    /// Whether the entries of a source are reversed.
    pub fn is_reversed(&self, source: &str) -> bool {
        self.reversed.contains(source)
    }

    /// The entries of a source.
    pub(super) fn entries_of(&self, source: &str) -> impl Iterator<Item = Entry> {
        self.lines.iter().filter(move |line| line.source == source).map(|line| line.entry)
    }

    /// The captured sum of an account.
    pub(super) fn earned(&self, account: Account) -> i64 {
        -self.sum(account, |kind| kind == Kind::Capture)
    }

    /// The refunded sum of an account, without failed refunds.
    pub(super) fn taken_back(&self, account: Account) -> i64 {
        self.sum(account, is_refund)
    }

    /// The refunded sum, without failed refunds.
    pub fn refunded(&self) -> i64 {
        -self.sum(Account::Stripe, is_refund)
    }

    fn sum(&self, account: Account, counts: impl Fn(Kind) -> bool) -> i64 {
        let lines = self.lines.iter().filter(|line| line.entry.account == account && counts(line.kind));
        lines.map(|line| line.entry.amount).sum()
    }
}

fn is_refund(kind: Kind) -> bool {
    matches!(kind, Kind::Refund | Kind::RefundFailure)
}
