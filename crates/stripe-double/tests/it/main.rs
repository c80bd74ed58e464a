//! The double as its callers see it: over HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod balance;
mod cards;
mod control;
mod customers;
mod disputes;
mod expanding;
mod faults;
mod forms;
mod idempotency;
mod listing;
mod manual_capture;
mod objects;
mod ownership;
mod program;
mod refunds;
mod setup_intents;
mod states;
mod support;
mod three_d_secure;
mod webhooks;
