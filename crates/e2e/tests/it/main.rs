//! The services together, over network connections: one address for all of them, as behind the gateway.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod purchase;
mod tokens;
