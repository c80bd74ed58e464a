//! The runtime that every service needs, so that a service's `main.rs` is one line.
//!
//! - [`run`]: one binary, several functions; the variable `TRIGGER` says what invokes this one ([`trigger`])
//! - [`config`]: settings from the environment, secrets fetched on first use
//! - `entry`, `source`: base path, request id and source address from the gateway's event
//! - [`telemetry`]: JSON log lines; [`metrics`]: metrics as log lines
//! - [`fingerprint`]: keyed hashes of personal data, for limits and suppressions
//! - [`client`]: calls to other services; [`aws`]: configuration of AWS clients
//! - [`postgres`]: a pool opened on first use; [`outbox`]: messages that are sent only after commit
//! - [`queue`]: batches of SQS messages
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
