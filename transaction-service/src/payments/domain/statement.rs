//! Refunds and disputes of an order at Stripe, compared with the ledger. Pure: the same statement leads to the same books,
//! whichever events arrived in whichever order.
//!
//! | a refund that | is |
//! | --- | --- |
//! | succeeded | booked, once |
//! | failed or was canceled | reversed if it is booked; booked and reversed if it moved money before it was seen |
//! | is pending, requires action, or has an unknown status | not booked; its next event is applied |

use std::collections::BTreeMap;

use common::timestamp::Timestamp;
use stripe::{Dispute, DisputeStatus, List, Refund, RefundStatus};

use super::money;
use crate::{
    ledger::domain::{self as ledger, Booking, Books},
    orders::domain::Order,
};

/// Refunds and disputes of a payment, as read from Stripe.
#[derive(Debug)]
pub struct Statement {
    /// All refunds of the payment, newest first.
    pub refunds: List<Refund>,
    /// All disputes of the payment, newest first; `None` when they were not read.
    pub disputes: Option<List<Dispute>>,
    /// Whether the charge was ever disputed.
    pub is_disputed: bool,
}

/// The status in which each refund and dispute was last seen, by id.
pub type Seen = BTreeMap<String, String>;

/// Changes of the ledger and the order, and alarms for staff.
#[derive(Debug, PartialEq, Eq)]
pub struct Changes {
    /// Missing bookings, oldest first.
    pub bookings: Vec<Booking>,
    /// The refunded sum in minor units.
    pub refunded: i64,
    /// Whether a dispute is open or lost.
    pub disputed: bool,
    /// Refunds and disputes whose status has changed.
    pub status_changes: Vec<StatusChange>,
    /// Number of objects that could not be read.
    pub passed_over: usize,
}

/// A refund or dispute in a status that it was not seen in before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Id of the refund or dispute.
    pub id: String,
    /// The new status.
    pub status: String,
    /// Meaning of the status to staff.
    pub meaning: Meaning,
    /// Stripe's reason code, if any: why a refund failed, or what the cardholder claims.
    pub reason: Option<String>,
    /// Amount in Stripe's smallest units.
    pub amount: i64,
    /// Currency code in lower case, as Stripe writes it.
    pub currency: String,
}

/// Meaning of a status to staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Staff need do nothing.
    Nothing,
    /// The refund failed; the shopper does not get the money.
    RefundFailed,
    /// The bank asks for an answer to a dispute.
    DisputeOpened,
    /// The dispute is lost, and the money with it.
    DisputeLost,
    /// The dispute is won; the money came back or never left.
    DisputeWon,
    /// The status is unknown or absent.
    Unknown,
}

impl Statement {
    /// The changes that follow for an order.
    pub fn compare(&self, order: &Order, books: &Books, seen: &Seen, now: Timestamp) -> Changes {
        let mut work = Comparison {
            books: books.clone(),
            seen,
            now,
            bookings: Vec::new(),
            status_changes: Vec::new(),
            passed_over: 0,
        };
        let listed = self.disputes.as_ref();
        work.passed_over = self.refunds.unreadable.len() + listed.map_or(0, |disputes| disputes.unreadable.len());
        for refund in self.refunds.data.iter().rev() {
            work.refund(refund);
        }
        for dispute in listed.iter().flat_map(|disputes| disputes.data.iter().rev()) {
            work.dispute(dispute);
        }
        let disputed = match listed {
            // When no dispute can be read, the charge decides.
            Some(list) if !list.data.is_empty() => list.data.iter().any(|dispute| !dispute.is_over_for_good()),
            _ => self.is_disputed,
        };
        // A refund of unmatched money is no refund of the order.
        let refunded = work.books.refunded().clamp(0, order.payment.captured);
        let Comparison { bookings, status_changes, passed_over, .. } = work;
        Changes { bookings, refunded, disputed, status_changes, passed_over }
    }
}

