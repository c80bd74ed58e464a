//! common through a small service that has one route of each kind.

#![allow(clippy::unwrap_used, reason = "helpers of tests that cannot go on say so by panicking")]

mod context;
mod documents;
mod failures;
mod issuer;
mod preflight;
mod sample;
mod tokens;
