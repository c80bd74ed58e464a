//! Bookings of movements of money. The entries of one booking sum to zero; the database refuses others. How each movement is
//! booked: `docs/decisions/0026-ledger-of-refunds-and-disputes.md`.

mod books;
mod entry;
mod split;

use common::{
    money::{Currency, Money},
    timestamp::Timestamp,
};
use stripe::{BalanceTransaction, BalanceTransactionId, ChargeId, RefundId};

use self::split::split;
pub use self::{
    books::Books,
    entry::{Account, Booking, Entry, Kind, LedgerEntry},
};
use crate::pricing::Pricing;

/// Books that `charge` captured the whole price.
pub fn capture(charge: &ChargeId, pricing: &Pricing, now: Timestamp) -> Booking {
    let credits =
        [(Account::Sales, pricing.subtotal), (Account::Shipping, pricing.shipping.price), (Account::Tax, pricing.tax)];
    let credits = credits.map(|(account, money)| (account, -money.amount));
    let debit = (Account::Stripe, pricing.total.amount);
    booking(Kind::Capture, charge.to_string(), pricing.currency(), [debit].into_iter().chain(credits), now)
}

/// Books that `charge` captured `amount`, which does not pay for the order.
pub fn unmatched(charge: &ChargeId, amount: Money, now: Timestamp) -> Booking {
    let entries = [(Account::Stripe, amount.amount), (Account::Unmatched, -amount.amount)];
    booking(Kind::Unmatched, charge.to_string(), amount.currency, entries.into_iter(), now)
}

/// Books that `refund` gave back `amount`: sales, shipping and tax are each reduced by their share, so that they are zero
/// once all is refunded. Unmatched money is taken from its account.
pub fn refund(books: &Books, refund: &RefundId, amount: Money, now: Timestamp) -> Booking {
    let (parts, taken) =
        (Account::PARTS.map(|part| books.earned(part)), Account::PARTS.map(|part| books.taken_back(part)));
    let debits = match split(parts, taken, amount.amount) {
        Some(split) => {
            [(Account::PARTS[0], split[0]), (Account::PARTS[1], split[1]), (Account::PARTS[2], split[2])].to_vec()
        }
        None => vec![(Account::Unmatched, amount.amount)],
    };
    let credit = (Account::Stripe, -amount.amount);
    booking(Kind::Refund, refund.to_string(), amount.currency, debits.into_iter().chain([credit]), now)
}

/// Books that `refund`, which is booked, failed: each of its entries is reversed.
pub fn refund_failure(
    books: &Books,
    refund: &RefundId,
    cause: Option<&BalanceTransactionId>,
    currency: Currency,
    now: Timestamp,
) -> Booking {
    let entries = books.entries_of(refund.as_str()).map(|entry| (entry.account, -entry.amount));
    // Without a balance transaction of Stripe, the id of the refund names the reversal.
    let source = cause.map_or_else(|| format!("{refund}:failed"), ToString::to_string);
    let booking = booking(Kind::RefundFailure, source, currency, entries, now);
    Booking { reverses: Some(refund.to_string()), ..booking }
}

/// Books a balance transaction of a dispute: the withdrawn or returned amount, and the fee. In the currency that Stripe pays
/// out, which may differ from the payment's.
pub fn dispute(transaction: &BalanceTransaction, currency: Currency, now: Timestamp) -> Booking {
    let amount = stripe::amount::from_stripe(transaction.amount, currency);
    let fee = stripe::amount::from_stripe(transaction.fee, currency);
    let kind = if amount > 0 || (amount == 0 && fee < 0) { Kind::DisputeReversal } else { Kind::Dispute };
    let entries = [(Account::Disputes, -amount), (Account::StripeFees, fee), (Account::Stripe, amount - fee)];
    booking(kind, transaction.id.to_string(), currency, entries.into_iter(), now)
}

fn booking(
    kind: Kind,
    source: String,
    currency: Currency,
    entries: impl Iterator<Item = (Account, i64)>,
    booked_at: Timestamp,
) -> Booking {
    let entries = entries.filter(|(_, amount)| *amount != 0).map(|(account, amount)| Entry { account, amount });
    Booking { kind, source, reverses: None, currency, entries: entries.collect(), booked_at }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
