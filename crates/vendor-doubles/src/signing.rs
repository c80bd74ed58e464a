//! The vendors' webhooks: how each signs what it posts. Pure functions and keys made on the spot, for tests of verifiers
//! and for the doubles themselves.

pub mod sendgrid;
pub mod sns;
pub mod twilio;
