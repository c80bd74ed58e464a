//! The glue with I/O that every service needs, so that a service's `main.rs` is one line.
//!
//! - [`run`]: one binary, several functions; the variable `TRIGGER` says what wakes this one ([`trigger`])
//! - [`config`]: settings from the environment, secrets fetched on first use
//! - `entry`, `source`: what only the gateway knows of a request, where its routes find it
//! - [`telemetry`]: JSON log lines; [`metrics`]: what is counted, and the lines that say it
//! - [`fingerprint`]: keyed hashes under which limits count people
//! - [`client`]: calls to sibling services; [`aws`]: what clients of AWS share
//! - [`postgres`]: a pool made on first use; [`outbox`]: messages that leave only after commit
//! - [`queue`]: batches of SQS, and what wraps their messages
//! - [`health`]: liveness and readiness routes

pub mod after_response;
pub mod aws;
pub mod client;
pub mod config;
mod entry;
pub mod fingerprint;
pub mod health;
pub mod metrics;
pub mod outbox;
pub mod postgres;
pub mod queue;
mod source;
pub mod sweep;
pub mod telemetry;
pub mod trigger;

pub use trigger::{Service, TriggerError, run};
