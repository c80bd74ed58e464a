//! The calls, against a double of Stripe that behaves as Stripe documents it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod declines;
mod events;
mod failures;
mod payments;
mod refunds;
mod replaced_key;
mod saved_cards;
mod secrecy;
mod support;
