//! Code that all four services share. It knows no type of a service.
//!
//! - [`auth`]: who is calling and what the token allows; a handler asks for it with [`auth::Caller`]
//! - [`problem`]: every failure a client can see, as RFC 9457 problem details
//! - [`input`]: JSON bodies, with every bad field reported at once; [`extract`]: path and query
//! - [`contact`]: e-mail addresses, phone numbers and postal addresses
//! - [`idempotency`]: the key that a client gives to one attempt
//! - [`money`], [`page`], [`id`], [`sku`], [`timestamp`], [`etag`]: types that requests and answers share
//! - [`cause`]: an error with its causes, for the log
//! - [`http`]: middleware of every router: request id, log line, deadline, limits, panics
//! - [`mod@routes`]: routes and their OpenAPI descriptions; [`openapi`]: the parts that all operations have in common

pub mod auth;
pub mod cause;
pub mod contact;
pub mod etag;
pub mod extract;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod input;
pub mod locale;
pub mod money;
pub mod openapi;
pub mod outbound;
pub mod page;
pub mod problem;
pub mod routes;
pub mod sku;
pub mod timestamp;
