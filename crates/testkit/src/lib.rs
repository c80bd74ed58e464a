//! For tests only: a fresh database for every test, tokens for any caller, an in-process client, and a network that
//! counts and fails on purpose. Everything here panics instead of returning errors, which fails the test.

#![allow(clippy::unwrap_used, reason = "a test helper that cannot go on says so by panicking")]

pub mod client;
pub mod contract;
pub mod cursors;
pub mod emf;
pub mod logs;
pub mod mongo;
pub mod postgres;
pub mod proxy;
mod schema;
pub mod stores;
pub mod tokens;

pub use client::{Answer, Client};
pub use proxy::Proxy;