impl Changes {
    /// Whether nothing has to be saved.
    pub fn is_nothing(&self, order: &Order) -> bool {
        let payment = &order.payment;
        let is_known = (payment.refunded, payment.disputed) == (self.refunded, self.disputed);
        is_known && self.bookings.is_empty() && self.status_changes.is_empty()
    }
}

struct Comparison<'a> {
    books: Books,
    seen: &'a Seen,
    now: Timestamp,
    bookings: Vec<Booking>,
    status_changes: Vec<StatusChange>,
    passed_over: usize,
}

impl Comparison<'_> {
    fn refund(&mut self, refund: &Refund) {
        let id = refund.id.as_str();
        let Some(amount) = money(refund.amount, &refund.currency) else {
            self.passed_over += 1;
            return;
        };
        let meaning = match &refund.status {
            Some(RefundStatus::Succeeded) => {
                if !self.books.has(id) {
                    self.book(ledger::refund(&self.books, &refund.id, amount, self.now));
                }
                Meaning::Nothing
            }
            Some(RefundStatus::Failed | RefundStatus::Canceled) => {
                let returned = refund.failure_balance_transaction.as_ref();
                if returned.is_some() && !self.books.has(id) {
                    self.book(ledger::refund(&self.books, &refund.id, amount, self.now));
                }
                if self.books.has(id) && !self.books.is_reversed(id) {
                    self.book(ledger::refund_failure(&self.books, &refund.id, returned, amount.currency, self.now));
                }
                Meaning::RefundFailed
            }
            Some(RefundStatus::Pending | RefundStatus::RequiresAction) => Meaning::Nothing,
            Some(RefundStatus::Other(_)) | None => Meaning::Unknown,
        };
        let status = refund.status.as_ref().map(RefundStatus::as_str);
        self.note(id, status, |id, status| StatusChange {
            id,
            status,
            meaning,
            reason: refund.failure_reason.clone(),
            amount: refund.amount,
            currency: refund.currency.clone(),
        });
    }

    fn dispute(&mut self, dispute: &Dispute) {
        for transaction in &dispute.balance_transactions {
            if self.books.has(transaction.id.as_str()) || (transaction.amount == 0 && transaction.fee == 0) {
                continue;
            }
            match money(transaction.amount, &transaction.currency) {
                Some(amount) => self.book(ledger::dispute(transaction, amount.currency, self.now)),
                None => self.passed_over += 1,
            }
        }
        let meaning = match &dispute.status {
            Some(
                DisputeStatus::NeedsResponse | DisputeStatus::WarningNeedsResponse | DisputeStatus::AppealNeedsResponse,
            ) => Meaning::DisputeOpened,
            Some(DisputeStatus::UnderReview | DisputeStatus::WarningUnderReview | DisputeStatus::AppealUnderReview) => {
                Meaning::Nothing
            }
            Some(DisputeStatus::Won | DisputeStatus::WarningClosed | DisputeStatus::Prevented) => Meaning::DisputeWon,
            Some(DisputeStatus::Lost) => Meaning::DisputeLost,
            Some(DisputeStatus::Other(_)) | None => Meaning::Unknown,
        };
        let status = dispute.status.as_ref().map(DisputeStatus::as_str);
        self.note(dispute.id.as_str(), status, |id, status| StatusChange {
            id,
            status,
            meaning,
            reason: dispute.reason.clone(),
            amount: dispute.amount,
            currency: dispute.currency.clone(),
        });
    }

    fn book(&mut self, booking: Booking) {
        self.books.add(&booking);
        self.bookings.push(booking);
    }

    /// Adds a status change unless the status was seen last time.
    fn note(&mut self, id: &str, status: Option<&str>, status_changes: impl FnOnce(String, String) -> StatusChange) {
        let status = status.unwrap_or("null");
        if self.seen.get(id).is_none_or(|seen| seen != status) {
            self.status_changes.push(status_changes(id.to_owned(), status.to_owned()));
        }
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
